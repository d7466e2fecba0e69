// How fast do actors come and go, and how much memory does one take that only waits?

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <thread>

#include "tests/bench/core/run_self.h"
#include "tests/bench/core/stage.h"
#include "tests/bench/core/worker_tally.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

struct Work {
  std::uint64_t number;
  std::uint64_t unused;
};

// Lives for one message.
class Mayfly final : public core::Actor {
 public:
  void receive(Context& context) override {
    if (context.message<Work>() == nullptr) return;
    WorkerTally::note();
    context.stop(context.self());
  }
};

// On Go: spawns so many children, sends each a message, and is done when all are gone.
class Parent final : public core::Actor {
 public:
  Parent(Stage* stage, std::uint64_t child_count, bool named)
      : stage_(stage), child_count_(child_count), named_(named) {}
  void receive(Context& context) override {
    if (context.message<core::Terminated>() != nullptr) {
      if (++gone_count_ == child_count_) stage_->done();
    } else if (context.message<Go>() != nullptr) {
      stage_->begin();
      for (std::uint64_t i = 0; i < child_count_; ++i) {
        const auto child =
            named_ ? context.spawn_named(props_, std::to_string(i)) : context.spawn(props_);
        if (!child.ok()) return stage_->fail("an actor was not spawned: " + child.error().detail);
        context.send(*child, Work{i, 0});
      }
    }
  }

 private:
  Stage* const stage_;
  const std::uint64_t child_count_;
  const bool named_;
  const core::PropsPtr props_ = core::share(core::props<Mayfly>());
  std::uint64_t gone_count_ = 0;
};

Sample run_create(const Setting& setting, bool named) {
  const std::uint64_t count = setting.scaled(1'000'000);
  Stage stage(setting);
  const Pid parent = stage.spawn<Parent>(&stage, count, named);
  const core::Duration took = stage.run(parent, 0);
  const auto handled = WorkerTally::counts();
  expect_equal("messages handled", count,
               std::accumulate(handled.begin(), handled.end(), std::uint64_t{0}));
  return {.value = per_second(took, count), .worker_messages = stage.worker_messages()};
}

class Idler final : public core::Actor {
 public:
  explicit Idler(std::atomic<std::uint64_t>* started_count) : started_count_(started_count) {}
  void receive(Context& context) override {
    if (context.message<core::Started>() != nullptr) started_count_->fetch_add(1);
  }

 private:
  std::atomic<std::uint64_t>* const started_count_;
};

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages_in_all = 0;
  std::uint64_t pages_resident = 0;
  statm >> pages_in_all >> pages_resident;
  return pages_resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// In a process of its own, so that what earlier runs left behind does not count.
Sample run_idle(const Setting& setting, const std::string& workload, bool named) {
  const std::uint64_t count = setting.scaled(1'000'000);
  const std::string printed =
      run_self({"--idle-actors", std::to_string(count), "--idle-named", named ? "true" : "false",
                "--workers", std::to_string(setting.worker_count)});
  char* end = nullptr;
  const double bytes = std::strtod(printed.c_str(), &end);
  if (end == printed.c_str()) throw Broken(workload + ": the child process said: " + printed);
  return {.value = bytes, .fields = {{"actors", static_cast<double>(count)}}};
}

}  // namespace

double idle_actor_bytes(const Setting& setting, std::uint64_t count, bool named) {
  // More would be queued than is ever idle, and their memory would count.
  constexpr std::uint64_t kUnstartedCountMax = 1024;
  std::atomic<std::uint64_t> started_count{0};
  Stage stage(setting);
  const auto props = core::share(core::props<Idler>(&started_count));
  const std::uint64_t before = resident_bytes();
  for (std::uint64_t i = 0; i < count; ++i) {
    Stage::expect_spawned(named ? stage.system().spawn_named(props, std::to_string(i))
                                : stage.system().spawn(props));
    while (i + 1 - started_count.load() > kUnstartedCountMax) std::this_thread::yield();
  }
  while (started_count.load() < count) std::this_thread::yield();
  const std::uint64_t after = resident_bytes();
  stage.done();
  (void)stage.finish(0);
  return (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(count);
}

std::vector<Workload> lifecycle_workloads() {
  return {
      {.name = "forkjoin_create",
       .unit = "actors/s",
       .question = "one parent spawns 1 M named children, each stops itself at its first message",
       .run = [](const Setting& setting) { return run_create(setting, true); }},
      {.name = "forkjoin_create_anonymous",
       .unit = "actors/s",
       .question = "the same without names",
       .run = [](const Setting& setting) { return run_create(setting, false); }},
      {.name = "idle_actors",
       .unit = "bytes",
       .question = "resident memory of each of 1 M named actors that have started and wait",
       .run = [](const Setting& setting) { return run_idle(setting, "idle_actors", true); }},
      {.name = "idle_actors_anonymous",
       .unit = "bytes",
       .question = "the same without names",
       .run =
           [](const Setting& setting) {
             return run_idle(setting, "idle_actors_anonymous", false);
           }},
  };
}

}  // namespace nexus::bench
