#include "cluster/membership/admission.h"

#include <algorithm>
#include <utility>

#include "cluster/membership/compatibility.h"

namespace nexus::cluster {

void Admission::begin(const View& view) {
  const auto is_in = [&view](const auto& entry) { return view.index_of(entry.first).has_value(); };
  std::erase_if(pending_, is_in);
  // Their sponsors offer them anew to those who may propose in this view.
  offers_.clear();
}

void Admission::remember_removed(const MemberId& id) {
  if (!removed_.insert(id).second) return;
  removed_in_order_.push_back(id);
  if (removed_in_order_.size() > options_.removed_count_max) {
    removed_.erase(removed_in_order_.front());
    removed_in_order_.pop_front();
  }
}

std::vector<MemberId> Admission::newest_removed() const {
  const std::size_t count = std::min(options_.removed_told_max, removed_in_order_.size());
  return {removed_in_order_.end() - static_cast<std::ptrdiff_t>(count), removed_in_order_.end()};
}

Admission::Answer Admission::on_join(const Join& join, const View& view, core::Instant now) {
  if (std::string why = why_not_together(compatibility_, join.compatibility); !why.empty())
    return Refuse{.why = std::move(why)};
  const MemberId& id = join.member->id;
  if (removed_.contains(id))
    return Refuse{
        .why = "this id was removed from the cluster; the node joins again under a new one",
        .removed = true};
  if (view.index_of(id)) return Welcome{};
  if (view.size() >= options_.view_size_max && !view.index_at(join.member->address)) {
    return Refuse{.why = "the cluster has all the " + std::to_string(options_.view_size_max) +
                         " members that cluster.static_quorum allows"};
  }
  std::erase_if(pending_,
                [&](const auto& entry) { return now - entry.second.seen > options_.patience; });
  const auto known = pending_.find(id);
  if (known != pending_.end()) {
    known->second.seen = now;
    return Ignore{};
  }
  if (pending_.size() >= options_.pending_count_max) return Ignore{};
  const std::uint32_t checks = join.again ? options_.checks_again : 1;
  pending_.emplace(id, Pending{.member = join.member,
                               .seen = now,
                               .checks = checks,
                               .checks_left = checks,
                               .checked = now,
                               .waits = true,
                               .check_at = now + options_.check_late});
  return Check{};
}

MemberPtr Admission::on_confirm(const Peer& from, const JoinConfirm& confirm, const View& view,
                                core::Instant now) {
  const auto known = pending_.find(confirm.joiner);
  if (known == pending_.end() || known->second.confirmed()) return nullptr;
  if (from.id != confirm.joiner || from.address != known->second.member->address) return nullptr;
  Pending& pending = known->second;
  pending.seen = now;
  // One check is there to know the address; a row of them, to know the link.
  if (pending.checks > 1 && (!pending.waits || confirm.sent != pending.checked)) return nullptr;
  pending.waits = false;
  --pending.checks_left;
  pending.check_at = pending.checked + options_.check_every;
  return pending.confirmed() && !view.index_of(confirm.joiner) ? pending.member : nullptr;
}

std::vector<MemberPtr> Admission::take_checks(core::Instant now) {
  std::erase_if(pending_,
                [&](const auto& entry) { return now - entry.second.seen > options_.patience; });
  std::vector<MemberPtr> due;
  for (auto& [id, pending] : pending_) {
    if (pending.confirmed() || now < pending.check_at) continue;
    // No answer came: begin the row anew.
    if (pending.waits) pending.checks_left = pending.checks;
    pending.checked = now;
    pending.waits = true;
    pending.check_at = now + options_.check_late;
    due.push_back(pending.member);
  }
  return due;
}

core::Instant Admission::next_time() const {
  core::Instant next = core::Instant::max();
  for (const auto& [id, pending] : pending_) {
    if (!pending.confirmed()) next = std::min(next, pending.check_at);
  }
  return next;
}

std::size_t Admission::limit(const View& view) const {
  const std::size_t at_once = options_.joins_base + options_.joins_per_member * view.size();
  return std::min(at_once,
                  options_.view_size_max > view.size() ? options_.view_size_max - view.size() : 0);
}

std::vector<MemberPtr> Admission::to_offer(const View& view) const {
  std::vector<MemberPtr> offers;
  const std::size_t at_once = options_.joins_base + options_.joins_per_member * view.size();
  for (const auto& [id, pending] : pending_) {
    if (offers.size() >= at_once) break;
    if (pending.confirmed()) offers.push_back(pending.member);
  }
  return offers;
}

void Admission::on_offer(const std::vector<MemberPtr>& joiners, const View& view) {
  for (const MemberPtr& joiner : joiners) {
    if (offers_.size() >= options_.pending_count_max) return;
    if (!view.index_of(joiner->id) && !removed_.contains(joiner->id))
      offers_.emplace(joiner->id, joiner);
  }
}

void Admission::add_to(Cut& cut, const View& view) const {
  std::set<std::string_view> addresses;
  std::size_t more = 0;
  for (const auto& [id, member] : offers_) {
    if (cut.joined.size() >= options_.joins_base + options_.joins_per_member * view.size()) break;
    // Who takes the place of another makes the view no larger.
    const bool replaces = view.index_at(member->address).has_value();
    if (!replaces && more >= limit(view)) continue;
    // Two runs at one address: the one that is still there asks again.
    if (!addresses.insert(member->address).second) continue;
    cut.joined.push_back(member);
    more += replaces ? 0 : 1;
  }
  if (cut.joined.empty()) return;
  // Beside the others until all are found: those must stay in order meanwhile.
  std::vector<Cut::Removal> replaced;
  for (MemberIndex i = 0; i < view.size(); ++i) {
    if (addresses.contains(view.member(i).address) && !cut.removes(i)) {
      replaced.push_back({.member = i, .why = Departure::replaced});
    }
  }
  cut.removed.insert(cut.removed.end(), replaced.begin(), replaced.end());
  std::sort(cut.removed.begin(), cut.removed.end(),
            [](const auto& a, const auto& b) { return a.member < b.member; });
}

}  // namespace nexus::cluster
