// LockReport: how often the mutexes of each site were taken, and how long threads waited for them, since the process began.
//
//   all calls   any thread   takes no lock
//
// Empty when the build option NEXUS_LOCK_TIMING is off (kLockTiming).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace nexus::core {

struct LockReport {
  struct Site {
    std::string_view name;
    std::uint64_t acquisition_count = 0;
    // Of these: the mutex was taken, and the thread waited.
    std::uint64_t contended_count = 0;
    // Threads that wait now.
    std::uint32_t waiting_count = 0;
    // Of the contended ones.
    Duration wait_p50{};
    Duration wait_p95{};
    Duration wait_p99{};
    Duration wait_max{};
    Duration wait_sum{};
  };
  // All sites; the longest wait_sum first, then by name.
  std::vector<Site> sites;

  static LockReport take();

  // The row of that name, all zero when there is none.
  Site site(std::string_view name) const;
  std::uint64_t acquisition_count() const;
  // A table for people, one site a line; times in microseconds.
  std::string to_text() const;
};

}  // namespace nexus::core
