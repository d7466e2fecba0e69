// Workload: one question about the runtime, as the runner sees it: a name and a function that measures once.
//
//   all calls   main thread
//
// Adding one: a function `Sample run_x(const Setting&)` in the file of its group, and a line in that file's list.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/telemetry/sampler.h"

namespace nexus::bench {

// How a run is made.
struct Setting {
  std::uint32_t worker_count = 1;
  // Sizes are multiplied by it; > 0.
  double scale = 1;
  // Of the runtime's telemetry: 1 in so many messages, 0 = none.
  std::uint32_t sampling = core::SamplingRate::kDefault;

  // `count` at this scale; >= 1.
  std::uint64_t scaled(std::uint64_t count) const {
    return std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(static_cast<double>(count) * scale + 0.5));
  }
};

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

struct Workload {
  std::string name;
  std::string unit;
  std::string question;
  std::function<Sample(const Setting&)> run;
  // The worker count asked for is brought into these bounds.
  std::uint32_t worker_count_min = 1;
  std::uint32_t worker_count_max = UINT32_MAX;
  // With more than one worker it is measured with one as well, and the summary says how much faster the more are.
  bool compares_with_one_worker = false;
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

// All workloads, in the order of --list: those of the groups below, each in the file of that name.
std::vector<Workload> all_workloads();

std::vector<Workload> floor_workloads();
std::vector<Workload> message_workloads();
std::vector<Workload> lifecycle_workloads();
std::vector<Workload> ask_workloads();
std::vector<Workload> part_workloads();
std::vector<Workload> parallel_workloads();
std::vector<Workload> telemetry_workloads();
std::vector<Workload> timeout_workloads();

// Of messages.cc: one run of pingpong.
double pingpong_ns(const Setting& setting);

// Of lifecycle.cc: the bytes of resident memory that each of `count` idle actors takes. In a process that did nothing before.
double idle_actor_bytes(const Setting& setting, std::uint64_t count, bool named);

}  // namespace nexus::bench
