// LinkRules: what the network does to whom at the moment: loss, delay, cuts, each in one direction between two sets of nodes.
//
//   all calls   the simulation's thread
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/clock.h"
#include "tests/sim/process.h"

namespace nexus::sim {

// Of 65,536 segments or datagrams so many are lost.
constexpr std::uint32_t kLoseAll = 65'536;

class LinkRules {
 public:
  // What is sent from one of `from` to one of `to`.
  struct Rule {
    std::vector<NodeIndex> from;
    std::vector<NodeIndex> to;
    std::uint32_t loss = 0;
    core::Duration delay{};
  };
  struct Path {
    std::uint32_t loss = 0;
    core::Duration delay{};
  };
  using RuleId = std::uint32_t;

  explicit LinkRules(std::uint32_t node_count);

  RuleId add(const Rule& rule);
  void remove(RuleId id);

  // No rule speaks of that direction.
  bool is_clean(NodeIndex from, NodeIndex to) const {
    return out_rule_count_[from] == 0 || in_rule_count_[to] == 0 || !matches_any(from, to);
  }
  // All rules that match: losses are independent of each other, delays add up.
  Path path(NodeIndex from, NodeIndex to) const;

 private:
  struct Active {
    RuleId id;
    Rule rule;
    std::vector<std::uint8_t> is_from;
    std::vector<std::uint8_t> is_to;
  };

  bool matches_any(NodeIndex from, NodeIndex to) const;

  std::vector<Active> active_;
  // How many rules name a node at either end: most paths are clean, and that is seen without looking at rules.
  std::vector<std::uint32_t> out_rule_count_;
  std::vector<std::uint32_t> in_rule_count_;
  RuleId last_id_ = 0;
};

}  // namespace nexus::sim
