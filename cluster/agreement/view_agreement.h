// ViewAgreement: the members of a view agree on one cut of it. What stands behind it may be a vote among them (FastPaxos), or a store
// outside. Pure: no sockets, no clock. Owner only.
//
// A1  decided() gives the same cut at all members of a view, or nothing; what policies promise less is said in partition_policy.h.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "cluster/agreement/ballot.h"
#include "core/base/clock.h"

namespace nexus::cluster {

class ViewAgreement {
 public:
  // To all members, by flooding.
  using Spread = std::variant<Proposal, Tally, Prepare>;
  // To one member.
  struct Tell {
    MemberIndex to;
    Promise promise;
  };
  struct Decided {
    CutPtr cut;
  };
  using Action = std::variant<Spread, Tell, Decided>;
  using Actions = std::vector<Action>;

  virtual ~ViewAgreement() = default;

  // A new view, in which this member is `self`. What was said about the last one is over.
  virtual void begin(ViewPtr view, MemberIndex self) = 0;
  // This member thinks that `cut` should come next, and is the `rank`th to say so: the higher, the longer it gives way to others.
  virtual void propose(CutPtr cut, std::uint32_t rank, core::Instant now, Actions& actions) = 0;
  // This member has said nothing for a while and goes on; those that it counts as gone now are `gone`. What it voted for before, when
  // that removes others too, it does not press any more. When nobody is gone, and nothing may have been chosen, the next view is as this
  // one, with nobody removed or let in: so the votes that were given end.
  virtual void withdraw(const MemberSet& gone) = 0;
  // All of this view.
  virtual void on_proposal(const Proposal& proposal, core::Instant now, Actions& actions) = 0;
  virtual void on_tally(const Tally& tally, core::Instant now, Actions& actions) = 0;
  virtual void on_prepare(const Prepare& prepare, core::Instant now, Actions& actions) = 0;
  virtual void on_promise(MemberIndex from, const Promise& promise, core::Instant now,
                          Actions& actions) = 0;
  virtual void on_time(core::Instant now, Actions& actions) = 0;
  virtual core::Instant next_time() const = 0;
};

}  // namespace nexus::cluster
