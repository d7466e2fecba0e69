// The workloads of core_bench for CAF 0.17: event-based actors, the default scheduler. A message is an atom and two integers.
//
//   caf_bench WORKERS RUNS SCALE
//
// Each workload runs once unmeasured, then RUNS times, each time in an actor system of its own. The time is from the driver's
// beginning to the last actor that is done.

#include <algorithm>
#include <atomic>
#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "report.h"

namespace {

using caf::actor;
using caf::behavior;
using caf::stateful_actor;
using Clock = std::chrono::steady_clock;

using go_atom = caf::atom_constant<caf::atom("go")>;
using ping_atom = caf::atom_constant<caf::atom("ping")>;
using pong_atom = caf::atom_constant<caf::atom("pong")>;
using tell_atom = caf::atom_constant<caf::atom("tell")>;
using token_atom = caf::atom_constant<caf::atom("token")>;
using next_atom = caf::atom_constant<caf::atom("next")>;
using work_atom = caf::atom_constant<caf::atom("work")>;
using ask_atom = caf::atom_constant<caf::atom("ask")>;
using reply_atom = caf::atom_constant<caf::atom("reply")>;

// What the actors of a run tell the main thread.
class Stage {
 public:
  Stage(caf::actor_system& system, Count finisher_count)
      : system(system), unfinished_count_(finisher_count) {}

  void begin() { begin_ = Clock::now(); }
  void done() {
    if (unfinished_count_.fetch_sub(1) != 1) return;
    end_ = Clock::now();
    ended_.set_value();
  }
  // Starts the driver and waits for the last done(); in ns.
  double run(const actor& driver) {
    caf::anon_send(driver, go_atom::value);
    return finish();
  }
  double finish() {
    ended_.get_future().wait();
    return std::chrono::duration<double, std::nano>(end_ - begin_).count();
  }

  caf::actor_system& system;

 private:
  Clock::time_point begin_;
  Clock::time_point end_;
  std::promise<void> ended_;
  std::atomic<Count> unfinished_count_;
};

;

struct Left {
  Count count = 0;
};

behavior ponger(caf::event_based_actor*) {
  return {[](ping_atom, Count round, Count) {
    return std::make_tuple(pong_atom::value, round, Count{0});
  }};
}

behavior pinger(stateful_actor<Left>* self, Stage* stage, const actor& partner, Count round_count) {
  self->state.count = round_count;
  const auto ping = [=] {
    if (self->state.count == 0) return stage->done();
    self->send(partner, ping_atom::value, --self->state.count, Count{0});
  };
  return {[=](go_atom) {
            stage->begin();
            ping();
          },
          [=](pong_atom, Count, Count) { ping(); }};
}

Result run_pingpong(caf::actor_system& system, Count round_count) {
  Stage stage(system, 1);
  const actor partner = system.spawn(ponger);
  const actor driver = system.spawn(pinger, &stage, partner, round_count);
  const double ns = stage.run(driver);
  caf::anon_send_exit(partner, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(driver, caf::exit_reason::user_shutdown);
  return {ns, 2 * round_count};
}

// Ends when it has counted so many.
behavior counter(stateful_actor<Left>* self, Stage* stage, Count count) {
  self->state.count = count;
  return {[=](tell_atom, Count, Count) {
    if (--self->state.count > 0) return;
    stage->done();
    self->quit();
  }};
}

behavior producer(caf::event_based_actor* self, Stage* stage, const std::vector<actor>& targets,
                  Count count) {
  return {[=](go_atom) {
    if (stage != nullptr) stage->begin();
    for (Count i = 0; i < count; ++i) {
      for (const actor& target : targets) self->send(target, tell_atom::value, i, Count{0});
    }
    self->quit();
  }};
}

Result run_fan_out(caf::actor_system& system, std::size_t counter_count, Count count) {
  Stage stage(system, counter_count);
  std::vector<actor> counters;
  for (std::size_t i = 0; i < counter_count; ++i) {
    counters.push_back(system.spawn(counter, &stage, count));
  }
  return {stage.run(system.spawn(producer, &stage, counters, count)), counter_count * count};
}

Result run_many_to_one(caf::actor_system& system, Count count) {
  constexpr std::size_t kProducerCount = 100;
  Stage stage(system, 1);
  const std::vector<actor> target{system.spawn(counter, &stage, kProducerCount * count)};
  std::vector<actor> producers;
  for (std::size_t i = 0; i < kProducerCount; ++i) {
    producers.push_back(system.spawn(producer, nullptr, target, count));
  }
  const actor starter = system.spawn([&](caf::event_based_actor* self) -> behavior {
    return {[self, &stage, &producers](go_atom) {
      stage.begin();
      for (const actor& each : producers) self->send(each, go_atom::value);
      self->quit();
    }};
  });
  return {stage.run(starter), kProducerCount * count};
}

struct Next {
  actor pid;
};

behavior link(stateful_actor<Next>* self, Stage* stage) {
  return {[=](next_atom, const actor& next) { self->state.pid = next; },
          [=](token_atom, Count hops_left, Count) {
            if (hops_left == 0) return stage->done();
            self->send(self->state.pid, token_atom::value, hops_left - 1, Count{0});
          }};
}

Result run_ring(caf::actor_system& system, Count hop_count) {
  constexpr std::size_t kLinkCount = 100;
  Stage stage(system, 1);
  std::vector<actor> links;
  for (std::size_t i = 0; i < kLinkCount; ++i) links.push_back(system.spawn(link, &stage));
  for (std::size_t i = 0; i < kLinkCount; ++i) {
    caf::anon_send(links[i], next_atom::value, links[(i + 1) % kLinkCount]);
  }
  stage.begin();
  caf::anon_send(links[0], token_atom::value, hop_count - 1, Count{0});
  const double ns = stage.finish();
  for (const actor& each : links) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  return {ns, hop_count};
}

struct Talk {
  Count pings_left = 0;
  Count random = 1;
};

behavior talker(stateful_actor<Talk>* self, Stage* stage, const std::vector<actor>* talkers,
                Count own_index, Count ping_count) {
  self->state = {ping_count, own_index + 1};
  const auto ping_another = [=] {
    auto& [pings_left, random] = self->state;
    if (pings_left == 0) return stage->done();
    --pings_left;
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    Count other = random % (talkers->size() - 1);
    if (other >= own_index) ++other;
    self->send((*talkers)[other], ping_atom::value, pings_left, Count{0});
  };
  return {[=](go_atom) { ping_another(); },
          [](ping_atom, Count round, Count) {
            return std::make_tuple(pong_atom::value, round, Count{0});
          },
          [=](pong_atom, Count, Count) { ping_another(); }};
}

Result run_big(caf::actor_system& system, Count ping_count) {
  constexpr Count kTalkerCount = 120;
  std::vector<actor> talkers;
  Stage stage(system, kTalkerCount);
  for (Count i = 0; i < kTalkerCount; ++i) {
    talkers.push_back(system.spawn(talker, &stage, &talkers, i, ping_count));
  }
  stage.begin();
  for (const actor& each : talkers) caf::anon_send(each, go_atom::value);
  const double ns = stage.finish();
  for (const actor& each : talkers) caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  return {ns, 2 * kTalkerCount * ping_count};
}

behavior mayfly(caf::event_based_actor* self) {
  return {[=](work_atom, Count, Count) { self->quit(); }};
}

behavior parent(stateful_actor<Left>* self, Stage* stage, Count child_count) {
  self->state.count = child_count;
  self->set_down_handler([=](const caf::down_msg&) {
    if (--self->state.count > 0) return;
    stage->done();
    self->quit();
  });
  return {[=](go_atom) {
    stage->begin();
    for (Count i = 0; i < child_count; ++i) {
      const actor child = self->spawn(mayfly);
      self->monitor(child);
      self->send(child, work_atom::value, i, Count{0});
    }
  }};
}

Result run_create(caf::actor_system& system, Count count) {
  Stage stage(system, 1);
  return {stage.run(system.spawn(parent, &stage, count)), count};
}

behavior answerer(caf::event_based_actor*) {
  return {[](ask_atom, Count number, Count) {
    return std::make_tuple(reply_atom::value, number, Count{0});
  }};
}

struct Asking {
  Count left = 0;
  Clock::time_point last{};
};

void ask(stateful_actor<Asking>* self, Stage* stage, const actor& target,
         std::vector<double>* times_ns) {
  if (self->state.left-- == 0) return stage->done();
  self->request(target, caf::infinite, ask_atom::value, self->state.left, Count{0})
      .then([=](reply_atom, Count, Count) {
        const auto now = Clock::now();
        times_ns->push_back(
            std::chrono::duration<double, std::nano>(now - self->state.last).count());
        self->state.last = now;
        ask(self, stage, target, times_ns);
      });
}

Result run_ask(caf::actor_system& system, Count count) {
  std::vector<double> times_ns;
  times_ns.reserve(count);
  Stage stage(system, 1);
  const actor target = system.spawn(answerer);
  const actor asker = system.spawn([&](stateful_actor<Asking>* self) -> behavior {
    self->state.left = count;
    return {[self, target, &stage, &times_ns](go_atom) {
      stage.begin();
      self->state.last = Clock::now();
      ask(self, &stage, target, &times_ns);
    }};
  });
  const double ns = stage.run(asker);
  caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
  return {ns, count, std::move(times_ns)};
}

struct Workload {
  const char* name;
  const char* unit;
  Count size;
  std::function<Result(caf::actor_system&, Count)> run;
};

// Every run ends all its actors: the system waits for them.
Result run_once(const Workload& workload, std::size_t worker_count, double scale) {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", worker_count);
  caf::actor_system system(config);
  return workload.run(system, std::max<Count>(1, static_cast<Count>(workload.size * scale + 0.5)));
}

void measure(const Workload& workload, std::size_t worker_count, int run_count, double scale) {
  const std::string version = std::to_string(CAF_MAJOR_VERSION) + "." +
                              std::to_string(CAF_MINOR_VERSION) + "." +
                              std::to_string(CAF_PATCH_VERSION);
  report({"caf", version, workload.name, workload.unit, worker_count}, run_count,
         [&] { return run_once(workload, worker_count, scale); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: caf_bench WORKERS RUNS SCALE\n");
    return 2;
  }
  const auto fan_out = [](std::size_t counter_count) {
    return [counter_count](caf::actor_system& system, Count count) {
      return run_fan_out(system, counter_count, count);
    };
  };
  const std::vector<Workload> workloads = {
      {"pingpong", "ns/msg", 1'000'000, run_pingpong},
      {"tell", "msg/s", 5'000'000, fan_out(1)},
      {"forkjoin_throughput", "msg/s", 100'000, fan_out(60)},
      {"many_to_one", "msg/s", 50'000, run_many_to_one},
      {"ring", "ns/hop", 1'000'000, run_ring},
      {"big", "msg/s", 20'000, run_big},
      {"forkjoin_create_anonymous", "actors/s", 1'000'000, run_create},
      {"ask", "asks/s", 500'000, run_ask},
  };
  for (const Workload& workload : workloads) {
    measure(workload, std::strtoul(argv[1], nullptr, 10), std::atoi(argv[2]), std::atof(argv[3]));
  }
  return 0;
}
