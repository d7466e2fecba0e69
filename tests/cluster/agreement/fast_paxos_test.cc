#include "cluster/agreement/fast_paxos.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "cluster/random.h"
#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The members of one view with a network between them that the test orders, loses and repeats.
class Voters {
 public:
  Voters(std::size_t size, PartitionPolicy policy, std::uint64_t seed)
      : view_(test::view_of(size)), random_(seed) {
    for (MemberIndex i = 0; i < size; ++i) {
      voters_.push_back(
          std::make_unique<FastPaxos>(FastPaxos::Options{.policy = policy}, random_.next()));
      voters_.back()->begin(view_, i);
    }
    decided_.resize(size);
    dead_.resize(size);
  }

  const ViewPtr& view() const { return view_; }
  core::Instant now() const { return now_; }
  void kill(MemberIndex member) { dead_[member] = true; }
  // In percent.
  void set_loss(std::uint64_t loss) { loss_ = loss; }
  // Time passes also while messages are under way, and those who have decided tell nobody.
  void set_rough(bool rough) { rough_ = rough; }
  // Between these and the others nothing passes.
  void cut_off(std::vector<bool> members) { cut_off_ = std::move(members); }

  CutPtr removal_of(std::vector<MemberIndex> members) const {
    Cut cut{.base = view_->id()};
    for (const MemberIndex member : members)
      cut.removed.push_back({.member = member, .why = Departure::failed});
    return std::make_shared<const Cut>(std::move(cut));
  }

  void propose(MemberIndex member, CutPtr cut, std::uint32_t rank = 0) {
    ViewAgreement::Actions actions;
    voters_[member]->propose(std::move(cut), rank, now_, actions);
    carry_out(member, actions);
  }

  void withdraw(MemberIndex member, const std::vector<MemberIndex>& gone = {}) {
    MemberSet set(voters_.size());
    for (const MemberIndex one : gone) set.add(one);
    voters_[member]->withdraw(set);
  }

  // Delivers one message by chance, or lets time pass when there is none.
  void step() {
    if (mail_.empty() || (rough_ && random_.below(8) == 0)) {
      now_ += milliseconds(20);
      for (MemberIndex i = 0; i < voters_.size(); ++i) {
        if (dead_[i]) continue;
        // Who has nothing to say hears of the next view by other traffic.
        if (!rough_ && voters_[i]->next_time() == core::Instant::max()) learn_from_others(i);
        if (now_ < voters_[i]->next_time()) continue;
        ViewAgreement::Actions actions;
        voters_[i]->on_time(now_, actions);
        carry_out(i, actions);
      }
      return;
    }
    const std::size_t at = random_.below(mail_.size());
    const Mail mail = mail_[at];
    // Now and then it comes twice.
    if (random_.below(10) != 0) {
      mail_[at] = std::move(mail_.back());
      mail_.pop_back();
    }
    if (dead_[mail.to] || (!cut_off_.empty() && cut_off_[mail.from] != cut_off_[mail.to])) return;
    if (decided_[mail.to]) {
      if (rough_) return;
      // Who has the next view tells those who have not (Incarnation::compare_views).
      if (!decided_[mail.from]) decided_[mail.from] = decided_[mail.to];
      return;
    }
    ViewAgreement::Actions actions;
    FastPaxos& voter = *voters_[mail.to];
    if (const auto* proposal = std::get_if<Proposal>(&mail.what))
      voter.on_proposal(*proposal, now_, actions);
    if (const auto* tally = std::get_if<Tally>(&mail.what)) voter.on_tally(*tally, now_, actions);
    if (const auto* prepare = std::get_if<Prepare>(&mail.what))
      voter.on_prepare(*prepare, now_, actions);
    if (const auto* promise = std::get_if<Promise>(&mail.what))
      voter.on_promise(mail.from, *promise, now_, actions);
    carry_out(mail.to, actions);
  }

  // Until all that live have decided, but no longer.
  bool run_until_decided(core::Duration patience) {
    const core::Instant end = now_ + patience;
    while (now_ < end) {
      if (all_decided()) return true;
      step();
    }
    return all_decided();
  }

  bool all_decided() const {
    for (MemberIndex i = 0; i < voters_.size(); ++i) {
      if (!dead_[i] && !decided_[i]) return false;
    }
    return true;
  }

  // A1; the digest, when somebody has decided.
  std::optional<std::uint64_t> check_agreement() const {
    std::optional<std::uint64_t> first;
    for (const CutPtr& cut : decided_) {
      if (!cut) continue;
      if (!first) first = cut->digest();
      EXPECT_EQ(cut->digest(), *first) << "two members decided on different cuts";
    }
    return first;
  }

  std::size_t decided_count() const {
    return static_cast<std::size_t>(std::count_if(
        decided_.begin(), decided_.end(), [](const CutPtr& cut) { return cut != nullptr; }));
  }

 private:
  void learn_from_others(MemberIndex member) {
    for (MemberIndex i = 0; i < voters_.size() && !decided_[member]; ++i) {
      if (!dead_[i]) decided_[member] = decided_[i];
    }
  }

  using What = std::variant<Proposal, Tally, Prepare, Promise>;
  struct Mail {
    MemberIndex from;
    MemberIndex to;
    What what;
  };

  void post(MemberIndex from, MemberIndex to, What what) {
    if (random_.below(100) >= loss_)
      mail_.push_back({.from = from, .to = to, .what = std::move(what)});
  }

  void carry_out(MemberIndex from, ViewAgreement::Actions& actions) {
    for (ViewAgreement::Action& action : actions) {
      if (const auto* spread = std::get_if<ViewAgreement::Spread>(&action)) {
        for (MemberIndex to = 0; to < voters_.size(); ++to) {
          if (to != from) std::visit([&](const auto& what) { post(from, to, what); }, *spread);
        }
      } else if (const auto* tell = std::get_if<ViewAgreement::Tell>(&action)) {
        post(from, tell->to, tell->promise);
      } else {
        ASSERT_FALSE(decided_[from]) << "decided twice";
        decided_[from] = std::get<ViewAgreement::Decided>(action).cut;
      }
    }
  }

  const ViewPtr view_;
  Random random_;
  core::Instant now_{seconds(1000)};
  std::uint64_t loss_ = 0;
  bool rough_ = false;
  std::vector<bool> cut_off_;
  std::vector<std::unique_ptr<FastPaxos>> voters_;
  std::vector<CutPtr> decided_;
  std::vector<bool> dead_;
  std::vector<Mail> mail_;
};

TEST(FastPaxos, OneProposalIsDecidedInTheFastRound) {
  Voters voters(8, {}, 1);
  voters.kill(7);
  const core::Instant before = voters.now();
  voters.propose(0, voters.removal_of({7}));
  EXPECT_TRUE(voters.run_until_decided(seconds(5)));
  EXPECT_EQ(voters.now(), before) << "no timer was needed";
  EXPECT_EQ(voters.check_agreement(), voters.removal_of({7})->digest());
}

TEST(FastPaxos, AMemberAloneDecidesAtOnce) {
  Voters voters(1, {}, 1);
  voters.propose(0, std::make_shared<const Cut>(
                        Cut{.base = voters.view()->id(), .joined = {test::member(5)}}));
  EXPECT_TRUE(voters.all_decided());
}

TEST(FastPaxos, WithTooFewLeftForTheFastRoundTheClassicOneBeginsAtOnce) {
  Voters voters(3, {}, 1);
  voters.kill(2);
  const core::Instant before = voters.now();
  voters.propose(1, voters.removal_of({2}));
  EXPECT_TRUE(voters.run_until_decided(seconds(5)));
  EXPECT_EQ(voters.now(), before);
}

TEST(FastPaxos, LessThanAQuorumDecidesNothing) {
  Voters voters(5, {}, 1);
  for (const MemberIndex dead : {2, 3, 4}) voters.kill(dead);
  voters.propose(0, voters.removal_of({2, 3, 4}));
  voters.propose(1, voters.removal_of({2, 3, 4}), 1);
  EXPECT_FALSE(voters.run_until_decided(seconds(30)));
  EXPECT_EQ(voters.decided_count(), 0u);
}

TEST(FastPaxos, AProposalThatDoesNotFitGetsNoVote) {
  Voters voters(3, {}, 1);
  FastPaxos voter({}, 1);
  voter.begin(voters.view(), 0);
  ViewAgreement::Actions actions;
  auto cut = std::make_shared<const Cut>(
      Cut{.base = voters.view()->id(), .removed = {{.member = 9, .why = Departure::failed}}});
  voter.on_proposal({.round = {}, .cut = cut}, voters.now(), actions);
  EXPECT_TRUE(actions.empty());
}

// A member that asks for a round, and meanwhile votes in a higher one of which it did not hear the question, must not go back.
TEST(FastPaxos, F1_APromiseForAnOlderRoundIsTooLate) {
  Voters voters(5, {}, 1);
  const core::Instant now = voters.now();
  const CutPtr mine = voters.removal_of({3});
  const CutPtr other = voters.removal_of({4});
  FastPaxos voter({}, 1);
  voter.begin(voters.view(), 0);
  ViewAgreement::Actions actions;
  voter.propose(mine, 0, now, actions);
  voter.on_time(voter.next_time(), actions);
  while (actions.empty() || !std::holds_alternative<ViewAgreement::Spread>(actions.back()) ||
         !std::holds_alternative<Prepare>(std::get<ViewAgreement::Spread>(actions.back()))) {
    actions.clear();
    voter.on_time(voter.next_time(), actions);
  }
  const Round first = std::get<Prepare>(std::get<ViewAgreement::Spread>(actions.back())).round;
  const Round second{.attempt = first.attempt, .coordinator = 1};
  ASSERT_GT(second, first);
  actions.clear();
  voter.on_proposal({.round = second, .cut = other}, now, actions);
  actions.clear();
  for (const MemberIndex from : {1, 2})
    voter.on_promise(from, {.round = first, .voted = std::nullopt}, now, actions);
  EXPECT_TRUE(actions.empty()) << "it has voted in a higher round";
}

std::ptrdiff_t promise_count(const ViewAgreement::Actions& actions) {
  return std::count_if(actions.begin(), actions.end(), [](const auto& action) {
    return std::holds_alternative<ViewAgreement::Tell>(action);
  });
}

// The question comes along every ring.
TEST(FastPaxos, F3_ACopyOfTheQuestionIsNotAnsweredAgain) {
  Voters voters(5, {}, 1);
  FastPaxos voter({}, 1);
  voter.begin(voters.view(), 0);
  const Prepare prepare{.round = {.attempt = 1, .coordinator = 2}};
  ViewAgreement::Actions actions;
  voter.on_prepare(prepare, voters.now(), actions);
  EXPECT_EQ(promise_count(actions), 1);
  EXPECT_EQ(actions.size(), 2u) << "the promise, and the question for others";
  actions.clear();
  voter.on_prepare(prepare, voters.now(), actions);
  EXPECT_TRUE(actions.empty());
}

// The first one may have been lost, and so may the question that it has passed on.
TEST(FastPaxos, F3_APromiseIsGivenAgainUntilTheRoundGoesOn) {
  Voters voters(5, {}, 1);
  FastPaxos voter({}, 1);
  voter.begin(voters.view(), 0);
  const Round round{.attempt = 1, .coordinator = 2};
  ViewAgreement::Actions actions;
  voter.on_prepare({.round = round}, voters.now(), actions);
  actions.clear();
  ASSERT_LE(voter.next_time(), voters.now() + milliseconds(500));
  voter.on_time(voter.next_time(), actions);
  EXPECT_EQ(promise_count(actions), 1);
  EXPECT_EQ(actions.size(), 2u);

  voter.on_proposal({.round = round, .cut = voters.removal_of({4})}, voters.now(), actions);
  actions.clear();
  voter.on_time(voter.next_time(), actions);
  EXPECT_EQ(promise_count(actions), 0) << "it has voted in that round";
}

// Two of five have voted when all learn that nobody is gone after all.
TEST(FastPaxos, F4_WhatIsWithdrawnAndWasNotChosenEndsInAViewAsItWas) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Voters voters(5, {}, seed);
    voters.set_loss(100);
    voters.propose(0, voters.removal_of({4}));
    voters.propose(1, voters.removal_of({4}));
    voters.set_loss(0);
    for (MemberIndex i = 0; i < 5; ++i) voters.withdraw(i);
    ASSERT_TRUE(voters.run_until_decided(seconds(60))) << "seed " << seed;
    EXPECT_EQ(voters.check_agreement(), (Cut{.base = voters.view()->id()}.digest()))
        << "seed " << seed;
  }
}

// With four votes of five it was, though nobody has counted them yet.
TEST(FastPaxos, F4_WhatMayHaveBeenChosenStays) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Voters voters(5, {}, seed);
    voters.set_loss(100);
    const CutPtr cut = voters.removal_of({4});
    for (MemberIndex i = 0; i < 4; ++i) voters.propose(i, cut);
    voters.set_loss(0);
    for (MemberIndex i = 0; i < 5; ++i) voters.withdraw(i);
    ASSERT_TRUE(voters.run_until_decided(seconds(60))) << "seed " << seed;
    EXPECT_EQ(voters.check_agreement(), cut->digest()) << "seed " << seed;
  }
}

// Two of five have voted to remove 4 when it is heard again, and 3 is not.
TEST(FastPaxos, F4_WhatIsWithdrawnInPartIsNotPressed) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Voters voters(5, {}, seed);
    voters.set_loss(100);
    voters.propose(0, voters.removal_of({4}));
    voters.propose(1, voters.removal_of({4}));
    voters.set_loss(0);
    voters.kill(3);
    for (const MemberIndex i : {0, 1, 2, 4}) voters.withdraw(i, {3});
    EXPECT_FALSE(voters.run_until_decided(seconds(2))) << "seed " << seed;
    const CutPtr cut = voters.removal_of({3});
    for (const MemberIndex i : {0, 1, 2, 4}) voters.propose(i, cut, i);
    ASSERT_TRUE(voters.run_until_decided(seconds(60))) << "seed " << seed;
    EXPECT_EQ(voters.check_agreement(), cut->digest()) << "seed " << seed;
  }
}

struct Chaos {
  std::size_t size;
  std::size_t proposers;
  std::size_t dead;
  std::uint64_t loss;
};

class FastPaxosUnderChaos : public testing::TestWithParam<Chaos> {};
INSTANTIATE_TEST_SUITE_P(Cases, FastPaxosUnderChaos,
                         testing::Values(Chaos{.size = 3, .proposers = 2, .dead = 0, .loss = 20},
                                         Chaos{.size = 4, .proposers = 2, .dead = 1, .loss = 20},
                                         Chaos{.size = 5, .proposers = 3, .dead = 2, .loss = 30},
                                         Chaos{.size = 7, .proposers = 7, .dead = 3, .loss = 10},
                                         Chaos{.size = 8, .proposers = 4, .dead = 1, .loss = 50}));

// Many propose different cuts at once, messages are lost, repeated and late, some members die on the way: whoever decides decides the
// same, and when the network is well somebody does; the others learn it.
TEST_P(FastPaxosUnderChaos, A1_WhoeverDecidesDecidesTheSame) {
  const Chaos chaos = GetParam();
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Voters voters(chaos.size, {}, seed);
    Random random(seed * 7919);
    voters.set_loss(chaos.loss);
    voters.set_rough(true);
    for (MemberIndex i = 0; i < chaos.proposers; ++i) {
      voters.propose(i, voters.removal_of({static_cast<MemberIndex>(chaos.size - 1 - i % 2)}),
                     i % 3);
      for (std::uint64_t steps = random.below(6); steps > 0; --steps) voters.step();
    }
    for (std::size_t dead = 0; dead < chaos.dead; ++dead) {
      for (std::uint64_t steps = random.below(40); steps > 0; --steps) voters.step();
      voters.kill(static_cast<MemberIndex>(random.below(chaos.size)));
    }
    for (int part = 0; part < 8; ++part) {
      std::vector<bool> members;
      for (std::size_t i = 0; i < chaos.size; ++i) members.push_back(random.below(2) == 0);
      voters.cut_off(members);
      for (int steps = 0; steps < 150; ++steps) voters.step();
    }
    voters.check_agreement();
    voters.set_loss(0);
    voters.set_rough(false);
    voters.cut_off({});
    EXPECT_TRUE(voters.run_until_decided(seconds(60)));
    voters.check_agreement();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace nexus::cluster
