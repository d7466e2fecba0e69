#include "tests/bench/core/workload.h"

namespace nexus::bench {

std::vector<Workload> all_workloads() {
  std::vector<Workload> all;
  for (auto group : {floor_workloads, message_workloads, lifecycle_workloads, ask_workloads,
                     part_workloads, parallel_workloads, telemetry_workloads, timeout_workloads}) {
    for (Workload& workload : group()) all.push_back(std::move(workload));
  }
  return all;
}

}  // namespace nexus::bench
