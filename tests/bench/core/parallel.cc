// What do more workers bring: how much faster is real work, and who waits behind a handler that blocks?

#include <chrono>
#include <memory>
#include <thread>

#include "tests/bench/core/stage.h"
#include "tests/bench/core/worker_tally.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Instant;
using core::Pid;

struct Job {
  std::uint64_t number;
  std::uint64_t unused;
};

// Spends a microsecond on each job.
class Toiler final : public core::Actor {
 public:
  Toiler(Stage* stage, std::uint64_t job_count)
      : stage_(stage), job_count_(job_count), handled_(stage) {}
  void receive(Context& context) override {
    if (context.message<Job>() == nullptr) return;
    const Instant end = clock_.now() + std::chrono::microseconds(1);
    while (clock_.now() < end) {
    }
    WorkerTally::note();
    if (++handled_ == job_count_) stage_->done();
  }

 private:
  Stage* const stage_;
  const std::uint64_t job_count_;
  const core::SteadyClock clock_{};
  Handled handled_;
};

// On Go: hands all jobs out, round robin.
class Foreman final : public core::Actor {
 public:
  Foreman(Stage* stage, std::vector<Pid> toilers, std::uint64_t job_count)
      : stage_(stage), toilers_(std::move(toilers)), job_count_(job_count) {}
  void receive(Context& context) override {
    if (context.message<Go>() == nullptr) return;
    stage_->begin();
    for (std::uint64_t i = 0; i < job_count_; ++i) {
      for (const Pid& toiler : toilers_) context.send(toiler, Job{i, 0});
    }
  }

 private:
  Stage* const stage_;
  const std::vector<Pid> toilers_;
  const std::uint64_t job_count_;
};

Sample run_work(const Setting& setting) {
  constexpr std::uint32_t kToilerCount = 60;
  const std::uint64_t job_count = setting.scaled(1000);
  Stage stage(setting, kToilerCount);
  const auto toilers = stage.spawn_many<Toiler>(kToilerCount, &stage, job_count);
  const Pid foreman = stage.spawn<Foreman>(&stage, toilers, job_count);
  const core::Duration took = stage.run(foreman, kToilerCount * job_count);
  return {.value = nanoseconds(took) / 1e6, .worker_messages = stage.worker_messages()};
}

struct Probe {
  Instant sent_at;
  // How many neighbours it still visits.
  std::uint64_t visits_left;
};
static_assert(sizeof(Probe) == 16);

// What the probed actors share. Each writes the times of its own place only.
struct Probed {
  std::vector<Pid> pids;
  std::vector<std::vector<std::uint32_t>> times_ns;
};

// Notes how long each probe was under way and sends it on to its neighbour.
class Neighbour final : public core::Actor {
 public:
  Neighbour(Stage* stage, Probed* probed, std::uint64_t probe_count)
      : stage_(stage), probed_(probed), probe_count_(probe_count), handled_(stage) {}
  void receive(Context& context) override {
    if (const auto* probe = context.message<Probe>()) {
      const Instant now = clock_.now();
      probed_->times_ns[index_].push_back(saturated_ns(now - probe->sent_at));
      if (probe->visits_left > 0) {
        context.send(probed_->pids[(index_ + 1) % probed_->pids.size()],
                     Probe{now, probe->visits_left - 1});
      }
      if (++handled_ == probe_count_) stage_->done();
    } else if (const auto* go = context.message<Go>()) {
      index_ = go->first;
    }
  }

 private:
  Stage* const stage_;
  Probed* const probed_;
  const std::uint64_t probe_count_;
  const core::SteadyClock clock_{};
  std::size_t index_ = 0;
  Handled handled_;
};

// On Go: sends a probe to everybody, which its own worker then has queued, and blocks that worker.
class Blocker final : public core::Actor {
 public:
  Blocker(Stage* stage, const Probed* probed) : stage_(stage), probed_(probed) {}
  void receive(Context& context) override {
    if (context.message<Go>() == nullptr) return;
    const Instant now = clock_.now();
    for (const Pid& pid : probed_->pids) context.send(pid, Probe{now, 1});
    std::promise<void> never;
    (void)never.get_future().wait_for(std::chrono::milliseconds(100));
    stage_->done();
  }

 private:
  Stage* const stage_;
  const Probed* const probed_;
  const core::SteadyClock clock_{};
};

// The main thread probes everybody each millisecond; every 150 ms the blocker blocks for 100 ms.
Sample run_stuck(const Setting& setting) {
  constexpr std::uint32_t kProbedCount = 60;
  constexpr std::uint64_t kRoundsPerBlock = 150;
  const auto block_count = static_cast<std::uint32_t>(setting.scaled(10));
  const std::uint64_t round_count = block_count * kRoundsPerBlock;
  // Of each actor: its own ones and those that come on from its neighbour.
  const std::uint64_t probe_count = 2 * (round_count + block_count);
  Probed probed;
  Stage stage(setting, kProbedCount + block_count);
  probed.pids = stage.spawn_many<Neighbour>(kProbedCount, &stage, &probed, probe_count);
  probed.times_ns.resize(kProbedCount);
  for (auto& own : probed.times_ns) own.reserve(probe_count);
  for (std::uint64_t i = 0; i < kProbedCount; ++i) stage.send(probed.pids[i], Go{i, 0});
  const Pid blocker = stage.spawn<Blocker>(&stage, &probed);

  const core::SteadyClock clock;
  stage.begin();
  Instant next = clock.now();
  for (std::uint64_t round = 0; round < round_count; ++round) {
    if (round % kRoundsPerBlock == 0) stage.send(blocker, Go{});
    for (const Pid& pid : probed.pids) stage.send(pid, Probe{clock.now(), 1});
    next += std::chrono::milliseconds(1);
    std::promise<void> never;
    (void)never.get_future().wait_until(next);
  }
  (void)stage.finish(kProbedCount * probe_count);

  std::vector<std::uint32_t> times_ns;
  for (const auto& own : probed.times_ns) times_ns.insert(times_ns.end(), own.begin(), own.end());
  const double worst_ns = *std::max_element(times_ns.begin(), times_ns.end());
  return {.value = worst_ns / 1e6, .latency = percentiles_of(times_ns)};
}

}  // namespace

std::vector<Workload> parallel_workloads() {
  return {
      {.name = "work",
       .unit = "ms",
       .question = "60 actors spend 1 us on each of 1000 messages: wall time of all",
       .run = run_work,
       .compares_with_one_worker = true},
      {.name = "stuck",
       .unit = "ms",
       .question = "the worst delay of a message to any of 60 actors while another one's handler "
                   "blocks its worker for 100 ms",
       .run = run_stuck,
       .worker_count_min = 2},
  };
}

}  // namespace nexus::bench
