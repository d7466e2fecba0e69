#include "cluster/view/view.h"

#include <algorithm>

#include "cluster/view/digest.h"
#include "core/base/check.h"

namespace nexus::cluster {

bool Cut::removes(MemberIndex member) const {
  const auto found =
      std::lower_bound(removed.begin(), removed.end(), member,
                       [](const Removal& removal, MemberIndex m) { return removal.member < m; });
  return found != removed.end() && found->member == member;
}

std::uint64_t Cut::digest() const {
  Digest digest;
  digest.add(base).add(removed.size());
  for (const Removal& removal : removed)
    digest.add(removal.member).add(static_cast<std::uint64_t>(removal.why));
  for (const MemberPtr& member : joined) digest.add(member->id);
  return digest.value();
}

View::View(std::uint64_t lineage, Epoch epoch, std::vector<Entry> entries, RingOptions rings)
    : View(lineage, epoch, rings, sorted(std::move(entries))) {}

std::vector<View::Entry> View::sorted(std::vector<Entry> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.member->id < b.member->id; });
  return entries;
}

View::View(std::uint64_t lineage, Epoch epoch, RingOptions rings, std::vector<Entry> sorted_entries)
    : lineage_(lineage),
      epoch_(epoch),
      ring_options_(rings),
      members_([&] {
        std::vector<MemberPtr> members;
        members.reserve(sorted_entries.size());
        for (Entry& entry : sorted_entries) members.push_back(std::move(entry.member));
        return members;
      }()),
      rings_(members_, rings) {
  Digest digest;
  digest.add(lineage).add(epoch);
  ids_.reserve(sorted_entries.size());
  since_.reserve(sorted_entries.size());
  for (MemberIndex i = 0; i < members_.size(); ++i) {
    CHECK(i == 0 || members_[i - 1]->id < members_[i]->id);
    digest.add(members_[i]->id);
    ids_.push_back(members_[i]->id);
    since_.push_back(sorted_entries[i].since);
    if (since_[i] < since_[oldest_]) oldest_ = i;
  }
  id_ = digest.value();
}

std::uint64_t View::lineage_of(std::vector<MemberPtr> members) {
  std::sort(members.begin(), members.end(),
            [](const MemberPtr& a, const MemberPtr& b) { return a->id < b->id; });
  Digest lineage;
  for (const MemberPtr& member : members) lineage.add(member->id);
  return lineage.value();
}

ViewPtr View::found(std::vector<MemberPtr> members, RingOptions rings) {
  const std::uint64_t lineage = lineage_of(members);
  std::vector<Entry> entries;
  entries.reserve(members.size());
  for (MemberPtr& member : members) entries.push_back({.member = std::move(member), .since = 1});
  return std::make_shared<const View>(lineage, 1, std::move(entries), rings);
}

bool View::fits(const Cut& cut) const {
  if (cut.base != id_) return false;
  for (std::size_t i = 0; i < cut.removed.size(); ++i) {
    if (cut.removed[i].member >= size() ||
        (i > 0 && cut.removed[i - 1].member >= cut.removed[i].member))
      return false;
  }
  for (std::size_t i = 0; i < cut.joined.size(); ++i) {
    if (index_of(cut.joined[i]->id) || (i > 0 && cut.joined[i - 1]->id >= cut.joined[i]->id))
      return false;
  }
  return true;
}

ViewPtr View::after(const Cut& cut) const {
  CHECK(fits(cut));
  std::vector<Entry> entries;
  entries.reserve(size() - cut.removed.size() + cut.joined.size());
  for (MemberIndex i = 0; i < size(); ++i) {
    if (!cut.removes(i)) entries.push_back({.member = members_[i], .since = since_[i]});
  }
  for (const MemberPtr& member : cut.joined)
    entries.push_back({.member = member, .since = epoch_ + 1});
  return std::make_shared<const View>(lineage_, epoch_ + 1, std::move(entries), ring_options_);
}

std::optional<MemberIndex> View::index_of(const MemberId& id) const {
  const auto found = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (found == ids_.end() || *found != id) return std::nullopt;
  return static_cast<MemberIndex>(found - ids_.begin());
}

std::optional<MemberIndex> View::index_at(std::string_view address) const {
  for (MemberIndex i = 0; i < size(); ++i) {
    if (members_[i]->address == address) return i;
  }
  return std::nullopt;
}

std::size_t View::bytes() const {
  std::size_t bytes = sizeof(*this) + members_.capacity() * sizeof(MemberPtr) +
                      ids_.capacity() * sizeof(MemberId) + since_.capacity() * sizeof(Epoch) +
                      rings_.bytes();
  for (const MemberPtr& member : members_)
    bytes += sizeof(Member) + member->address.capacity() + member->version.capacity();
  return bytes;
}

}  // namespace nexus::cluster
