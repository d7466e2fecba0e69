// What does a message between actors cost, for one sender, many, and many to many?

#include <memory>

#include "tests/bench/core/stage.h"
#include "tests/bench/core/worker_tally.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

struct Ping {
  std::uint64_t round;
  std::uint64_t unused;
};
struct Pong {
  std::uint64_t round;
  std::uint64_t unused;
};
struct Tell {
  std::uint64_t number;
  std::uint64_t unused;
};
struct Token {
  std::uint64_t hops_left;
  std::uint64_t unused;
};
struct Next {
  Pid pid;
};

class Ponger final : public core::Actor {
 public:
  explicit Ponger(Stage* stage) : handled_(stage) {}
  void receive(Context& context) override {
    const auto* ping = context.message<Ping>();
    if (ping == nullptr) return;
    ++handled_;
    context.respond(Pong{ping->round, 0});
  }

 private:
  Handled handled_;
};

class Pinger final : public core::Actor {
 public:
  Pinger(Stage* stage, Pid ponger, std::uint64_t round_count)
      : stage_(stage), ponger_(std::move(ponger)), rounds_left_(round_count), handled_(stage) {}
  void receive(Context& context) override {
    if (context.message<Pong>() != nullptr) {
      ++handled_;
    } else if (context.message<Go>() != nullptr) {
      stage_->begin();
    } else {
      return;
    }
    if (rounds_left_ == 0) return stage_->done();
    context.request(ponger_, Ping{--rounds_left_, 0});
  }

 private:
  Stage* const stage_;
  const Pid ponger_;
  std::uint64_t rounds_left_;
  Handled handled_;
};

Sample run_pingpong(const Setting& setting) {
  const std::uint64_t round_count = setting.scaled(1'000'000);
  Stage stage(setting);
  const Pid ponger = stage.spawn<Ponger>(&stage);
  const Pid pinger = stage.spawn<Pinger>(&stage, ponger, round_count);
  return {.value = ns_per(stage.run(pinger, 2 * round_count), 2 * round_count)};
}

// The other side of pingpong in a system of its own. What it answers is counted by who asked.
class DistantPonger final : public core::Actor {
 public:
  void receive(Context& context) override {
    if (const auto* ping = context.message<Ping>()) context.respond(Pong{ping->round, 0});
  }
};

// Two systems of one worker each: no worker can take the other's actor.
Sample run_pingpong_apart(const Setting& setting) {
  const std::uint64_t round_count = setting.scaled(100'000);
  Setting one_worker = setting;
  one_worker.worker_count = 1;
  // Ends last: the distant worker may still be about to wake it when its last answer has been handled.
  Stage stage(one_worker);
  core::ActorSystem distant({.worker_count = 1});
  distant.telemetry().set_sampling(setting.sampling);
  const Pid ponger =
      Stage::expect_spawned(distant.spawn(core::share(core::props<DistantPonger>())));
  const Pid pinger = stage.spawn<Pinger>(&stage, ponger, round_count);
  return {.value = ns_per(stage.run(pinger, round_count), 2 * round_count)};
}

// Is done when it has counted so many.
class Counter final : public core::Actor {
 public:
  Counter(Stage* stage, std::uint64_t expected_count)
      : stage_(stage), expected_count_(expected_count), handled_(stage) {}
  void receive(Context& context) override {
    if (context.message<Tell>() == nullptr) return;
    WorkerTally::note();
    if (++handled_ == expected_count_) stage_->done();
  }

 private:
  Stage* const stage_;
  const std::uint64_t expected_count_;
  Handled handled_;
};

// On Go: sends `count` messages to each of the targets, in turn.
class Producer final : public core::Actor {
 public:
  Producer(Stage* stage, std::vector<Pid> targets, std::uint64_t count)
      : stage_(stage), targets_(std::move(targets)), count_(count) {}
  void receive(Context& context) override {
    if (context.message<Go>() == nullptr) return;
    stage_->begin();
    for (std::uint64_t i = 0; i < count_; ++i) {
      for (const Pid& target : targets_) context.send(target, Tell{i, 0});
    }
  }

 private:
  Stage* const stage_;
  const std::vector<Pid> targets_;
  const std::uint64_t count_;
};

// One producer tells each of `counter_count` counters `count` messages.
Sample run_fan_out(const Setting& setting, std::uint32_t counter_count, std::uint64_t count) {
  Stage stage(setting, counter_count);
  const auto counters = stage.spawn_many<Counter>(counter_count, &stage, count);
  const Pid producer = stage.spawn<Producer>(&stage, counters, count);
  const std::uint64_t total = counter_count * count;
  const core::Duration took = stage.run(producer, total);
  return {.value = per_second(took, total), .worker_messages = stage.worker_messages()};
}

Sample run_tell(const Setting& setting) {
  return run_fan_out(setting, 1, setting.scaled(5'000'000));
}

Sample run_forkjoin_throughput(const Setting& setting) {
  return run_fan_out(setting, 60, setting.scaled(100'000));
}

// Starts the producers, so that the measured part begins once.
class Starter final : public core::Actor {
 public:
  Starter(Stage* stage, std::vector<Pid> targets) : stage_(stage), targets_(std::move(targets)) {}
  void receive(Context& context) override {
    if (context.message<Go>() == nullptr) return;
    stage_->begin();
    for (const Pid& target : targets_) context.send(target, Tell{});
  }

 private:
  Stage* const stage_;
  const std::vector<Pid> targets_;
};

// On a Tell: sends `count` on to the target in that one turn.
class Repeater final : public core::Actor {
 public:
  Repeater(Pid target, std::uint64_t count) : target_(std::move(target)), count_(count) {}
  void receive(Context& context) override {
    if (context.message<Tell>() == nullptr) return;
    for (std::uint64_t i = 0; i < count_; ++i) context.send(target_, Tell{i, 0});
  }

 private:
  const Pid target_;
  const std::uint64_t count_;
};

Sample run_many_to_one(const Setting& setting) {
  constexpr std::uint32_t kProducerCount = 100;
  const std::uint64_t count = setting.scaled(50'000);
  const std::uint64_t total = kProducerCount * count;
  Stage stage(setting);
  const Pid counter = stage.spawn<Counter>(&stage, total);
  const auto producers = stage.spawn_many<Repeater>(kProducerCount, counter, count);
  const Pid starter = stage.spawn<Starter>(&stage, producers);
  const core::Duration took = stage.run(starter, total);
  return {.value = per_second(took, total), .worker_messages = stage.worker_messages()};
}

class Link final : public core::Actor {
 public:
  explicit Link(Stage* stage) : stage_(stage), handled_(stage) {}
  void receive(Context& context) override {
    if (const auto* token = context.message<Token>()) {
      ++handled_;
      if (token->hops_left == 0) return stage_->done();
      context.send(next_, Token{token->hops_left - 1, 0});
    } else if (const auto* next = context.message<Next>()) {
      next_ = next->pid;
    }
  }

 private:
  Stage* const stage_;
  Pid next_;
  Handled handled_;
};

Sample run_ring(const Setting& setting) {
  constexpr std::size_t kLinkCount = 100;
  const std::uint64_t hop_count = setting.scaled(1'000'000);
  Stage stage(setting);
  const auto links = stage.spawn_many<Link>(kLinkCount, &stage);
  for (std::size_t i = 0; i < kLinkCount; ++i) {
    stage.send(links[i], Next{links[(i + 1) % kLinkCount]});
  }
  // The first arrival counts as a hop: from outside to the first link.
  stage.begin();
  stage.send(links[0], Token{hop_count - 1, 0});
  return {.value = ns_per(stage.finish(hop_count), hop_count)};
}

// Savina's `big`: pings a random other one, and the next upon each pong, until it has had its share.
class Talker final : public core::Actor {
 public:
  Talker(Stage* stage, const std::vector<Pid>* talkers, std::uint64_t ping_count)
      : stage_(stage), talkers_(talkers), pings_left_(ping_count), handled_(stage) {}
  void receive(Context& context) override {
    if (const auto* ping = context.message<Ping>()) {
      count();
      context.respond(Pong{ping->round, 0});
    } else if (context.message<Pong>() != nullptr) {
      count();
      ping_another(context);
    } else if (const auto* go = context.message<Go>()) {
      own_index_ = go->first;
      random_ = go->first + 1;
      ping_another(context);
    }
  }

 private:
  void count() {
    WorkerTally::note();
    ++handled_;
  }
  void ping_another(Context& context) {
    if (pings_left_ == 0) return stage_->done();
    --pings_left_;
    // Xorshift: the same partners in each run.
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    std::uint64_t other = random_ % (talkers_->size() - 1);
    if (other >= own_index_) ++other;
    context.request((*talkers_)[other], Ping{pings_left_, 0});
  }

  Stage* const stage_;
  // Complete before the first Go.
  const std::vector<Pid>* const talkers_;
  std::uint64_t pings_left_;
  std::uint64_t own_index_ = 0;
  std::uint64_t random_ = 1;
  Handled handled_;
};

Sample run_big(const Setting& setting) {
  constexpr std::uint32_t kTalkerCount = 120;
  const std::uint64_t ping_count = setting.scaled(20'000);
  const std::uint64_t total = 2 * kTalkerCount * ping_count;
  std::vector<Pid> talkers;
  Stage stage(setting, kTalkerCount);
  talkers = stage.spawn_many<Talker>(kTalkerCount, &stage, &talkers, ping_count);
  stage.begin();
  for (std::uint64_t i = 0; i < kTalkerCount; ++i) stage.send(talkers[i], Go{i, 0});
  const core::Duration took = stage.finish(total);
  return {.value = per_second(took, total), .worker_messages = stage.worker_messages()};
}

}  // namespace

double pingpong_ns(const Setting& setting) { return run_pingpong(setting).value; }

std::vector<Workload> message_workloads() {
  return {
      {.name = "pingpong",
       .unit = "ns/msg",
       .question = "two actors, 1 M round trips by request and respond",
       .run = run_pingpong},
      {.name = "pingpong_apart",
       .unit = "ns/msg",
       .question =
           "two actors, 100 k round trips between two workers, each of which keeps its actor",
       .run = run_pingpong_apart,
       .worker_count_min = 2,
       .worker_count_max = 2},
      {.name = "tell",
       .unit = "msg/s",
       .question = "one producer sends 5 M to one counter in one turn, until the last is counted",
       .run = run_tell},
      {.name = "forkjoin_throughput",
       .unit = "msg/s",
       .question = "one driver sends 100 k to each of 60 actors, round robin",
       .run = run_forkjoin_throughput},
      {.name = "many_to_one",
       .unit = "msg/s",
       .question = "100 producers send 50 k each to one counter",
       .run = run_many_to_one},
      {.name = "ring",
       .unit = "ns/hop",
       .question = "one token, 1 M hops around 100 actors",
       .run = run_ring},
      {.name = "big",
       .unit = "msg/s",
       .question = "120 actors, 20 k pings each to random others, one outstanding each",
       .run = run_big},
  };
}

}  // namespace nexus::bench
