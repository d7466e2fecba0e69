// PartitionPolicy: which members of a view may install the next one. Pure; any thread.
//
// P1  keep_majority, static_quorum, keep_oldest: two quorums of a view have a member in common, and so have two fast quorums and a
//     quorum. Therefore a view has one successor.
// P2  none promises nothing: each side goes on alone with those that it hears.
//
// keep_majority   more than half; of exactly half the one that holds the lowest id.
// static_quorum   at least `quorum` members, whatever the view's size; it holds P1 while the view has less than 2 * quorum members,
//                 and the admission keeps it so. Of a view that is smaller, because members left or an operator forced it, all.
// keep_oldest     the oldest member and one more; or all but the oldest, so that its crash does not stop the others. Of two members the
//                 oldest alone.
// none            more than half of those that are heard.
#pragma once

#include <cstdint>
#include <string_view>

#include "cluster/view/member_set.h"
#include "cluster/view/view.h"

namespace nexus::cluster {

struct PartitionPolicy {
  enum class Kind : std::uint8_t { keep_majority, static_quorum, keep_oldest, none };

  Kind kind = Kind::keep_majority;
  // Of static_quorum; >= 1.
  std::size_t quorum = 1;

  // These may install the next view when they all voted for it, after its coordinator has asked them. `alive` are those that
  // can vote; only `none` asks for them.
  bool is_quorum(const View& view, const MemberSet& members, const MemberSet& alive) const;
  // These may when nobody has asked: at least n - floor((n - 1) / 4) of n (Lamport, "Fast Paxos", 2006), and a quorum.
  bool is_fast_quorum(const View& view, const MemberSet& members, const MemberSet& alive) const;
  // How many members a view may have; only static_quorum has a limit.
  std::size_t view_size_max() const;
};

}  // namespace nexus::cluster
