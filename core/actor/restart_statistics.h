// RestartStatistics: when one actor failed lately. Its parent makes them at its first failure (Relations::child_failures), because most
// actors never fail.
//
//   record_failure(), reset()        owner        the parent's turn
//   failure_count(), recent_row()    any thread   no lock, no wait
//
// Y1  The newest kFailureCountMax failures are remembered.
// Y2  A reader counts failures that were recorded before it began. What the owner does meanwhile it sees or not: a failure that is
//     being recorded may count in place of the oldest remembered one. It never counts more than there were.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace nexus::core {

class RestartStatistics {
 public:
  static constexpr std::size_t kFailureCountMax = 128;

  RestartStatistics() = default;
  RestartStatistics(const RestartStatistics&) = delete;
  RestartStatistics& operator=(const RestartStatistics&) = delete;

  void record_failure(Instant now);
  // Failures in (now - window, now]; at most kFailureCountMax. window > 0.
  std::size_t failure_count(Instant now, Duration window) const;
  // The newest failures up to `now` that have less than `pause` between each and the next, and between the last and `now`; at
  // most kFailureCountMax. pause > 0.
  std::size_t recent_row(Instant now, Duration pause) const;
  // Forgets all failures so far.
  void reset();

 private:
  // Failure n is in place n % kFailureCountMax until failure n + kFailureCountMax takes it.
  std::array<std::atomic<Duration::rep>, kFailureCountMax> failed_at_{};
  std::atomic<std::uint64_t> recorded_count_{0};
  // The first so many do not count any more.
  std::atomic<std::uint64_t> forgotten_count_{0};
};

}  // namespace nexus::core
