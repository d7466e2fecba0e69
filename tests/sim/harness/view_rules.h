// ViewRules: what must hold of a model that agrees on views, checked at every change of every node's view.
//
//   all calls   Observer
//
// S1  There is one view an epoch: equal epochs have equal ids and equal members.
// S2  Epochs of a process only grow.
// S7  An identity that a view left out is in no view of a later epoch.
// S8  A healthy, fully connected member is not removed while at most a tenth of the nodes, rounded up, is sick.
// L1  Some time within 5 s after the last fault all members hold one view.
// L4  10 s after the last fault, or when the scenario says, all live processes are members again, in a view of exactly them.
//
// Where parts that are cut from each other may go on by themselves, epochs of two parts have nothing to do with each other: S2 is asserted
// of the views of each identity by itself, and S1, S7, L1 and L4 are not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/sim/event_queue.h"
#include "tests/sim/flat_map.h"
#include "tests/sim/process.h"

namespace nexus::sim {

class ViewRules {
 public:
  static constexpr core::Duration kAgreeWithin = std::chrono::seconds(5);
  // More would say nothing new.
  static constexpr std::size_t kViolationsMax = 20;

  // What a node held before a change, and holds after it. `content` is a hash of the members alone, `of` the identity under which the
  // node holds it.
  struct View {
    std::uint64_t epoch = 0;
    std::uint64_t id = 0;
    std::uint64_t content = 0;
    Identity of{};
  };

  explicit ViewRules(bool has_one_view_an_epoch) : has_one_view_an_epoch_(has_one_view_an_epoch) {}

  void on_change(SimTime now, const View& before, const View& after, const ViewChange& change);
  void on_healthy_removed(SimTime now, Identity observer, Identity removed);

  // A member's view counts for L1: it began to hold `epoch`, or ceased to.
  void on_member_holds(SimTime now, std::uint64_t epoch);
  void on_member_drops(SimTime now, std::uint64_t epoch);

  // Asked kAgreeWithin after the last fault, at `faults_end`.
  void check_agreement(SimTime now, SimTime faults_end);
  // Asked `within` after it; `missing` names the nodes that are not back, or see others than are there.
  void check_return(SimTime now, core::Duration within, const std::vector<NodeIndex>& missing);

  // Each begins with its time and the rule that it breaks.
  const std::vector<std::string>& violations() const { return violations_; }
  static std::string rule_of(const std::string& violation);

 private:
  void add(SimTime now, const std::string& what);
  void note_agreement(SimTime now);

  const bool has_one_view_an_epoch_;
  std::unordered_map<std::uint64_t, View> view_of_epoch_;
  // Identity to index into removed_epochs_.
  FlatMap removed_;
  std::vector<std::uint64_t> removed_epochs_;
  // How many members hold each epoch.
  std::map<std::uint64_t, std::uint32_t> holders_;
  bool is_agreed_ = true;
  SimTime agreed_until_ = kNever;
  std::vector<std::string> violations_;
};

// As FlatMap keys.
constexpr std::uint64_t key_of(Identity identity) {
  return std::uint64_t{identity.node} << 32 | identity.incarnation;
}

}  // namespace nexus::sim
