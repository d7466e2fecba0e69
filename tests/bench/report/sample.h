// Sample: what one run of a workload found, and the arithmetic of it.
//
//   all calls   any thread, no state
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"

namespace nexus::bench {

struct Percentiles {
  double p50_ns;
  double p99_ns;
};

// What one run found.
struct Sample {
  double value;
  std::optional<Percentiles> latency{};
  // More numbers of the run by name, for its JSON object.
  std::vector<std::pair<std::string, double>> fields{};
  // Messages that each worker handled; empty where there is one worker or nobody counted.
  std::vector<std::uint64_t> worker_messages{};
};

// Messages were lost or doubled, or a run did not end. The program then ends with 1.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void expect_equal(const std::string& what, std::uint64_t expected, std::uint64_t counted) {
  if (expected == counted) return;
  throw Broken(what + ": expected " + std::to_string(expected) + ", counted " +
               std::to_string(counted));
}

inline double nanoseconds(core::Duration time) { return static_cast<double>(time.count()); }
inline double ns_per(core::Duration time, std::uint64_t count) {
  return nanoseconds(time) / static_cast<double>(count);
}
inline double per_second(core::Duration time, std::uint64_t count) {
  return static_cast<double>(count) * 1e9 / nanoseconds(time);
}

// Of at least one time. Puts them in another order.
Percentiles percentiles_of(std::vector<std::uint32_t>& times_ns);
// A time as it is kept for percentiles: up to 4.2 seconds.
inline std::uint32_t saturated_ns(core::Duration time) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.count(), 0, UINT32_MAX));
}
// What one read of the steady clock costs, in ns.
double clock_read_ns();

}  // namespace nexus::bench
