#include "cluster/membership/admission.h"

#include <algorithm>
#include <utility>

#include "core/base/escape.h"

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

std::string Admission::why_not(const Compatibility& theirs) const {
  if (theirs.cluster != compatibility_.cluster) {
    return "this is a node of cluster " + core::quoted(compatibility_.cluster) + ", not of " +
           core::quoted(theirs.cluster) + "; check cluster.name and cluster.seeds";
  }
  if (theirs.protocol_max < compatibility_.protocol_min ||
      theirs.protocol_min > compatibility_.protocol_max) {
    return "this node speaks cluster protocol " + std::to_string(compatibility_.protocol_min) +
           " to " + std::to_string(compatibility_.protocol_max) + ", the other one " +
           std::to_string(theirs.protocol_min) + " to " + std::to_string(theirs.protocol_max) +
           "; upgrade the older one";
  }
  if (theirs.settings != compatibility_.settings) {
    return "the settings that all members of a cluster must share differ; compare the section "
           "cluster of both configurations";
  }
  return {};
}

Admission::Answer Admission::on_join(const Join& join, const View& view, core::Instant now) {
  if (std::string why = why_not(join.compatibility); !why.empty()) return Refuse{std::move(why)};
  const MemberId& id = join.member->id;
  if (removed_.contains(id))
    return Refuse{"this id was removed from the cluster; a node joins again under a new one"};
  if (view.index_of(id)) return Welcome{};
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

MemberPtr Admission::on_confirm(const JoinConfirm& confirm, const View& view, core::Instant now) {
  const auto known = pending_.find(confirm.joiner);
  if (known == pending_.end() || known->second.confirmed()) return nullptr;
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
  for (const auto& [id, pending] : pending_) {
    if (offers.size() >= limit(view)) break;
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
  for (const auto& [id, member] : offers_) {
    if (cut.joined.size() >= limit(view)) break;
    // Two runs at one address: the one that is still there asks again.
    if (addresses.insert(member->address).second) cut.joined.push_back(member);
  }
  if (cut.joined.empty()) return;
  for (MemberIndex i = 0; i < view.size(); ++i) {
    if (addresses.contains(view.member(i).address) && !cut.removes(i)) {
      cut.removed.push_back({.member = i, .why = Departure::replaced});
    }
  }
  std::sort(cut.removed.begin(), cut.removed.end(),
            [](const auto& a, const auto& b) { return a.member < b.member; });
}

}  // namespace nexus::cluster
