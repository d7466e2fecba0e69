// Simulation: one cluster, one scenario, one seed, one thread. Everything that happens is an event; equal seeds give equal traces.
//
//   run()   once
#pragma once

#include <cstdint>
#include <memory>
#include <ostream>
#include <vector>

#include "tests/sim/harness/observer.h"
#include "tests/sim/harness/sim_node.h"
#include "tests/sim/process.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim_network.h"

namespace nexus::sim {

class Simulation final : private SimNetwork::Hosts {
 public:
  // Who was sick may still be removed for so long: suspicion takes its time.
  static constexpr core::Duration kConvalescence = std::chrono::seconds(15);

  Simulation(Scenario scenario, Model& model, std::uint64_t seed);

  // Before run(): what each node says of its view and its standing goes there, a line each.
  void tell(std::ostream& out) { world_.story = &out; }
  SeedResult run();

  // For tests.
  SimNode& node(NodeIndex index) { return *nodes_[index]; }

 private:
  static constexpr core::Duration kCheckEvery = std::chrono::milliseconds(100);
  static constexpr std::uint32_t kSweepEveryChecks = 100;

  // SimNetwork::Hosts
  HostState state(NodeIndex node) const override { return world_.hosts[node].state; }
  std::uint32_t boot_count(NodeIndex node) const override { return world_.hosts[node].boot_count; }
  bool has_room(NodeIndex node, std::uint32_t bytes) const override {
    const std::uint32_t used = world_.hosts[node].inbox_bytes;
    return used == 0 || used + bytes < SimNode::kReceiveBufferBytes;
  }
  void arrived(Arrival arrival) override;

  void start_settled();
  void start_alone(NodeIndex node);
  void dispatch(const Event& event);

  void begin_fault(std::uint32_t index);
  void begin_fault_at(std::uint32_t index, NodeIndex node);
  void end_fault(std::uint32_t index);
  void recover(std::uint32_t index, bool is_convalescent);
  void toggle_starved(NodeIndex node, std::uint32_t index);

  void hold_sick(NodeIndex node);
  void release_sick(NodeIndex node);
  void note_health(NodeIndex node);

  // Every kCheckEvery: measures and asserts when it is time, and says whether all is done.
  bool check();
  void assert_liveness();
  bool is_time_to_measure() const;
  void measure();

  const Scenario scenario_;
  Model& model_;
  const SimTime faults_end_;
  World world_;
  Observer observer_;
  SimNetwork network_;
  std::vector<std::unique_ptr<SimNode>> nodes_;

  // By fault: the rule that it is, and for each node that it starves its own sequence.
  std::vector<LinkRules::RuleId> rule_of_fault_;
  std::vector<Random> starve_random_;
  std::vector<std::uint8_t> is_starved_;
  // How many reasons a node has to be ill, and how many of now or lately; to be dead is one.
  std::vector<std::uint32_t> ill_holds_;
  std::vector<std::uint32_t> sick_holds_;
  std::vector<std::uint8_t> is_dead_;

  bool is_measured_ = false;
  bool agreement_is_checked_;
  bool return_is_checked_;
  std::uint32_t check_count_ = 0;
  std::uint64_t event_count_ = 0;
  SeedResult result_;
};

}  // namespace nexus::sim
