// What does a receive timeout add to the messages of an actor, and how late does it come?

#include <algorithm>
#include <limits>

#include "tests/bench/core/stage.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

struct Tell {
  std::uint64_t number;
  std::uint64_t unused;
};

// Is done when it has counted so many; with a timeout, each of its turns puts that off.
class TimedCounter final : public core::Actor {
 public:
  TimedCounter(Stage* stage, std::uint64_t expected_count, bool has_timeout)
      : stage_(stage),
        expected_count_(expected_count),
        has_timeout_(has_timeout),
        handled_(stage) {}
  void receive(Context& context) override {
    if (context.message<core::Started>() != nullptr && has_timeout_) {
      context.set_receive_timeout(std::chrono::minutes(1));
    }
    if (context.message<Tell>() != nullptr && ++handled_ == expected_count_) stage_->done();
  }

 private:
  Stage* const stage_;
  const std::uint64_t expected_count_;
  const bool has_timeout_;
  Handled handled_;
};

class Producer final : public core::Actor {
 public:
  Producer(Stage* stage, Pid target, std::uint64_t count)
      : stage_(stage), target_(std::move(target)), count_(count) {}
  void receive(Context& context) override {
    if (context.message<Go>() == nullptr) return;
    stage_->begin();
    for (std::uint64_t i = 0; i < count_; ++i) context.send(target_, Tell{i, 0});
  }

 private:
  Stage* const stage_;
  const Pid target_;
  const std::uint64_t count_;
};

double tell_ns(const Setting& setting, std::uint64_t count, bool has_timeout) {
  Stage stage(setting);
  const Pid counter = stage.spawn<TimedCounter>(&stage, count, has_timeout);
  const Pid producer = stage.spawn<Producer>(&stage, counter, count);
  return ns_per(stage.run(producer, count), count);
}

// Sets the timeout, notes how late it comes and what setting it costs, and sets it again, so many times.
class Firing final : public core::Actor {
 public:
  static constexpr core::Duration kPeriod = std::chrono::milliseconds(2);

  Firing(Stage* stage, std::uint64_t count, std::vector<std::uint32_t>* late_ns, double* set_ns)
      : stage_(stage), count_(count), late_ns_(late_ns), set_ns_(set_ns), handled_(stage) {}
  void receive(Context& context) override {
    const core::Instant now = clock_.now();
    if (context.message<Go>() != nullptr) {
      stage_->begin();
      ++handled_;
    } else if (context.message<core::ReceiveTimeout>() != nullptr) {
      // Measured from before the call that set it, so a little more than it really was.
      late_ns_->push_back(saturated_ns(now - set_at_ - kPeriod));
      ++handled_;
      if (late_ns_->size() == count_) {
        *set_ns_ = nanoseconds(setting_) / static_cast<double>(count_);
        context.cancel_receive_timeout();
        return stage_->done();
      }
    } else {
      return;
    }
    set_at_ = clock_.now();
    context.set_receive_timeout(kPeriod);
    setting_ += clock_.now() - set_at_;
  }

 private:
  Stage* const stage_;
  const std::uint64_t count_;
  std::vector<std::uint32_t>* const late_ns_;
  double* const set_ns_;
  const core::SteadyClock clock_{};
  core::Instant set_at_{};
  core::Duration setting_{};
  Handled handled_;
};

Sample run_receive_timeout(const Setting& setting) {
  constexpr int kPairCount = 5;
  const std::uint64_t count = setting.scaled(1'000'000);
  double without = std::numeric_limits<double>::max();
  double with = without;
  // In turns, because the machine is not the same from one second to the next.
  for (int i = 0; i < kPairCount; ++i) {
    without = std::min(without, tell_ns(setting, count, false));
    with = std::min(with, tell_ns(setting, count, true));
  }
  const std::uint64_t firing_count = setting.scaled(300);
  std::vector<std::uint32_t> late_ns;
  double set_ns = 0;
  Stage stage(setting);
  const Pid firing = stage.spawn<Firing>(&stage, firing_count, &late_ns, &set_ns);
  (void)stage.run(firing, firing_count + 1);
  return {.value = std::max(0.0, with - without),
          .latency = percentiles_of(late_ns),
          .fields = {{"tell_ns", without}, {"tell_with_timeout_ns", with}, {"set_ns", set_ns}}};
}

}  // namespace

std::vector<Workload> timeout_workloads() {
  return {{.name = "receive_timeout",
           .unit = "ns/msg",
           .question = "what a receive timeout of the target adds to a tell; p50 and p99: how late "
                       "one of 2 ms comes",
           .run = run_receive_timeout}};
}

}  // namespace nexus::bench
