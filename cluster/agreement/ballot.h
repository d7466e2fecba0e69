// What members say while they agree on a cut. Belongs to one view: indexes and rounds mean nothing in another.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>

#include "cluster/view/member_set.h"
#include "cluster/view/view.h"

namespace nexus::cluster {

// Of what others say; with one question a second it takes 68 years. The rest keeps the next attempt a later one.
constexpr std::uint32_t kAttemptMax = UINT32_MAX / 2;

// Round 0 is the fast one, in which nobody asks first. A later one belongs to its coordinator.
struct Round {
  std::uint32_t attempt = 0;
  MemberIndex coordinator = 0;

  bool is_fast() const { return attempt == 0; }
  auto operator<=>(const Round&) const = default;
};

// "Vote for this cut in this round", with its body. Flooded.
struct Proposal {
  Round round;
  CutPtr cut;
};

// Who voted for the cut of this digest in this round, as far as the sender knows. Flooded; sets of different senders are merged.
struct Tally {
  Round round;
  std::uint64_t cut = 0;
  MemberSet voters;
};

// "Vote in no round before this one, and tell me what you voted for." Flooded.
struct Prepare {
  Round round;
};

// The answer, to the coordinator of the round only.
struct Promise {
  Round round;
  // The last vote, if there was one.
  std::optional<Proposal> voted;
};

}  // namespace nexus::cluster
