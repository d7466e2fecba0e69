// The workloads of core_bench for SObjectizer 5.8: agents on its thread pool, each with a queue of its own. A message is two integers.
//
//   sobjectizer_bench WORKERS RUNS SCALE
//
// Each workload runs once unmeasured, then RUNS times, each time in an environment of its own. The time is from the driver's beginning
// to the last agent that is done. SObjectizer has no ask.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <so_5/all.hpp>
#include <string>
#include <vector>

#include "report.h"

namespace {

using so_5::mbox_t;
using so_5::mhood_t;
using Clock = std::chrono::steady_clock;

struct Go final : so_5::signal_t {};
struct Numbered {
  Count number;
  Count unused;
};
struct Ping : Numbered {};
struct Pong : Numbered {};
struct Tell : Numbered {};
struct Token : Numbered {};
struct Work : Numbered {};

template <typename Message>
void send(const mbox_t& to, Count number) {
  so_5::send<Message>(to, Message{{number, 0}});
}

// What the agents of a run tell the main thread.
class Stage {
 public:
  Stage(so_5::environment_t& environment, std::size_t worker_count, Count finisher_count)
      : unfinished_count_(finisher_count), environment_(environment) {
    namespace pool = so_5::disp::thread_pool;
    binder_ = pool::make_dispatcher(environment_, worker_count)
                  .binder(pool::bind_params_t{}
                              .fifo(pool::fifo_t::individual)
                              // As many as an actor of ours handles in a turn.
                              .max_demands_at_once(300));
  }

  // An agent in a cooperation of its own.
  template <typename Agent, typename... Args>
  mbox_t spawn(Args&&... args) {
    auto coop = environment_.make_coop(binder_);
    const mbox_t box =
        coop->template make_agent<Agent>(std::forward<Args>(args)...)->so_direct_mbox();
    environment_.register_coop(std::move(coop));
    return box;
  }
  const so_5::disp_binder_shptr_t& binder() const { return binder_; }

  void begin() { begin_ = Clock::now(); }
  void done() {
    if (unfinished_count_.fetch_sub(1) != 1) return;
    end_ = Clock::now();
    ended_.set_value();
  }
  // Starts the driver and waits for the last done(); in ns.
  double run(const mbox_t& driver) {
    so_5::send<Go>(driver);
    return finish();
  }
  double finish() {
    ended_.get_future().wait();
    return std::chrono::duration<double, std::nano>(end_ - begin_).count();
  }

 private:
  Clock::time_point begin_;
  Clock::time_point end_;
  std::promise<void> ended_;
  std::atomic<Count> unfinished_count_;
  so_5::environment_t& environment_;
  so_5::disp_binder_shptr_t binder_;
};

class Ponger final : public so_5::agent_t {
 public:
  explicit Ponger(context_t context) : agent_t(std::move(context)) {}
  void answer_to(mbox_t partner) { partner_ = std::move(partner); }
  void so_define_agent() override {
    so_subscribe_self().event([this](mhood_t<Ping> ping) { send<Pong>(partner_, ping->number); });
  }

 private:
  mbox_t partner_;
};

class Pinger final : public so_5::agent_t {
 public:
  Pinger(context_t context, Stage* stage, mbox_t partner, Count round_count)
      : agent_t(std::move(context)),
        stage_(stage),
        partner_(std::move(partner)),
        left_(round_count) {}
  void so_define_agent() override {
    so_subscribe_self()
        .event([this](mhood_t<Go>) {
          stage_->begin();
          ping();
        })
        .event([this](mhood_t<Pong>) { ping(); });
  }

 private:
  void ping() {
    if (left_ == 0) return stage_->done();
    send<Ping>(partner_, --left_);
  }
  Stage* const stage_;
  const mbox_t partner_;
  Count left_;
};

Result run_pingpong(so_5::environment_t& environment, std::size_t worker_count, Count round_count) {
  Stage stage(environment, worker_count, 1);
  auto coop = environment.make_coop(stage.binder());
  auto* ponger = coop->make_agent<Ponger>();
  const mbox_t driver =
      coop->make_agent<Pinger>(&stage, ponger->so_direct_mbox(), round_count)->so_direct_mbox();
  ponger->answer_to(driver);
  environment.register_coop(std::move(coop));
  return {stage.run(driver), 2 * round_count};
}

// Done when it has counted so many.
class Counter final : public so_5::agent_t {
 public:
  Counter(context_t context, Stage* stage, Count count)
      : agent_t(std::move(context)), stage_(stage), left_(count) {}
  void so_define_agent() override {
    so_subscribe_self().event([this](mhood_t<Tell>) {
      if (--left_ == 0) stage_->done();
    });
  }

 private:
  Stage* const stage_;
  Count left_;
};

class Producer final : public so_5::agent_t {
 public:
  Producer(context_t context, Stage* stage, std::vector<mbox_t> targets, Count count)
      : agent_t(std::move(context)), stage_(stage), targets_(std::move(targets)), count_(count) {}
  void so_define_agent() override {
    so_subscribe_self().event([this](mhood_t<Go>) {
      if (stage_ != nullptr) stage_->begin();
      for (Count i = 0; i < count_; ++i) {
        for (const mbox_t& target : targets_) send<Tell>(target, i);
      }
    });
  }

 private:
  Stage* const stage_;
  const std::vector<mbox_t> targets_;
  const Count count_;
};

Result run_fan_out(so_5::environment_t& environment, std::size_t worker_count,
                   std::size_t counter_count, Count count) {
  Stage stage(environment, worker_count, counter_count);
  std::vector<mbox_t> counters;
  for (std::size_t i = 0; i < counter_count; ++i) {
    counters.push_back(stage.spawn<Counter>(&stage, count));
  }
  return {stage.run(stage.spawn<Producer>(&stage, counters, count)), counter_count * count};
}

class Starter final : public so_5::agent_t {
 public:
  Starter(context_t context, Stage* stage, std::vector<mbox_t> others)
      : agent_t(std::move(context)), stage_(stage), others_(std::move(others)) {}
  void so_define_agent() override {
    so_subscribe_self().event([this](mhood_t<Go>) {
      stage_->begin();
      for (const mbox_t& each : others_) so_5::send<Go>(each);
    });
  }

 private:
  Stage* const stage_;
  const std::vector<mbox_t> others_;
};

Result run_many_to_one(so_5::environment_t& environment, std::size_t worker_count, Count count) {
  constexpr std::size_t kProducerCount = 100;
  Stage stage(environment, worker_count, 1);
  const std::vector<mbox_t> target{stage.spawn<Counter>(&stage, kProducerCount * count)};
  std::vector<mbox_t> producers;
  for (std::size_t i = 0; i < kProducerCount; ++i) {
    producers.push_back(stage.spawn<Producer>(nullptr, target, count));
  }
  return {stage.run(stage.spawn<Starter>(&stage, producers)), kProducerCount * count};
}

class Link final : public so_5::agent_t {
 public:
  Link(context_t context, Stage* stage) : agent_t(std::move(context)), stage_(stage) {}
  void lead_to(mbox_t next) { next_ = std::move(next); }
  void so_define_agent() override {
    so_subscribe_self().event([this](mhood_t<Token> token) {
      if (token->number == 0) return stage_->done();
      send<Token>(next_, token->number - 1);
    });
  }

 private:
  Stage* const stage_;
  mbox_t next_;
};

Result run_ring(so_5::environment_t& environment, std::size_t worker_count, Count hop_count) {
  constexpr std::size_t kLinkCount = 100;
  Stage stage(environment, worker_count, 1);
  auto coop = environment.make_coop(stage.binder());
  std::vector<Link*> links;
  for (std::size_t i = 0; i < kLinkCount; ++i) links.push_back(coop->make_agent<Link>(&stage));
  for (std::size_t i = 0; i < kLinkCount; ++i) {
    links[i]->lead_to(links[(i + 1) % kLinkCount]->so_direct_mbox());
  }
  const mbox_t first = links[0]->so_direct_mbox();
  environment.register_coop(std::move(coop));
  stage.begin();
  send<Token>(first, hop_count - 1);
  return {stage.finish(), hop_count};
}

struct Talk {
  Count number;
  mbox_t from;
};
struct Reply : Numbered {};

class Talker final : public so_5::agent_t {
 public:
  Talker(context_t context, Stage* stage, const std::vector<mbox_t>* talkers, Count own_index,
         Count ping_count)
      : agent_t(std::move(context)),
        stage_(stage),
        talkers_(talkers),
        own_index_(own_index),
        pings_left_(ping_count),
        random_(own_index + 1) {}
  void so_define_agent() override {
    so_subscribe_self()
        .event([this](mhood_t<Go>) { ping_another(); })
        .event([](mhood_t<Talk> talk) { send<Reply>(talk->from, talk->number); })
        .event([this](mhood_t<Reply>) { ping_another(); });
  }

 private:
  void ping_another() {
    if (pings_left_ == 0) return stage_->done();
    --pings_left_;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    Count other = random_ % (talkers_->size() - 1);
    if (other >= own_index_) ++other;
    so_5::send<Talk>((*talkers_)[other], Talk{pings_left_, so_direct_mbox()});
  }

  Stage* const stage_;
  const std::vector<mbox_t>* const talkers_;
  const Count own_index_;
  Count pings_left_;
  Count random_;
};

Result run_big(so_5::environment_t& environment, std::size_t worker_count, Count ping_count) {
  constexpr Count kTalkerCount = 120;
  std::vector<mbox_t> talkers;
  Stage stage(environment, worker_count, kTalkerCount);
  for (Count i = 0; i < kTalkerCount; ++i) {
    talkers.push_back(stage.spawn<Talker>(&stage, &talkers, i, ping_count));
  }
  stage.begin();
  for (const mbox_t& each : talkers) so_5::send<Go>(each);
  return {stage.finish(), 2 * kTalkerCount * ping_count};
}

class Mayfly final : public so_5::agent_t {
 public:
  explicit Mayfly(context_t context) : agent_t(std::move(context)) {}
  void so_define_agent() override {
    so_subscribe_self().event([this](mhood_t<Work>) { so_deregister_agent_coop_normally(); });
  }
};

class Parent final : public so_5::agent_t {
 public:
  Parent(context_t context, Stage* stage, Count child_count)
      : agent_t(std::move(context)), stage_(stage), child_count_(child_count), left_(child_count) {}
  void so_define_agent() override {
    so_subscribe_self()
        .event([this](mhood_t<Go>) {
          stage_->begin();
          for (Count i = 0; i < child_count_; ++i) {
            auto coop = so_5::create_child_coop(*this, stage_->binder());
            coop->add_dereg_notificator(so_5::make_coop_dereg_notificator(so_direct_mbox()));
            const mbox_t child = coop->make_agent<Mayfly>()->so_direct_mbox();
            so_environment().register_coop(std::move(coop));
            send<Work>(child, i);
          }
        })
        .event([this](mhood_t<so_5::msg_coop_deregistered>) {
          if (--left_ == 0) stage_->done();
        });
  }

 private:
  Stage* const stage_;
  const Count child_count_;
  Count left_;
};

Result run_create(so_5::environment_t& environment, std::size_t worker_count, Count count) {
  Stage stage(environment, worker_count, 1);
  return {stage.run(stage.spawn<Parent>(&stage, count)), count};
}

struct Workload {
  const char* name;
  const char* unit;
  Count size;
  std::function<Result(so_5::environment_t&, std::size_t, Count)> run;
};

Result run_once(const Workload& workload, std::size_t worker_count, double scale) {
  so_5::wrapped_env_t wrapped;
  const auto size = static_cast<Count>(static_cast<double>(workload.size) * scale + 0.5);
  const Result result = workload.run(wrapped.environment(), worker_count, std::max<Count>(1, size));
  wrapped.stop_then_join();
  return result;
}

void measure(const Workload& workload, std::size_t worker_count, int run_count, double scale) {
  const std::string version =
      "5." + std::to_string(SO_5_VERSION_MAJOR) + "." + std::to_string(SO_5_VERSION_MINOR);
  report({"sobjectizer", version, workload.name, workload.unit, worker_count}, run_count,
         [&] { return run_once(workload, worker_count, scale); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: sobjectizer_bench WORKERS RUNS SCALE\n");
    return 2;
  }
  const auto fan_out = [](std::size_t counter_count) {
    return [counter_count](so_5::environment_t& environment, std::size_t workers, Count count) {
      return run_fan_out(environment, workers, counter_count, count);
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
  };
  for (const Workload& workload : workloads) {
    measure(workload, std::strtoul(argv[1], nullptr, 10), std::atoi(argv[2]), std::atof(argv[3]));
  }
  return 0;
}
