// Throttle: lets so many events through in a window of time and counts the others. Pure: the time of an event is an argument.
//
//   all calls   owner   no lock inside
//
// Z1  A window begins with the first event after the end of the last one. In it, the first event_count_max events pass: they are
//     `open`, the last of them `closing`. The others are `closed`.
// Z2  What was closed is told once: with the first event that passes in a later window, or by take_suppressed().
//
// Valve is what Proto.Actor's Throttle answers.
#pragma once

#include <cstdint>
#include <utility>

#include "core/base/check.h"
#include "core/base/clock.h"

namespace nexus::core {

class Throttle {
 public:
  enum class Valve : std::uint8_t {
    open,
    // This event passes, the next one in the window will not: time to say that there may be more.
    closing,
    closed,
  };
  struct Options {
    // Per window; 0 = none passes.
    std::uint32_t event_count_max = 10;
    // > 0.
    Duration window = std::chrono::seconds(1);
  };
  struct Verdict {
    Valve valve;
    // Events that were closed before this one and not told of yet; 0 unless this one is the first of its window to pass.
    std::uint64_t suppressed_count = 0;
  };

  explicit Throttle(Options options) : options_(options) {
    CHECK(options.window > Duration::zero());
  }

  // `now` does not go back.
  [[nodiscard]] Verdict on_event(Instant now) {
    if (now >= window_end_) {
      window_end_ = deadline_after(now, options_.window);
      passed_count_ = 0;
    }
    if (passed_count_ == options_.event_count_max) {
      ++suppressed_count_;
      return {Valve::closed};
    }
    const bool is_first = passed_count_ == 0;
    ++passed_count_;
    return {passed_count_ == options_.event_count_max ? Valve::closing : Valve::open,
            is_first ? std::exchange(suppressed_count_, 0) : 0};
  }

  // What was closed and not told of yet, once the window is over; 0 until then. For those who do not want to wait for an event.
  [[nodiscard]] std::uint64_t take_suppressed(Instant now) {
    return now >= window_end_ ? std::exchange(suppressed_count_, 0) : 0;
  }
  // When the window of the last event is over.
  Instant window_end() const { return window_end_; }

 private:
  Options options_;
  Instant window_end_ = Instant::min();
  std::uint32_t passed_count_ = 0;
  std::uint64_t suppressed_count_ = 0;
};

}  // namespace nexus::core
