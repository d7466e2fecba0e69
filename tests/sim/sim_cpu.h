// What the machine below a simulated process does to it: a clock that drifts, and a CPU that takes time, is slow, or stands still.
//
//   all calls   the simulation's thread
#pragma once

#include <cstdint>

#include "core/base/clock.h"
#include "tests/sim/event_queue.h"

namespace nexus::sim {

class SimClock {
 public:
  // `origin` is what it shows at the beginning.
  explicit SimClock(core::Instant origin) : local_(origin) {}

  core::Instant local(SimTime now) const {
    const std::int64_t passed = (now - true_).count();
    return local_ + core::Duration(passed + passed / kMillion * rate_ppm_ +
                                   passed % kMillion * rate_ppm_ / kMillion);
  }

  // The first moment at which it shows `at` or later; kNever for the end of time.
  SimTime when(core::Instant at) const {
    const std::int64_t left = (at - local_).count();
    if (left > kForEver) return kNever;
    SimTime guess = true_ + core::Duration(left / (kMillion + rate_ppm_) * kMillion);
    while (local(guess) + kStep <= at) guess += kStep;
    while (local(guess) < at) {
      const std::int64_t rest = (at - local(guess)).count();
      const std::int64_t step = rest * kMillion / (kMillion + (rate_ppm_ > 0 ? rate_ppm_ : 0));
      guess += core::Duration(step > 0 ? step : 1);
    }
    return guess;
  }

  // From now on it gains `ppm` microseconds a second.
  void set_rate(SimTime now, std::int32_t ppm) {
    local_ = local(now);
    true_ = now;
    rate_ppm_ = ppm;
  }

 private:
  static constexpr std::int64_t kMillion = 1'000'000;
  // Three years: nobody waits for what lies beyond.
  static constexpr std::int64_t kForEver = std::int64_t{100'000'000} * 1'000'000'000;
  static constexpr core::Duration kStep = std::chrono::microseconds(100);

  SimTime true_{};
  core::Instant local_;
  std::int64_t rate_ppm_ = 0;
};

// One message or timer at a time; each takes its cost. Costs are those of a small gRPC message on one core of a small server.
class SimCpu {
 public:
  static constexpr core::Duration kPerMessage = std::chrono::microseconds(10);
  static constexpr core::Duration kPerSend = std::chrono::microseconds(5);
  static constexpr core::Duration kPerTimer = std::chrono::microseconds(5);
  static constexpr std::int64_t kNsPerByte = 2;

  bool is_stopped() const { return stop_count_ > 0; }
  bool is_free(SimTime now) const { return stop_count_ == 0 && busy_until_ <= now; }
  SimTime busy_until() const { return busy_until_; }

  // Begins at `now`, or goes on where it is busy already.
  void work(SimTime now, core::Duration cost) {
    if (busy_until_ < now) busy_until_ = now;
    busy_until_ += cost * slowness_;
  }
  static core::Duration cost(core::Duration base, std::uint32_t bytes) {
    return base + core::Duration(kNsPerByte * bytes);
  }

  // Several reasons to stand still may overlap.
  void stop() { ++stop_count_; }
  void go_on() { --stop_count_; }
  void set_slowness(std::uint32_t times) { slowness_ = times; }

 private:
  SimTime busy_until_{};
  std::uint32_t stop_count_ = 0;
  std::uint32_t slowness_ = 1;
};

}  // namespace nexus::sim
