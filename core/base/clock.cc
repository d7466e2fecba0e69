#include "core/base/clock.h"

#include <ctime>

namespace nexus::core {
namespace {

Instant to_instant(const timespec& time) {
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

Duration coarse_tick() {
  timespec tick{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return to_instant(tick).time_since_epoch();
}

}  // namespace

Instant SteadyClock::soon() const {
  static const Duration tick = coarse_tick();
  // The clock of std::chrono::steady_clock, as of the last tick.
  timespec last{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &last);
  return to_instant(last) + tick;
}

}  // namespace nexus::core
