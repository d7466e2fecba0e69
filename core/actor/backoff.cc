#include "core/actor/backoff.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/check.h"

namespace nexus::core {

Backoff::Backoff(Options options, std::uint32_t seed) : options_(options), random_(seed) {
  CHECK(options_.min > Duration::zero() && options_.min <= options_.max);
  CHECK(options_.factor >= 1.0 && std::isfinite(options_.factor));
  CHECK(options_.jitter >= 0.0 && options_.jitter <= 1.0);
}

Duration Backoff::without_jitter(std::uint32_t attempt) const {
  const double grown =
      static_cast<double>(options_.min.count()) * std::pow(options_.factor, attempt);
  // Also when it has grown beyond all bounds.
  if (!(grown < static_cast<double>(options_.max.count()))) return options_.max;
  return Duration(static_cast<Duration::rep>(grown));
}

Duration Backoff::next() {
  const Duration wait = wait_before(attempt_);
  if (attempt_ < std::numeric_limits<std::uint32_t>::max()) ++attempt_;
  return wait;
}

Duration Backoff::wait_before(std::uint32_t attempt) {
  const Duration full = without_jitter(attempt);
  // Of two draws, as a double needs. One alone would be nearly the same for neighbouring seeds.
  const double chance = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
  // Rounded down, so that the wait is not shorter than J1 says.
  const double cut = static_cast<double>(full.count()) * options_.jitter * chance;
  return full - std::min(full, Duration(static_cast<Duration::rep>(cut)));
}

}  // namespace nexus::core
