#include "core/base/tick_clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace nexus::core {
namespace {

Ticks ticks_of(Instant instant) {
  return static_cast<Ticks>(instant.time_since_epoch().count()) | 1;
}

#if defined(__x86_64__)

// A preempted thread reads both clocks at different times; of some tries the closest counts.
constexpr int kTryCount = 16;
constexpr Duration kCalibrationTime = std::chrono::microseconds(500);

bool has_invariant_counter() {
  constexpr unsigned kPowerLeaf = 0x8000'0007;
  constexpr unsigned kInvariant = 1u << 8;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(kPowerLeaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariant) != 0;
}

struct Reading {
  Instant instant;
  std::uint64_t counter;
};

Reading read_both() {
  const SteadyClock clock;
  Reading best{};
  std::uint64_t closest = UINT64_MAX;
  for (int i = 0; i < kTryCount; ++i) {
    const std::uint64_t before = __rdtsc();
    const Instant instant = clock.now();
    const std::uint64_t after = __rdtsc();
    if (after - before >= closest) continue;
    closest = after - before;
    best = {instant, before + closest / 2};
  }
  return best;
}

double measured_ns_per_tick() {
  if (!has_invariant_counter()) return 0;
  const SteadyClock clock;
  const Reading first = read_both();
  while (clock.now() - first.instant < kCalibrationTime) {
  }
  const Reading last = read_both();
  if (last.counter <= first.counter) return 0;
  return static_cast<double>((last.instant - first.instant).count()) /
         static_cast<double>(last.counter - first.counter);
}

#else

double measured_ns_per_tick() { return 0; }

#endif

}  // namespace

void TickClock::prepare() {
  static const bool done = [] {
    counter_ns_per_tick_ = measured_ns_per_tick();
    return true;
  }();
  (void)done;
}

Ticks TickClock::steady_now() { return ticks_of(SteadyClock().now()); }

}  // namespace nexus::core
