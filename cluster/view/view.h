// View: the members that a cluster has agreed on, and a Cut: how one view becomes the next. Immutable: any thread.
//
// V1  The view after a view has the next epoch; equal cuts of equal views give equal views, with equal ids, on every machine.
// V2  An id that a cut has removed is in no later view of that lineage (the admission sees to it; after() checks what it can).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cluster/view/member.h"
#include "cluster/view/rings.h"

namespace nexus::cluster {

using Epoch = std::uint64_t;
using ViewId = std::uint64_t;

// Of what others say: no cluster changes so often. The rest keeps the next epoch a later one.
constexpr Epoch kEpochMax = UINT64_MAX / 2;

enum class Departure : std::uint8_t {
  // Its observers did not hear it any more.
  failed = 0,
  // It said that it goes.
  left = 1,
  // Another run has taken its address.
  replaced = 2,
  // An operator said so.
  forced = 3
};

struct Cut {
  struct Removal {
    MemberIndex member;
    Departure why;
    bool operator==(const Removal&) const = default;
  };

  // The view that it changes.
  ViewId base = 0;
  // Ascending.
  std::vector<Removal> removed{};
  // Ascending by id; none is in the base.
  std::vector<MemberPtr> joined{};

  bool empty() const { return removed.empty() && joined.empty(); }
  bool removes(MemberIndex member) const;
  // Equal cuts have equal digests.
  std::uint64_t digest() const;
};

using CutPtr = std::shared_ptr<const Cut>;

class View;
using ViewPtr = std::shared_ptr<const View>;

class View {
 public:
  // A member and the epoch of the view that it was first in.
  struct Entry {
    MemberPtr member;
    Epoch since;
  };

  // Any order; `lineage` tells clusters apart that were founded apart. The ids differ.
  View(std::uint64_t lineage, Epoch epoch, std::vector<Entry> entries, RingOptions rings);
  static ViewPtr found(std::vector<MemberPtr> members, RingOptions rings);
  // Of the view that these found; any order.
  static std::uint64_t lineage_of(std::vector<MemberPtr> members);

  // The cut is of this view, names members of it, and joins none of them.
  bool fits(const Cut& cut) const;
  // fits(cut).
  ViewPtr after(const Cut& cut) const;

  Epoch epoch() const { return epoch_; }
  ViewId id() const { return id_; }
  std::uint64_t lineage() const { return lineage_; }
  RingOptions ring_options() const { return ring_options_; }

  // Ascending by id.
  std::span<const MemberPtr> members() const { return members_; }
  std::size_t size() const { return members_.size(); }
  const Member& member(MemberIndex i) const { return *members_[i]; }
  Epoch since(MemberIndex i) const { return since_[i]; }
  std::optional<MemberIndex> index_of(const MemberId& id) const;
  // O(size).
  std::optional<MemberIndex> index_at(std::string_view address) const;
  // The one that has been a member for longest; the lowest id among equals. size() > 0.
  MemberIndex oldest() const { return oldest_; }

  const Rings& rings() const { return rings_; }
  std::size_t bytes() const;

 private:
  static std::vector<Entry> sorted(std::vector<Entry> entries);
  View(std::uint64_t lineage, Epoch epoch, RingOptions rings, std::vector<Entry> sorted_entries);

  const std::uint64_t lineage_;
  const Epoch epoch_;
  const RingOptions ring_options_;
  std::vector<MemberPtr> members_;
  // Beside each other, because every message looks up its sender.
  std::vector<MemberId> ids_;
  std::vector<Epoch> since_;
  MemberIndex oldest_ = 0;
  ViewId id_ = 0;
  const Rings rings_;
};

// Makes the view after a cut. A simulation of many members in one process keeps one copy for all.
class ViewMaker {
 public:
  virtual ~ViewMaker() = default;
  virtual ViewPtr after(const View& base, const Cut& cut) { return base.after(cut); }
};

}  // namespace nexus::cluster
