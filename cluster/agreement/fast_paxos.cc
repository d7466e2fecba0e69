#include "cluster/agreement/fast_paxos.h"

#include <algorithm>

#include "core/base/check.h"

namespace nexus::cluster {

using core::Instant;

void FastPaxos::begin(ViewPtr view, MemberIndex self) {
  view_ = std::move(view);
  self_ = self;
  cuts_.clear();
  tallies_.clear();
  promised_ = {};
  voted_.reset();
  own_.reset();
  rank_ = 0;
  gone_.reset();
  withdrawn_all_ = false;
  asking_.reset();
  ask_at_ = Instant::max();
  repeat_at_ = Instant::max();
  decided_ = false;
}

MemberSet FastPaxos::voters_of(std::uint64_t cut) const {
  MemberSet voters = MemberSet::all(view_->size());
  for (const Cut::Removal& removal : cuts_.at(cut)->removed) {
    if (removal.why != Departure::left) voters.remove(removal.member);
  }
  return voters;
}

void FastPaxos::learn(const CutPtr& cut) { cuts_.emplace(cut->digest(), cut); }

void FastPaxos::propose(CutPtr cut, std::uint32_t rank, Instant now, Actions& actions) {
  CHECK(view_->fits(*cut));
  if (decided_) return;
  own_ = cut;
  withdrawn_all_ = false;
  if (gone_) {
    for (const Cut::Removal& removal : cut->removed) gone_->add(removal.member);
  }
  rank_ = rank;
  learn(cut);
  const std::uint64_t digest = cut->digest();
  if (voted_ || promised_ > Round{}) {
    // Others came first; this is for the round that it may have to coordinate.
    if (ask_at_ == Instant::max()) ask_at_ = now + options_.fallback + rank * options_.rank_wait;
    return;
  }
  actions.emplace_back(Spread(Proposal{.round = {}, .cut = std::move(cut)}));
  vote({}, digest, now, actions);
  // When those who are left are too few for the fast round, there is no use in waiting for it.
  const MemberSet kept = voters_of(digest);
  if (!decided_ && !options_.policy.is_fast_quorum(*view_, kept, kept)) ask(now, actions);
}

void FastPaxos::withdraw(const MemberSet& gone) {
  if (decided_) return;
  gone_ = gone;
  withdrawn_all_ = gone.count() == 0;
  if (own_ && is_stale(own_->digest())) own_.reset();
}

bool FastPaxos::is_stale(std::uint64_t cut) const {
  if (!gone_) return false;
  // Of a vote that only lets others in there is nothing to press either.
  return withdrawn_all_ ||
         std::ranges::any_of(cuts_.at(cut)->removed, [this](const Cut::Removal& removal) {
           return !gone_->contains(removal.member);
         });
}

bool FastPaxos::is_vote_stale() const {
  return voted_ && voted_->round.is_fast() && is_stale(voted_->cut);
}

void FastPaxos::vote(Round round, std::uint64_t cut, Instant now, Actions& actions) {
  // F1.
  CHECK(round >= promised_);
  promised_ = round;
  if (asking_ && asking_->round < round) asking_.reset();
  voted_ = Voted{.round = round, .cut = cut};
  const Key key{round, cut};
  tallies_.try_emplace(key, view_->size()).first->second.add(self_);
  if (repeat_at_ == Instant::max()) repeat_at_ = now + options_.repeat;
  if (ask_at_ == Instant::max()) {
    // Those who did not propose are last, and not all at once.
    const std::uint32_t rank = own_ ? rank_ : 4;
    ask_at_ = now + options_.fallback + rank * options_.rank_wait;
    if (!own_)
      ask_at_ +=
          core::Duration(random_.below(static_cast<std::uint64_t>(options_.fallback.count()) * 4));
  }
  actions.emplace_back(Spread(Tally{.round = round, .cut = cut, .voters = tallies_.at(key)}));
  count(key, actions);
}

void FastPaxos::count(const Key& key, Actions& actions) {
  const auto& [round, cut] = key;
  if (decided_ || !cuts_.contains(cut)) return;
  const MemberSet& voters = tallies_.at(key);
  const MemberSet kept = voters_of(cut);
  const bool enough = round.is_fast() ? options_.policy.is_fast_quorum(*view_, voters, kept)
                                      : options_.policy.is_quorum(*view_, voters, kept);
  if (!enough) return;
  decided_ = true;
  actions.emplace_back(Decided{.cut = cuts_.at(cut)});
}

void FastPaxos::on_proposal(const Proposal& proposal, Instant now, Actions& actions) {
  if (!view_->fits(*proposal.cut) || proposal.round.coordinator >= view_->size()) return;
  const std::uint64_t digest = proposal.cut->digest();
  const Key key{proposal.round, digest};
  const bool known = cuts_.contains(digest) && tallies_.contains(key);
  learn(proposal.cut);
  tallies_.try_emplace(key, view_->size());
  if (!known) actions.emplace_back(Spread(proposal));
  count(key, actions);
  if (decided_) return;
  const bool may_vote =
      proposal.round.is_fast()
          ? !voted_ && !is_stale(digest) && promised_ == Round{}
          : proposal.round >= promised_ && (!voted_ || voted_->round < proposal.round);
  if (may_vote) vote(proposal.round, digest, now, actions);
}

void FastPaxos::on_tally(const Tally& tally, Instant now, Actions& actions) {
  if (tally.voters.view_size() != view_->size() || tally.round.coordinator >= view_->size()) return;
  const Key key{tally.round, tally.cut};
  MemberSet& voters = tallies_.try_emplace(key, view_->size()).first->second;
  if (!voters.merge(tally.voters)) return;
  actions.emplace_back(Spread(Tally{.round = tally.round, .cut = tally.cut, .voters = voters}));
  if (ask_at_ == Instant::max())
    ask_at_ = now + 2 * options_.fallback + core::Duration(random_.below(1'000'000'000));
  if (repeat_at_ == Instant::max()) repeat_at_ = now + options_.repeat;
  count(key, actions);
}

Instant FastPaxos::next_ask(Instant now) {
  return now + options_.fallback * 2 +
         core::Duration(random_.below(static_cast<std::uint64_t>(options_.fallback.count()) * 2));
}

void FastPaxos::ask(Instant now, Actions& actions) {
  Round round = promised_;
  for (const auto& [key, voters] : tallies_) round = std::max(round, key.first);
  round = {.attempt = round.attempt + 1, .coordinator = self_};
  asking_ = Asking{.round = round,
                   .answered = MemberSet(view_->size()),
                   .votes = {},
                   .waits_for_all = gone_.has_value()};
  if (repeat_at_ == Instant::max()) repeat_at_ = now + options_.repeat;
  promised_ = round;
  ask_at_ = next_ask(now);
  actions.emplace_back(Spread(Prepare{.round = round}));
  answered(self_, voted_, now, actions);
}

void FastPaxos::on_prepare(const Prepare& prepare, Instant now, Actions& actions) {
  if (prepare.round.coordinator >= view_->size() || prepare.round.coordinator == self_ ||
      prepare.round <= promised_)
    return;
  promised_ = prepare.round;
  asking_.reset();
  ask_at_ = next_ask(now);
  if (repeat_at_ == Instant::max()) repeat_at_ = now + options_.repeat;
  promise(actions);
}

void FastPaxos::promise(Actions& actions) const {
  Promise promise{.round = promised_, .voted = std::nullopt};
  if (voted_ && cuts_.contains(voted_->cut))
    promise.voted = Proposal{.round = voted_->round, .cut = cuts_.at(voted_->cut)};
  actions.emplace_back(Spread(Prepare{.round = promised_}));
  actions.emplace_back(Tell{.to = promised_.coordinator, .promise = std::move(promise)});
}

void FastPaxos::on_promise(MemberIndex from, const Promise& promise, Instant now,
                           Actions& actions) {
  if (!asking_ || asking_->round != promise.round || asking_->proposed) return;
  std::optional<Voted> voted;
  if (promise.voted) {
    if (!view_->fits(*promise.voted->cut)) return;
    learn(promise.voted->cut);
    voted = Voted{.round = promise.voted->round, .cut = promise.voted->cut->digest()};
  }
  answered(from, voted, now, actions);
}

void FastPaxos::answered(MemberIndex from, const std::optional<Voted>& voted, Instant now,
                         Actions& actions) {
  if (!asking_->answered.add(from)) return;
  asking_->votes.emplace_back(from, voted);
  if (asking_->waits_for_all) {
    MemberSet expected = asking_->answered;
    expected.merge(*gone_);
    if (expected.count() < view_->size()) return;
  }
  conclude(now, actions);
}

void FastPaxos::conclude(Instant now, Actions& actions) {
  MemberSet alive = MemberSet::all(view_->size());
  if (own_) alive = voters_of(own_->digest());
  if (!options_.policy.is_quorum(*view_, asking_->answered, alive)) return;
  const std::optional<std::uint64_t> chosen = choose();
  if (!chosen) return;
  asking_->proposed = true;
  const Round round = asking_->round;
  actions.emplace_back(Spread(Proposal{.round = round, .cut = cuts_.at(*chosen)}));
  vote(round, *chosen, now, actions);
}

// F2.
std::optional<std::uint64_t> FastPaxos::choose() {
  Round highest;
  for (const auto& [member, voted] : asking_->votes) {
    if (voted) highest = std::max(highest, voted->round);
  }
  std::map<std::uint64_t, MemberSet> might_have;
  for (const auto& [member, voted] : asking_->votes) {
    if (!voted || voted->round != highest) continue;
    if (!highest.is_fast()) return voted->cut;
    // All that did not answer may have voted for it.
    might_have.try_emplace(voted->cut, asking_->answered.complement()).first->second.add(member);
  }
  for (const auto& [cut, members] : might_have) {
    if (options_.policy.is_fast_quorum(*view_, members, voters_of(cut))) return cut;
  }
  if (own_) return own_->digest();
  if (withdrawn_all_) {
    const auto nothing = std::make_shared<const Cut>(Cut{.base = view_->id()});
    learn(nothing);
    return nothing->digest();
  }
  // It will have something better to propose in a moment.
  std::erase_if(might_have, [this](const auto& entry) { return is_stale(entry.first); });
  if (!might_have.empty()) {
    return std::max_element(
               might_have.begin(), might_have.end(),
               [](const auto& a, const auto& b) { return a.second.count() < b.second.count(); })
        ->first;
  }
  return std::nullopt;
}

void FastPaxos::on_time(Instant now, Actions& actions) {
  if (decided_ || !view_) return;
  if (now >= ask_at_) {
    if (asking_ && std::exchange(asking_->waits_for_all, false)) {
      ask_at_ = now + options_.fallback;
      if (!asking_->proposed) conclude(now, actions);
    } else {
      ask(now, actions);
    }
    if (decided_) return;
  }
  if (now >= repeat_at_) {
    repeat_at_ = now + options_.repeat;
    if (voted_ && !is_vote_stale()) {
      if (cuts_.contains(voted_->cut))
        actions.emplace_back(
            Spread(Proposal{.round = voted_->round, .cut = cuts_.at(voted_->cut)}));
      const auto tally = tallies_.find({voted_->round, voted_->cut});
      if (tally != tallies_.end()) {
        actions.emplace_back(
            Spread(Tally{.round = voted_->round, .cut = voted_->cut, .voters = tally->second}));
      }
    }
    if (asking_ && !asking_->proposed)
      actions.emplace_back(Spread(Prepare{.round = asking_->round}));
    const bool is_promised = !promised_.is_fast() && promised_.coordinator != self_ &&
                             (!voted_ || voted_->round < promised_);
    if (is_promised) promise(actions);
  }
}

Instant FastPaxos::next_time() const {
  return decided_ ? Instant::max() : std::min(ask_at_, repeat_at_);
}

}  // namespace nexus::cluster
