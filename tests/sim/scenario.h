// Scenario: how a cluster begins, what happens to it, and when it is measured. scenarios.cc has them all.
//
//   all calls   any
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/fault_plan.h"
#include "tests/sim/sim_network.h"

namespace nexus::sim {

struct Scenario {
  SimNetwork::Options network;
  // Every address there will be; the first `settled_count` of them begin as members of one settled cluster.
  std::uint32_t node_count = 0;
  std::uint32_t settled_count = 0;
  // Whom a process that begins alone may ask.
  std::vector<NodeIndex> contacts;
  FaultPlan plan;
  SimTime first_event{};
  // Where a partition is the event, convergence counts from its end.
  SimTime healed_at = kNever;
  // L4: so long after the last fault all live nodes are members again.
  core::Duration return_within = std::chrono::seconds(10);
  // When it is measured; kNever: when all healthy nodes see the truth (or have learned what was put), no earlier than
  // `measure_after` the first event, and no later than `give_up_at`.
  SimTime measure_at = kNever;
  core::Duration measure_after{};
  SimTime give_up_at = std::chrono::seconds(300);
  // L1 and L4 are asserted. Not where a whole cluster is yet to be made: that is measured.
  bool asserts_liveness = true;
};

// A scenario's name and the question that it answers.
struct ScenarioKind {
  std::string name;
  std::string question;
  std::uint32_t default_node_count;
  // Fewer would be another scenario.
  std::uint32_t node_count_min;
  Scenario (*make)(std::uint32_t node_count, std::uint64_t seed);
};

const std::vector<ScenarioKind>& all_scenarios();

}  // namespace nexus::sim
