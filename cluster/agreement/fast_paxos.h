// FastPaxos: a vote among the members of a view. The first proposal that a member sees gets its vote in the fast round; three quarters
// of equal votes decide. When they do not come together, a coordinator asks everybody what they voted for and has a classic round, which
// more than half decide. Members that do not answer cost time, never agreement.
//
// F1  A member votes at most once in a round, and in no round before one that it has promised.
// F2  A coordinator that has asked a quorum proposes what a fast quorum may have chosen; else the vote of the highest classic round; else
//     what it likes.
// F3  What is said is said again every `repeat` until a cut is decided.
// F4  A member that has withdrawn neither votes in the fast round for a cut that removes others than those who were gone then, nor
//     repeats such a vote, nor proposes such a cut where F2 lets it propose what it likes; when nobody was gone, it proposes the empty one.
//
// Sources: Lamport, "Fast Paxos", Distributed Computing 19(2), 2006; Rapid (USENIX ATC 2018), section 4.3, also for the flooded tallies.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cluster/agreement/partition_policy.h"
#include "cluster/agreement/view_agreement.h"
#include "cluster/random.h"

namespace nexus::cluster {

class FastPaxos final : public ViewAgreement {
 public:
  struct Options {
    PartitionPolicy policy;
    // From the first vote until a classic round begins, and how much longer each further rank waits.
    core::Duration fallback = std::chrono::milliseconds(600);
    core::Duration rank_wait = std::chrono::milliseconds(300);
    core::Duration repeat = std::chrono::milliseconds(500);
  };

  FastPaxos(Options options, std::uint64_t seed) : options_(options), random_(seed) {}

  void begin(ViewPtr view, MemberIndex self) override;
  void propose(CutPtr cut, std::uint32_t rank, core::Instant now, Actions& actions) override;
  void withdraw(const MemberSet& gone) override;
  void on_proposal(const Proposal& proposal, core::Instant now, Actions& actions) override;
  void on_tally(const Tally& tally, core::Instant now, Actions& actions) override;
  void on_prepare(const Prepare& prepare, core::Instant now, Actions& actions) override;
  void on_promise(MemberIndex from, const Promise& promise, core::Instant now,
                  Actions& actions) override;
  void on_time(core::Instant now, Actions& actions) override;
  core::Instant next_time() const override;

 private:
  using Key = std::pair<Round, std::uint64_t>;
  struct Voted {
    Round round;
    std::uint64_t cut;
  };
  // Of a round that this member coordinates.
  struct Asking {
    Round round;
    MemberSet answered;
    std::vector<std::pair<MemberIndex, std::optional<Voted>>> votes;
    // Whoever has not answered may have voted for what is withdrawn: better ask a little longer.
    bool waits_for_all = false;
    bool proposed = false;
  };

  void learn(const CutPtr& cut);
  void vote(Round round, std::uint64_t cut, core::Instant now, Actions& actions);
  void count(const Key& key, Actions& actions);
  // To the coordinator of the round that was promised last, and its question to others.
  void promise(Actions& actions) const;
  // After a round has begun: time enough for it, and not the same for all.
  core::Instant next_ask(core::Instant now);
  void ask(core::Instant now, Actions& actions);
  void answered(MemberIndex from, const std::optional<Voted>& voted, core::Instant now,
                Actions& actions);
  // Proposes, when a quorum has answered.
  void conclude(core::Instant now, Actions& actions);
  std::optional<std::uint64_t> choose();
  // It removes somebody who was not gone when this member withdrew.
  bool is_stale(std::uint64_t cut) const;
  bool is_vote_stale() const;
  // Those that can vote for it: who leaves still can.
  MemberSet voters_of(std::uint64_t cut) const;

  const Options options_;
  Random random_;
  ViewPtr view_;
  MemberIndex self_ = 0;

  // By digest: all that was proposed in any round.
  std::map<std::uint64_t, CutPtr> cuts_;
  std::map<Key, MemberSet> tallies_;
  Round promised_;
  std::optional<Voted> voted_;
  // What this member would propose; its rank.
  CutPtr own_;
  std::uint32_t rank_ = 0;
  // Since withdraw(): who was gone then, or is in its own proposal.
  std::optional<MemberSet> gone_;
  // Nobody was, and it has proposed nothing since.
  bool withdrawn_all_ = false;
  std::optional<Asking> asking_;
  core::Instant ask_at_ = core::Instant::max();
  core::Instant repeat_at_ = core::Instant::max();
  bool decided_ = false;
};

}  // namespace nexus::cluster
