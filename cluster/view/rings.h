// Rings: who watches whom in one view. The members stand on K rings, each in its own order that only their ids decide; on each ring
// a member is watched by the one before it. So everybody has K independent observers, an order that nobody chose, and a member that
// comes or goes changes the neighbours of 2K others only. Up to `all_to_all_max` members everybody watches everybody.
//
// R1  Nobody observes itself; a member has min(K, size - 1) observers, all different.
// R2  Equal members give equal rings, on every machine.
// R3  The edges from observer to subject connect the view: what a member tells its subjects, and they theirs, reaches all.
//
// Immutable once built: any thread. Source: Suresh, Malkhi, Gopalan, Porto Carreiro, Lokhandwala, "Stable and Consistent Membership
// at Scale with Rapid", USENIX ATC 2018, section 4.1.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cluster/view/member.h"

namespace nexus::cluster {

struct RingOptions {
  // Observers of a member. In [3, 32].
  std::uint32_t k = 10;
  // Views of at most so many members have no rings. At least k + 1.
  std::uint32_t all_to_all_max = 11;
};

class Rings {
 public:
  // The ids ascend.
  Rings(std::span<const MemberPtr> members, RingOptions options);

  // Those that watch `member`, in no meaningful order.
  std::span<const MemberIndex> observers(MemberIndex member) const {
    return row(observers_, observers_begin_, member);
  }
  // Those that `member` watches, ascending. What is flooded goes to these.
  std::span<const MemberIndex> subjects(MemberIndex member) const {
    return row(subjects_, subjects_begin_, member);
  }
  bool observes(MemberIndex observer, MemberIndex subject) const;

  std::size_t bytes() const;

 private:
  using Row = std::vector<MemberIndex>;
  static std::span<const MemberIndex> row(const Row& all, const std::vector<std::uint32_t>& begin,
                                          MemberIndex member) {
    return std::span(all).subspan(begin[member], begin[member + 1] - begin[member]);
  }

  Row observers_;
  std::vector<std::uint32_t> observers_begin_;
  Row subjects_;
  std::vector<std::uint32_t> subjects_begin_;
};

}  // namespace nexus::cluster
