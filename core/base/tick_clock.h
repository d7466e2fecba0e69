// TickClock: the cheapest clock that all threads share, for measuring what lasts nanoseconds. Stamps count in units of its own.
//
//   all calls   any thread, after prepare()
//
// It is the processor's time stamp counter where that runs at one rate on all cores (cpuid says "invariant"), else the steady
// clock. now() is not ordered with the instructions around it: a stamp may be some nanoseconds early or late.
// Why not the steady clock alone: docs/design/0010-queue-dwell.md.
#pragma once

#include <cstdint>

#include "core/base/clock.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace nexus::core {

// A stamp of TickClock; never 0.
using Ticks = std::uint64_t;

class TickClock {
 public:
  // Finds out the counter's rate: half a millisecond, once in a process.
  static void prepare();

  static Ticks now() {
#if defined(__x86_64__)
    if (counter_ns_per_tick_ > 0) [[likely]]
      return __rdtsc() | 1;
#endif
    return steady_now();
  }
  // Zero when `to` is earlier than `from`, as two cores may see it.
  static Duration between(Ticks from, Ticks to) {
    if (to <= from) return Duration::zero();
    const auto ticks = static_cast<std::int64_t>(to - from);
    if (counter_ns_per_tick_ == 0) return Duration(ticks);
    return Duration(static_cast<std::int64_t>(static_cast<double>(ticks) * counter_ns_per_tick_));
  }
  // Whether it is the processor's counter.
  static bool is_counter() { return counter_ns_per_tick_ > 0; }

 private:
  static Ticks steady_now();

  // 0 where the counter is not used. Written by the first prepare() only.
  static inline constinit double counter_ns_per_tick_ = 0;
};

}  // namespace nexus::core
