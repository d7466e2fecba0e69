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
  Gossip gossip;
  for (MemberIndex subject = 0; subject < 4; ++subject) {
    for (MemberIndex observer = 0; observer < 4; ++observer) {
      if (observer != subject) {
        gossip.alerts.push_back(
            {.subject = subject, .observer = observer, .sequence = 1, .down = true});
      }
    }
  }
  const Member& from = view_->member(0);
  incarnation_->on_message({.id = from.id, .address = from.address},
                           std::make_shared<const ControlMessage>(ControlMessage{
                               .epoch = view_->epoch(), .view = view_->id(), .body = gossip}),
                           now_, out_);
  run_until(now_ + milliseconds(300));
  EXPECT_TRUE(std::any_of(out_.events.begin(), out_.events.end(), [](const auto& event) {
    const auto* frozen = std::get_if<Incarnation::Frozen>(&event);
    return frozen != nullptr && frozen->frozen;
  }));
  for (const Send& send : out_.sends) {
    if (const auto* said = std::get_if<Gossip>(&send.message->body)) {
      EXPECT_TRUE(said->proposals.empty());
    }
  }
}

}  // namespace
}  // namespace nexus::cluster
