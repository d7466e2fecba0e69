// Workload: one question about the runtime, as the runner sees it: a name and a function that measures once.
//
//   all calls   main thread
//
// Adding one: a function `Sample run_x(const Setting&)` in the file of its group, and a line in that file's list.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/telemetry/sampler.h"
#include "tests/bench/report/sample.h"

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
