// What do single parts cost: a set of Pids, the stash, the first watch of an actor?

#include <numeric>
#include <random>

#include "core/actor/message_handles.h"
#include "core/actor/pid_set.h"
#include "tests/bench/core/stage.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

class Bystander final : public core::Actor {
 public:
  void receive(Context&) override {}
};

struct SetTimes {
  core::Duration add{0};
  core::Duration contains{0};
  core::Duration remove{0};
};

template <typename Operation>
core::Duration time_each(std::vector<core::PidSet>& sets, const std::vector<Pid>& pids,
                         const char* what, Operation operation) {
  const core::SteadyClock clock;
  std::uint64_t true_count = 0;
  const core::Instant begin = clock.now();
  for (core::PidSet& set : sets) {
    for (const Pid& pid : pids) true_count += operation(set, pid) ? 1 : 0;
  }
  const core::Duration took = clock.now() - begin;
  expect_equal(what, sets.size() * pids.size(), true_count);
  return took;
}

// Fills `sets` with the same Pids, looks all of them up in another order, and empties them in a third.
void time_round(std::vector<core::PidSet>& sets, std::vector<Pid>& pids, std::mt19937_64& random,
                SetTimes& times) {
  times.add += time_each(sets, pids, "Pids added",
                         [](core::PidSet& set, const Pid& pid) { return set.add(pid); });
  std::shuffle(pids.begin(), pids.end(), random);
  times.contains += time_each(sets, pids, "Pids found",
                              [](core::PidSet& set, const Pid& pid) { return set.contains(pid); });
  std::shuffle(pids.begin(), pids.end(), random);
  times.remove += time_each(sets, pids, "Pids removed",
                            [](core::PidSet& set, const Pid& pid) { return set.remove(pid); });
}

Sample run_pidset(const Setting& setting) {
  constexpr std::size_t kPidCountMax = 4096;
  Stage stage(setting);
  const auto all = stage.spawn_many<Bystander>(kPidCountMax);
  std::mt19937_64 random(1);
  Sample sample{.value = 0};
  double sum = 0;
  for (const std::size_t size : {8, 64, 512, 4096}) {
    std::vector<Pid> pids(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size));
    // As many at once as make the clock's own time small.
    std::vector<core::PidSet> sets(kPidCountMax / size);
    const std::uint64_t round_count = setting.scaled(100);
    SetTimes times;
    for (std::uint64_t i = 0; i < round_count; ++i) time_round(sets, pids, random, times);
    const auto report = [&](const char* operation, core::Duration time) {
      const double each = ns_per(time, round_count * kPidCountMax);
      sample.fields.emplace_back(operation + ("_" + std::to_string(size)) + "_ns", each);
      sum += each;
    };
    report("add", times.add);
    report("contains", times.contains);
    report("remove", times.remove);
  }
  sample.value = sum / static_cast<double>(sample.fields.size());
  stage.done();
  (void)stage.finish(0);
  return sample;
}

struct Stashed {
  std::uint64_t number;
  std::uint64_t unused;
};

// Stashes 64 messages, makes them ready and takes them out again.
Sample run_stash(const Setting& setting) {
  constexpr std::uint64_t kHeldCount = 64;
  const std::uint64_t round_count = setting.scaled(50'000);
  std::vector<core::EnvelopePtr> messages;
  for (std::uint64_t i = 0; i < kHeldCount; ++i) {
    messages.push_back(core::make_envelope(Stashed{i, 0}));
  }
  core::MessageHandles stash(kHeldCount);
  std::uint64_t taken_count = 0;
  const core::SteadyClock clock;
  core::Duration stash_time{0};
  const core::Instant begin = clock.now();
  for (std::uint64_t round = 0; round < round_count; ++round) {
    const core::Instant round_begin = clock.now();
    for (core::EnvelopePtr& message : messages) (void)stash.stash(message);
    stash_time += clock.now() - round_begin;
    stash.unstash_all();
    for (core::EnvelopePtr& message : messages) {
      message = stash.next();
      taken_count += message != nullptr ? 1 : 0;
    }
  }
  const core::Duration took = clock.now() - begin;
  expect_equal("messages taken out", round_count * kHeldCount, taken_count);
  const std::uint64_t count = round_count * kHeldCount;
  return {.value = ns_per(took, 2 * count),
          .fields = {{"stash_ns", ns_per(stash_time, count)},
                     {"next_ns", ns_per(took - stash_time, count)}}};
}

// On Go: watches two actors, the first for the first time in its life.
class Watcher final : public core::Actor {
 public:
  struct Times {
    std::vector<std::uint32_t> first_ns;
    std::vector<std::uint32_t> second_ns;
  };

  Watcher(Stage* stage, Pid first, Pid second, Times* times)
      : stage_(stage),
        first_(std::move(first)),
        second_(std::move(second)),
        times_(times),
        handled_(stage) {}
  void receive(Context& context) override {
    const auto* go = context.message<Go>();
    if (go == nullptr) return;
    ++handled_;
    times_->first_ns[go->first] = timed_watch(context, first_);
    times_->second_ns[go->first] = timed_watch(context, second_);
    stage_->done();
  }

 private:
  std::uint32_t timed_watch(Context& context, const Pid& target) const {
    const core::Instant begin = clock_.now();
    context.watch(target);
    return saturated_ns(clock_.now() - begin);
  }

  Stage* const stage_;
  const Pid first_;
  const Pid second_;
  Times* const times_;
  const core::SteadyClock clock_{};
  Handled handled_;
};

double mean_of(const std::vector<std::uint32_t>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Sample run_extras(const Setting& setting) {
  const auto count = static_cast<std::uint32_t>(setting.scaled(20'000));
  Watcher::Times times{.first_ns = std::vector<std::uint32_t>(count),
                       .second_ns = std::vector<std::uint32_t>(count)};
  Stage stage(setting, count);
  const Pid first = stage.spawn<Bystander>();
  const Pid second = stage.spawn<Bystander>();
  const auto watchers = stage.spawn_many<Watcher>(count, &stage, first, second, &times);
  stage.begin();
  for (std::uint64_t i = 0; i < count; ++i) stage.send(watchers[i], Go{i, 0});
  (void)stage.finish(count);
  const double mean_ns = mean_of(times.first_ns);
  return {.value = mean_ns,
          .latency = percentiles_of(times.first_ns),
          .fields = {{"second_watch_ns", mean_of(times.second_ns)},
                     {"clock_read_ns", clock_read_ns()}}};
}

}  // namespace

std::vector<Workload> part_workloads() {
  return {
      {.name = "pidset",
       .unit = "ns/op",
       .question = "PidSet: mean of add, contains and remove at 8, 64, 512 and 4096 Pids",
       .run = run_pidset,
       .worker_count_max = 1},
      {.name = "stash",
       .unit = "ns/op",
       .question = "MessageHandles: mean of stashing a message and of taking it out, 64 at a time",
       .run = run_stash,
       .worker_count_max = 1},
      {.name = "extras",
       .unit = "ns/actor",
       .question = "the first watch() of an actor that never used an extra before, mean of 20 k",
       .run = run_extras},
  };
}

}  // namespace nexus::bench
