#include "tests/sim/link_rules.h"

#include <algorithm>

namespace nexus::sim {
namespace {

std::vector<std::uint8_t> marks_of(const std::vector<NodeIndex>& nodes, std::size_t count) {
  std::vector<std::uint8_t> marks(count, 0);
  for (const NodeIndex node : nodes) marks[node] = 1;
  return marks;
}

}  // namespace

LinkRules::LinkRules(std::uint32_t node_count)
    : out_rule_count_(node_count, 0), in_rule_count_(node_count, 0) {}

LinkRules::RuleId LinkRules::add(const Rule& rule) {
  const std::size_t count = out_rule_count_.size();
  active_.push_back({++last_id_, rule, marks_of(rule.from, count), marks_of(rule.to, count)});
  for (std::size_t node = 0; node < count; ++node) {
    out_rule_count_[node] += active_.back().is_from[node];
    in_rule_count_[node] += active_.back().is_to[node];
  }
  return last_id_;
}

void LinkRules::remove(RuleId id) {
  const auto found = std::find_if(active_.begin(), active_.end(),
                                  [id](const Active& active) { return active.id == id; });
  if (found == active_.end()) return;
  for (std::size_t node = 0; node < out_rule_count_.size(); ++node) {
    out_rule_count_[node] -= found->is_from[node];
    in_rule_count_[node] -= found->is_to[node];
  }
  active_.erase(found);
}

bool LinkRules::matches_any(NodeIndex from, NodeIndex to) const {
  return std::any_of(active_.begin(), active_.end(), [&](const Active& active) {
    return active.is_from[from] != 0 && active.is_to[to] != 0;
  });
}

LinkRules::Path LinkRules::path(NodeIndex from, NodeIndex to) const {
  Path path;
  std::uint64_t passes = kLoseAll;
  for (const Active& active : active_) {
    if (active.is_from[from] == 0 || active.is_to[to] == 0) continue;
    passes = passes * (kLoseAll - active.rule.loss) / kLoseAll;
    path.delay += active.rule.delay;
  }
  path.loss = kLoseAll - static_cast<std::uint32_t>(passes);
  return path;
}

}  // namespace nexus::sim
