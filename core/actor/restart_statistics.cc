#include "core/actor/restart_statistics.h"

#include <algorithm>

#include "core/base/check.h"

namespace nexus::core {

void RestartStatistics::record_failure(Instant now) {
  // Relaxed: the owner is the only writer.
  const std::uint64_t count = recorded_count_.load(std::memory_order_relaxed);
  failed_at_[count % kFailureCountMax].store(now.time_since_epoch().count(),
                                             std::memory_order_relaxed);
  // Release publishes the time to who counts this failure.
  recorded_count_.store(count + 1, std::memory_order_release);
}

std::size_t RestartStatistics::failure_count(Instant now, Duration window) const {
  CHECK(window > Duration::zero());
  // In this order: what is forgotten was recorded before, so a reset() in between leaves nothing, not too much.
  const std::uint64_t end = recorded_count_.load(std::memory_order_acquire);
  const std::uint64_t forgotten = forgotten_count_.load(std::memory_order_relaxed);
  const std::uint64_t oldest = end > kFailureCountMax ? end - kFailureCountMax : 0;
  std::size_t count = 0;
  for (std::uint64_t n = std::max(oldest, forgotten); n < end; ++n) {
    const Instant failed_at{
        Duration(failed_at_[n % kFailureCountMax].load(std::memory_order_relaxed))};
    if (failed_at > now - window && failed_at <= now) ++count;
  }
  return count;
}

std::size_t RestartStatistics::recent_row(Instant now, Duration pause) const {
  CHECK(pause > Duration::zero());
  const std::uint64_t end = recorded_count_.load(std::memory_order_acquire);
  const std::uint64_t forgotten = forgotten_count_.load(std::memory_order_relaxed);
  const std::uint64_t oldest = end > kFailureCountMax ? end - kFailureCountMax : 0;
  std::size_t count = 0;
  Instant next = now;
  for (std::uint64_t n = end; n > std::max(oldest, forgotten); --n) {
    const Instant failed_at{
        Duration(failed_at_[(n - 1) % kFailureCountMax].load(std::memory_order_relaxed))};
    if (next - failed_at >= pause) break;
    next = failed_at;
    ++count;
  }
  return count;
}

void RestartStatistics::reset() {
  forgotten_count_.store(recorded_count_.load(std::memory_order_relaxed),
                         std::memory_order_relaxed);
}

}  // namespace nexus::core
