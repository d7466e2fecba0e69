#include "tests/sim/harness/view_rules.h"

#include <array>
#include <cstdio>

namespace nexus::sim {
namespace {

std::string name_of(Identity identity) {
  return "node " + std::to_string(identity.node) + "#" + std::to_string(identity.incarnation);
}

std::string view_text(const ViewRules::View& view) {
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "epoch %llu id %016llx members %016llx",
                static_cast<unsigned long long>(view.epoch),
                static_cast<unsigned long long>(view.id),
                static_cast<unsigned long long>(view.content));
  return text.data();
}

}  // namespace

void ViewRules::on_change(SimTime now, const View& before, const View& after,
                          const ViewChange& change) {
  const Identity observer = after.of;
  if (after.epoch <= before.epoch && (has_one_view_an_epoch_ || before.of == observer)) {
    add(now,
        "S2: " + name_of(observer) + " went from " + view_text(before) + " to " + view_text(after));
  }
  if (!has_one_view_an_epoch_) return;
  const auto [known, is_new] = view_of_epoch_.try_emplace(after.epoch, after);
  if (!is_new && (known->second.id != after.id || known->second.content != after.content)) {
    add(now, "S1: " + name_of(observer) + " holds " + view_text(after) + ", others " +
                 view_text(known->second));
  }
  for (const Identity removed : change.removed) {
    const std::uint64_t key = key_of(removed);
    if (removed_.find(key) != FlatMap::kNone) continue;
    removed_.put(key, static_cast<std::uint32_t>(removed_epochs_.size()));
    removed_epochs_.push_back(after.epoch);
  }
  if (removed_epochs_.empty()) return;
  for (const Identity added : change.added) {
    const std::uint32_t found = removed_.find(key_of(added));
    if (found == FlatMap::kNone || removed_epochs_[found] >= after.epoch) continue;
    add(now, "S7: " + name_of(observer) + " takes back " + name_of(added) + " in epoch " +
                 std::to_string(after.epoch) + "; it was removed by epoch " +
                 std::to_string(removed_epochs_[found]));
  }
}

void ViewRules::on_healthy_removed(SimTime now, Identity observer, Identity removed) {
  add(now, "S8: " + name_of(observer) + " removed the healthy " + name_of(removed));
}

void ViewRules::on_member_holds(SimTime now, std::uint64_t epoch) {
  ++holders_[epoch];
  note_agreement(now);
}

void ViewRules::on_member_drops(SimTime now, std::uint64_t epoch) {
  const auto found = holders_.find(epoch);
  if (found == holders_.end()) return;
  if (--found->second == 0) holders_.erase(found);
  note_agreement(now);
}

void ViewRules::note_agreement(SimTime now) {
  const bool is_agreed = holders_.size() <= 1;
  if (is_agreed_ && !is_agreed) agreed_until_ = now;
  if (is_agreed) agreed_until_ = kNever;
  is_agreed_ = is_agreed;
}

void ViewRules::check_agreement(SimTime now, SimTime faults_end) {
  if (agreed_until_ >= faults_end) return;
  std::string text = "L1: 5 s after the last fault members hold the epochs";
  for (const auto& [epoch, count] : holders_) {
    text += " " + std::to_string(epoch) + " (" + std::to_string(count) + ")";
  }
  add(now, text);
}

void ViewRules::check_return(SimTime now, core::Duration within,
                             const std::vector<NodeIndex>& missing) {
  if (missing.empty()) return;
  std::string text =
      "L4: " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(within).count()) +
      " s after the last fault " + std::to_string(missing.size()) +
      " live nodes are not members of a view of the live:";
  for (std::size_t i = 0; i < missing.size() && i < 10; ++i) {
    text += " " + std::to_string(missing[i]);
  }
  add(now, text);
}

std::string ViewRules::rule_of(const std::string& violation) {
  const std::size_t end = violation.find(':');
  const std::size_t begin = violation.rfind(' ', end) + 1;
  return violation.substr(begin, end - begin);
}

void ViewRules::add(SimTime now, const std::string& what) {
  if (violations_.size() >= kViolationsMax) return;
  std::array<char, 32> time{};
  std::snprintf(time.data(), time.size(), "%.6f s ", static_cast<double>(now.count()) / 1e9);
  violations_.push_back(time.data() + what);
}

}  // namespace nexus::sim
