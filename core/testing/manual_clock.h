// ManualClock: a clock that stands until a test moves it.
//
//   now()              any thread
//   set(), advance()   one thread at a time
#pragma once

#include <atomic>

#include "core/base/check.h"
#include "core/base/clock.h"

namespace nexus::core {

class ManualClock final : public Clock {
 public:
  // An hour after the beginning of time, so that a window may reach back.
  ManualClock() = default;
  explicit ManualClock(Instant now) : now_(now) {}

  Instant now() const override { return now_.load(); }
  // Not back.
  void set(Instant now) {
    CHECK(now >= this->now());
    now_.store(now);
  }
  // `by` >= 0.
  void advance(Duration by) { set(now() + by); }

 private:
  std::atomic<Instant> now_{Instant(std::chrono::hours(1))};
};

}  // namespace nexus::core
