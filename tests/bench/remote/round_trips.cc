// Messages that the peer answers.
#include <future>
#include <memory>

#include "core/actor_system.h"
#include "tests/bench/remote/messages.h"
#include "tests/bench/remote/workload.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

struct Go {};

struct Outcome {
  core::Duration took;
  std::vector<std::uint32_t> times_ns;
};

// Keeps so many requests under way until all are answered.
class Asker final : public core::Actor {
 public:
  Asker(std::promise<Outcome>* ended, Pid echo, std::uint64_t count, std::uint64_t outstanding,
        bool timed)
      : ended_(ended), echo_(echo), count_(count), outstanding_(outstanding), timed_(timed) {}

  void receive(Context& context) override {
    if (context.message<Go>() != nullptr) {
      if (timed_) times_ns_.reserve(count_);
      begin_ = clock_.now();
      last_ = begin_;
      while (sent_count_ < std::min(count_, outstanding_)) ask(context);
    } else if (context.message<Ping>() != nullptr) {
      if (timed_) {
        const core::Instant now = clock_.now();
        times_ns_.push_back(saturated_ns(now - last_));
        last_ = now;
      }
      if (sent_count_ < count_) ask(context);
      if (++answered_count_ == count_)
        ended_->set_value({clock_.now() - begin_, std::move(times_ns_)});
    }
  }

 private:
  void ask(Context& context) { context.request(echo_, Ping{sent_count_++, 0}); }

  const core::SteadyClock clock_{};
  std::promise<Outcome>* const ended_;
  const Pid echo_;
  const std::uint64_t count_;
  const std::uint64_t outstanding_;
  const bool timed_;
  std::uint64_t sent_count_ = 0;
  std::uint64_t answered_count_ = 0;
  core::Instant begin_{};
  core::Instant last_{};
  std::vector<std::uint32_t> times_ns_;
};

Outcome run_asker(const Link& link, std::uint64_t count, std::uint64_t outstanding, bool timed) {
  std::promise<Outcome> ended;
  auto outcome = ended.get_future();
  core::ActorSystem& system = link.node.system();
  const Pid asker = *system.spawn(
      core::share(core::props<Asker>(&ended, link.target("echo"), count, outstanding, timed)));
  (void)system.send(asker, Go{});
  if (outcome.wait_for(std::chrono::minutes(2)) != std::future_status::ready) {
    throw Broken("answers were lost");
  }
  system.stop(asker);
  return outcome.get();
}

Sample run_pingpong(const Link& link) {
  const std::uint64_t count = link.scaled(20'000);
  Outcome outcome = run_asker(link, count, 1, true);
  return {.value = ns_per(outcome.took, count), .latency = percentiles_of(outcome.times_ns)};
}

Sample run_pipelined(const Link& link) {
  const std::uint64_t count = link.scaled(1'000'000);
  return {.value = per_second(run_asker(link, count, 1000, false).took, count)};
}

Sample run_echo_flood(const Link& link) {
  const std::uint64_t count = link.scaled(1'000'000);
  return {.value = per_second(run_asker(link, count, count, false).took, 2 * count)};
}

}  // namespace

std::vector<Workload> round_trip_workloads() {
  return {
      {"pingpong", "ns/round_trip", "one request under way, 20 k round trips", run_pingpong},
      {"pipelined", "round_trips/s", "1,000 requests under way, 1 M round trips", run_pipelined},
      {"echo_flood", "msg/s",
       "1 M pings at once, until the last answer is there; both directions counted",
       run_echo_flood},
  };
}

}  // namespace nexus::bench
