#include "cluster/compat/family_gossip.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cluster/compat/gossip_codec.h"

namespace nexus::cluster {

FamilyGossip::FamilyGossip(Options options)
    : options_(std::move(options)), table_(options_.table, options_.self_id) {}

void FamilyGossip::on_members(const std::vector<FamilyMember>& members, core::Instant now) {
  std::set<std::string> ids;
  for (const FamilyMember& member : members) {
    ids.insert(member.id);
    const auto [target, is_new] = targets_.try_emplace(member.id);
    if (is_new) target->second.listed_at = now;
    target->second.member = member;
  }
  std::erase_if(targets_, [&](const auto& target) { return !ids.contains(target.first); });
}

bool FamilyGossip::may_be_spoken_to(const Target& target, core::Instant now) const {
  if (target.open_count > 0) return false;
  if (leaves_) return !target.told_left;
  return target.has_spoken || now >= target.listed_at + options_.first_word_after;
}

FamilyGossip::Send FamilyGossip::send_to(Target& target) {
  GossipTable::Delta delta = table_.delta(target.member.id, target.mark);
  ++target.open_count;
  return {.member = target.member.id,
          .address = target.member.address,
          .state = std::move(delta.state),
          .mark = delta.mark,
          .says_left = leaves_};
}

std::vector<FamilyGossip::Send> FamilyGossip::on_beat(core::Instant now) {
  // FG5.
  table_.forget([&](const std::string& id) { return targets_.contains(id); },
                now - options_.keep_gone);
  if (!leaves_) {
    table_.put(gossip_key::kHeartbeat, heartbeat_content());
    table_.put(gossip_key::kHeartbeatOf2024, heartbeat_content());
  }
  std::vector<Send> sends;
  auto next = targets_.upper_bound(turn_);
  for (std::size_t i = 0; i < targets_.size() && sends.size() < options_.fan_out; ++i, ++next) {
    if (next == targets_.end()) next = targets_.begin();
    if (!may_be_spoken_to(next->second, now)) continue;
    turn_ = next->first;
    sends.push_back(send_to(next->second));
  }
  return sends;
}

std::vector<GossipTable::Change> FamilyGossip::on_state(std::string_view address,
                                                        const GossipState& state,
                                                        core::Instant now) {
  for (auto& [id, target] : targets_) {
    if (target.member.address == address) target.has_spoken = true;
  }
  return table_.merge(state, now);
}

void FamilyGossip::on_outcome(const Send& send, bool answered) {
  const auto found = targets_.find(send.member);
  if (found == targets_.end()) return;
  Target& target = found->second;
  if (target.open_count > 0) --target.open_count;
  if (!answered) return;
  target.has_spoken = true;
  target.mark = std::max(target.mark, send.mark);
  target.told_left = target.told_left || send.says_left;
}

std::vector<FamilyGossip::Send> FamilyGossip::leave() {
  leaves_ = true;
  table_.put(gossip_key::kLeft, left_content());
  std::vector<Send> sends;
  for (auto& [id, target] : targets_) sends.push_back(send_to(target));
  return sends;
}

bool FamilyGossip::all_told() const {
  return std::all_of(targets_.begin(), targets_.end(),
                     [](const auto& target) { return target.second.told_left; });
}

bool FamilyGossip::all_answered() const {
  return std::all_of(targets_.begin(), targets_.end(),
                     [](const auto& target) { return target.second.open_count == 0; });
}

}  // namespace nexus::cluster
