#include "cluster/membership/incarnation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cluster/control_codec.h"
#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One member of a view whose other members say nothing.
class IncarnationTest : public testing::Test {
 protected:
  IncarnationTest() {
    // So that nothing else wakes it soon.
    options_.edges.interval_small = seconds(100);
    options_.edges.jitter_percent = 0;
    options_.greet_seeds = seconds(100);
  }

  void start(std::uint64_t size, MemberIndex self) {
    view_ = test::view_of(size);
    out_ = {};
    incarnation_ =
        std::make_unique<Incarnation>(options_, view_->members()[self], maker_,
                                      std::make_unique<FastPaxos>(options_.agreement, 1), 1);
    incarnation_->start_in(view_, {}, now_, out_);
    out_ = {};
  }

  void tell(const Member& from, ControlBody body) {
    incarnation_->on_message(
        {.id = from.id, .address = from.address},
        std::make_shared<const ControlMessage>(ControlMessage{.body = std::move(body)}), now_,
        out_);
  }

  // What all their observers say of these, passed on by member 0.
  void all_say(const std::vector<MemberIndex>& subjects, std::uint32_t sequence, bool down) {
    Gossip gossip;
    for (const MemberIndex subject : subjects) {
      for (MemberIndex observer = 0; observer < view_->size(); ++observer) {
        if (observer == subject) continue;
        gossip.alerts.push_back(
            {.subject = subject, .observer = observer, .sequence = sequence, .down = down});
      }
    }
    tell_in_view(0, std::move(gossip));
  }

  void tell_in_view(MemberIndex from, ControlBody body) {
    const Member& member = view_->member(from);
    incarnation_->on_message(
        {.id = member.id, .address = member.address},
        std::make_shared<const ControlMessage>(
            ControlMessage{.epoch = view_->epoch(), .view = view_->id(), .body = std::move(body)}),
        now_, out_);
  }

  bool has_voted() const {
    return std::any_of(out_.sends.begin(), out_.sends.end(), [](const Send& send) {
      const auto* said = std::get_if<Gossip>(&send.message->body);
      return said != nullptr && !said->tallies.empty();
    });
  }

  Gossip removal_of(MemberIndex member) const {
    Gossip gossip;
    gossip.proposals.push_back(
        {.round = {},
         .cut = std::make_shared<const Cut>(
             Cut{.base = view_->id(), .removed = {{.member = member, .why = Departure::failed}}})});
    return gossip;
  }

  std::vector<MemberIndex> removed_in_proposals() const {
    std::vector<MemberIndex> removed;
    for (const Send& send : out_.sends) {
      const auto* said = std::get_if<Gossip>(&send.message->body);
      if (said == nullptr) continue;
      for (const Proposal& proposal : said->proposals) {
        for (const Cut::Removal& removal : proposal.cut->removed) removed.push_back(removal.member);
      }
    }
    return removed;
  }

  bool is_frozen() const {
    bool frozen = false;
    for (const Incarnation::Event& event : out_.events) {
      if (const auto* changed = std::get_if<Incarnation::Frozen>(&event)) frozen = changed->frozen;
    }
    return frozen;
  }
  bool has_proposed() const {
    return std::any_of(out_.sends.begin(), out_.sends.end(), [](const Send& send) {
      const auto* said = std::get_if<Gossip>(&send.message->body);
      return said != nullptr && !said->proposals.empty();
    });
  }

  // Lets time pass up to then, as a driver does.
  void run_until(core::Instant end) {
    while (incarnation_->next_time() <= end) {
      now_ = std::max(now_, incarnation_->next_time());
      incarnation_->on_time(now_, out_);
    }
    now_ = end;
  }

  template <typename Body>
  std::size_t sent() const {
    return static_cast<std::size_t>(std::count_if(
        out_.sends.begin(), out_.sends.end(),
        [](const Send& send) { return std::holds_alternative<Body>(send.message->body); }));
  }

  MembershipOptions options_;
  ViewMaker maker_;
  core::Instant now_{seconds(1000)};
  ViewPtr view_;
  std::unique_ptr<Incarnation> incarnation_;
  Incarnation::Output out_;
};

TEST_F(IncarnationTest, AJoinerIsOfferedAgainWhenNothingCameOfIt) {
  const MemberPtr joiner = test::member(90);
  // Of twenty most are none of the three to whom it is offered; who is one would propose it itself.
  for (MemberIndex self = 0;; ++self) {
    ASSERT_LT(self, 20u);
    start(20, self);
    tell(*joiner, Join{.member = joiner, .compatibility = options_.compatibility});
    ASSERT_EQ(sent<JoinCheck>(), 1u);
    tell(*joiner, JoinConfirm{.joiner = joiner->id, .sent = now_});
    run_until(now_ + milliseconds(100));
    if (sent<JoinOffer>() == 3) break;
  }
  out_ = {};
  run_until(now_ + options_.reoffer);
  EXPECT_EQ(sent<JoinOffer>(), 3u);
}

TEST_F(IncarnationTest, AMemberThatAsksAgainIsWelcomedAtItsAddressAndNotForEachTime) {
  start(3, 1);
  const MemberPtr member = view_->members()[2];
  const Join join{.member = member, .compatibility = options_.compatibility};
  for (int i = 0; i < 5; ++i) tell(*member, join);
  EXPECT_EQ(sent<Snapshot>(), 1u);
  now_ += seconds(1);
  tell(*member, join);
  EXPECT_EQ(sent<Snapshot>(), 2u);
  now_ += seconds(1);
  const MemberPtr elsewhere = test::member(2, "10.0.0.66:1");
  ASSERT_EQ(elsewhere->id, member->id);
  tell(*elsewhere, {Join{.member = elsewhere, .compatibility = options_.compatibility}});
  EXPECT_EQ(sent<Snapshot>(), 2u);
}

TEST_F(IncarnationTest, WhoIsLeftOutByForceIsSaidToBe) {
  start(3, 1);
  ASSERT_TRUE(
      incarnation_->force(view_->id(), {view_->member(0).id, view_->member(1).id}, now_, out_)
          .ok());
  ASSERT_EQ(out_.events.size(), 1u);
  const auto changed = std::get<Incarnation::ViewChanged>(out_.events[0]);
  EXPECT_EQ(changed.view->size(), 2u);
  ASSERT_TRUE(changed.cut);
  EXPECT_EQ(changed.cut->removed,
            (std::vector<Cut::Removal>{{.member = 2, .why = Departure::forced}}));
  ASSERT_EQ(sent<ViewDelta>(), 1u) << "to the one that stays";
  EXPECT_EQ(out_.sends[0].address, view_->member(0).address);

  // The one that stays takes it over.
  const Send delta = out_.sends[0];
  start(3, 0);
  incarnation_->on_message({.id = view_->member(1).id, .address = view_->member(1).address},
                           delta.message, now_, out_);
  EXPECT_EQ(incarnation_->view()->id(), changed.view->id());
}

// N2: a member that came later must not take for new what the cluster has removed before.
TEST_F(IncarnationTest, N2_WhoJoinsLearnsWhichIdsWereRemoved) {
  start(3, 1);
  const MemberPtr gone = view_->members()[2];
  ASSERT_TRUE(
      incarnation_->force(view_->id(), {view_->member(0).id, view_->member(1).id}, now_, out_)
          .ok());
  out_ = {};
  tell(view_->member(0), CatchUp{});
  ASSERT_EQ(sent<Snapshot>(), 1u);
  const ControlMessagePtr snapshot = out_.sends[0].message;

  const Member& from = view_->member(1);
  incarnation_ = std::make_unique<Incarnation>(
      options_, view_->members()[0], maker_, std::make_unique<FastPaxos>(options_.agreement, 1), 1);
  out_ = {};
  incarnation_->join({from.address}, {}, {}, false, now_, out_);
  incarnation_->on_message({.id = from.id, .address = from.address}, snapshot, now_, out_);
  ASSERT_TRUE(incarnation_->view());
  out_ = {};
  tell(*gone, Join{.member = gone, .compatibility = options_.compatibility});
  EXPECT_EQ(sent<JoinCheck>(), 0u);
  ASSERT_EQ(sent<JoinRefused>(), 1u);
  EXPECT_TRUE(std::get<JoinRefused>(out_.sends[0].message->body).removed);
}

TEST_F(IncarnationTest, AfterForceTooFewForAStaticQuorumTakeOthersIn) {
  options_.agreement.policy = {.kind = PartitionPolicy::Kind::static_quorum, .quorum = 3};
  start(5, 1);
  ASSERT_TRUE(incarnation_->force(view_->id(), {view_->member(1).id}, now_, out_).ok());
  const MemberPtr joiner = test::member(90);
  tell(*joiner, Join{.member = joiner, .compatibility = options_.compatibility});
  tell(*joiner, JoinConfirm{.joiner = joiner->id, .sent = now_});
  run_until(now_ + seconds(1));
  EXPECT_EQ(incarnation_->view()->size(), 2u);
}

// It asked both to let it in, and both did.
TEST_F(IncarnationTest, OfTwoClustersThatHoldItItGoesToTheLarger) {
  start(3, 1);
  std::vector<MemberPtr> others = test::members(8);
  for (MemberPtr& member : others) {
    if (member->id != view_->member(1).id) {
      Member other = *member;
      other.id = MemberId(member->id.high() + 1000, 5);
      other.address += "0";
      member = std::make_shared<const Member>(other);
    }
  }
  const ViewPtr larger = View::found(others, options_.rings);
  ASSERT_TRUE(larger->index_of(view_->member(1).id));
  const Member& from = larger->member(7);
  const auto hear = [&](const ViewPtr& view) {
    incarnation_->on_message({.id = from.id, .address = from.address},
                             std::make_shared<const ControlMessage>(ControlMessage{
                                 .epoch = view->epoch(),
                                 .view = view->id(),
                                 .body = Snapshot{.view = view, .state = {}, .removed = {}}}),
                             now_, out_);
  };
  const ViewPtr smaller = View::found({view_->members()[1], others[7]}, options_.rings);
  hear(smaller);
  EXPECT_TRUE(out_.events.empty());
  hear(larger);
  ASSERT_EQ(out_.events.size(), 1u);
  const auto& out = std::get<Incarnation::Out>(out_.events[0]);
  EXPECT_EQ(out.why, Incarnation::WhyOut::other_cluster);
  EXPECT_EQ(out.other_cluster, from.address);
}

// A cut is as large as its joiners are, also of those who have gone again; a view is not.
TEST_F(IncarnationTest, WhoMissedMoreThanThereIsGetsTheWholeView) {
  start(3, 0);
  const auto answer_to = [&](const View& known) {
    out_.sends.clear();
    now_ += seconds(1);
    incarnation_->on_message({.id = view_->member(1).id, .address = view_->member(1).address},
                             std::make_shared<const ControlMessage>(ControlMessage{
                                 .epoch = known.epoch(), .view = known.id(), .body = Probe{}}),
                             now_, out_);
  };
  Cut join{.base = view_->id()};
  for (std::uint64_t i = 100; i < 110; ++i) join.joined.push_back(test::member(i));
  tell_in_view(1, ViewDelta{.cuts = {std::make_shared<const Cut>(join)}});
  const ViewPtr large = incarnation_->view();
  ASSERT_EQ(large->size(), 13u);
  answer_to(*view_);
  EXPECT_EQ(sent<ViewDelta>(), 1u);

  Cut leave{.base = large->id()};
  for (MemberIndex i = 0; i < large->size(); ++i) {
    if (!view_->index_of(large->member(i).id))
      leave.removed.push_back({.member = i, .why = Departure::left});
  }
  tell_in_view(1, ViewDelta{.cuts = {std::make_shared<const Cut>(leave)}});
  ASSERT_EQ(incarnation_->view()->size(), 3u);
  answer_to(*view_);
  EXPECT_EQ(sent<ViewDelta>(), 0u);
  EXPECT_EQ(sent<Snapshot>(), 1u);
}

TEST_F(IncarnationTest, WhoIsOutObservesNobody) {
  start(3, 2);
  EXPECT_EQ(incarnation_->subjects().size(), 2u);
  const auto without_it = std::make_shared<const Cut>(
      Cut{.base = view_->id(), .removed = {{.member = 2, .why = Departure::failed}}});
  tell(view_->member(0), ViewDelta{.cuts = {without_it}});
  ASSERT_EQ(out_.events.size(), 2u) << "the view, and that it is out";
  EXPECT_TRUE(incarnation_->subjects().empty());
}

// A node must be able to join, and to catch up, however much the members have to say of themselves.
TEST_F(IncarnationTest, NoMessageGrowsBeyondWhatIsReadWithTheStateOfTheMembers) {
  start(600, 0);
  Gossip gossip;
  for (MemberIndex i = 1; i < 600; ++i) {
    gossip.entries.push_back({.owner = view_->member(i).id,
                              .key = "k",
                              .sequence = 1,
                              .value = std::string(16'000, 'v')});
  }
  tell(view_->member(1), std::move(gossip));
  tell(view_->member(1), CatchUp{});
  run_until(now_ + milliseconds(900));
  EXPECT_EQ(sent<Snapshot>(), 1u);
  std::size_t most = 0;
  std::size_t told_on = 0;
  for (const Send& send : out_.sends) {
    most = std::max(most, encoded_bytes(*send.message));
    if (const auto* part = std::get_if<Gossip>(&send.message->body))
      told_on += part->entries.size();
  }
  EXPECT_LT(most, ControlLimits{}.bytes_max);
  EXPECT_EQ(told_on, 599 * view_->rings().subjects(0).size()) << "in the end all of it is told on";
}

TEST_F(IncarnationTest, ForceNamesOnlyMembersAndTheNodeItself) {
  start(3, 1);
  EXPECT_FALSE(incarnation_->force(view_->id(), {view_->member(0).id}, now_, out_).ok())
      << "without itself";
  EXPECT_FALSE(
      incarnation_->force(view_->id(), {view_->member(1).id, MemberId(77, 77)}, now_, out_).ok())
      << "a stranger";
  EXPECT_EQ(incarnation_->view()->id(), view_->id());
}

// What all sides of a partition have said of each other, when it has healed: that is no reason to go on with nobody.
TEST_F(IncarnationTest, WhenEverybodyCountsAsFailedItFreezes) {
  start(4, 1);
  all_say({0, 1, 2, 3}, 1, true);
  run_until(now_ + milliseconds(300));
  EXPECT_TRUE(is_frozen());
  EXPECT_FALSE(has_proposed());
}

// A vote from before the partition must not remove those who are heard again.
TEST_F(IncarnationTest, WhoWasFrozenGivesNoVoteToWhatWasProposedBefore) {
  start(5, 1);
  const Gossip stale = removal_of(4);
  all_say({2, 3, 4}, 1, true);
  run_until(now_ + milliseconds(300));
  ASSERT_TRUE(is_frozen());
  tell_in_view(0, stale);
  all_say({2, 3, 4}, 2, false);
  run_until(now_ + milliseconds(300));
  EXPECT_FALSE(is_frozen());
  tell_in_view(0, stale);
  run_until(now_ + options_.thaw);
  tell_in_view(0, stale);
  run_until(now_ + milliseconds(300));
  EXPECT_FALSE(has_voted());
}

// Links come back one after the other: who is heard last must not pay for that.
TEST_F(IncarnationTest, WhoWasFrozenWaitsBeforeItProposes) {
  start(5, 1);
  all_say({2, 3, 4}, 1, true);
  run_until(now_ + milliseconds(300));
  ASSERT_TRUE(is_frozen());
  all_say({2, 3}, 2, false);
  run_until(now_ + options_.thaw - milliseconds(1));
  EXPECT_FALSE(is_frozen());
  EXPECT_FALSE(has_proposed());
  run_until(now_ + seconds(2));
  EXPECT_TRUE(has_proposed()) << "the one that is gone is removed all the same";
}

// Nobody is gone: the vote from before is over, and not said once more.
TEST_F(IncarnationTest, WhoWasFrozenSaysNoMoreWhatItVotedForBefore) {
  start(5, 1);
  tell_in_view(0, removal_of(4));
  run_until(now_ + milliseconds(100));
  ASSERT_TRUE(has_voted());
  all_say({2, 3, 4}, 1, true);
  run_until(now_ + seconds(2));
  ASSERT_TRUE(is_frozen());
  all_say({2, 3, 4}, 2, false);
  run_until(now_ + milliseconds(300));
  out_.sends.clear();
  run_until(now_ + options_.thaw + seconds(3));
  EXPECT_FALSE(has_voted());
  EXPECT_FALSE(has_proposed());
}

// Somebody is gone, but not whom it voted for.
TEST_F(IncarnationTest, WhoWasFrozenRemovesThoseThatAreGoneNow) {
  start(5, 1);
  tell_in_view(0, removal_of(4));
  run_until(now_ + milliseconds(100));
  all_say({2, 3, 4}, 1, true);
  run_until(now_ + seconds(2));
  ASSERT_TRUE(is_frozen());
  all_say({2, 4}, 2, false);
  run_until(now_ + milliseconds(300));
  out_.sends.clear();
  run_until(now_ + options_.thaw + seconds(3));
  EXPECT_FALSE(has_voted()) << "it had its vote in the fast round, and others have not answered";
  const std::vector<MemberIndex> proposed = removed_in_proposals();
  EXPECT_EQ(std::count(proposed.begin(), proposed.end(), 4), 0);
}

TEST_F(IncarnationTest, WhatWasSaidInAViewIsNotSaidInTheForcedOne) {
  start(5, 1);
  all_say({3, 4}, 1, true);
  ASSERT_TRUE(incarnation_
                  ->force(view_->id(),
                          {view_->member(0).id, view_->member(1).id, view_->member(2).id}, now_,
                          out_)
                  .ok());
  run_until(now_ + milliseconds(300));
  std::size_t alert_count = 0;
  for (const Send& send : out_.sends) {
    const auto* said = std::get_if<Gossip>(&send.message->body);
    if (said == nullptr) continue;
    alert_count += said->alerts.size();
    EXPECT_TRUE(send.message->view == view_->id() || said->alerts.empty());
  }
  EXPECT_GT(alert_count, 0u) << "they still know the others that were meant";
}

TEST_F(IncarnationTest, WhoIsHeardMeanwhileIsNotRemoved) {
  start(5, 1);
  all_say({2, 3, 4}, 1, true);
  run_until(now_ + milliseconds(300));
  all_say({2, 3}, 2, false);
  run_until(now_ + milliseconds(900));
  all_say({4}, 2, false);
  run_until(now_ + seconds(5));
  EXPECT_FALSE(is_frozen());
  EXPECT_FALSE(has_proposed());
}

}  // namespace
}  // namespace nexus::cluster
