#include "cluster/membership/membership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kElsewhere = "10.0.0.9:7701";

// As a driver does.
void let_pass(Membership& membership, core::Duration time, core::Instant& now,
              Membership::Output& out) {
  const core::Instant end = now + time;
  while (membership.next_time() <= end) {
    now = std::max(now, membership.next_time());
    membership.on_time(now, out);
  }
  now = end;
}

// A node without seeds, which has founded a cluster of its own.
class LoneNodeTest : public testing::Test {
 protected:
  LoneNodeTest()
      : options_(options()),
        membership_(
            options_, *test::member(5), maker_, [this] { return MemberId(++last_id_, 9); }, 1) {
    membership_.start({}, now_, out_);
    run_for(seconds(60));
    out_ = {};
  }

  static MembershipOptions options() {
    MembershipOptions options;
    options.compatibility.cluster = "here";
    return options;
  }

  void run_for(core::Duration time) { let_pass(membership_, time, now_, out_); }

  // What a member of a cluster of that name and size answers to a stranger's probe.
  void be_told_of(const std::string& name, std::uint64_t size,
                  MemberId about = test::member(5)->id) {
    const ControlMessage message{.epoch = 7,
                                 .view = 77,
                                 .body = NotMember{.about = about,
                                                   .lineage = 99,
                                                   .size = size,
                                                   .lowest = MemberId(1, 1),
                                                   .compatibility = {.cluster = name}}};
    membership_.on_message({.id = MemberId(1, 1), .address = kElsewhere},
                           std::make_shared<const ControlMessage>(message), now_, out_);
  }

  template <typename Event>
  std::size_t events() const {
    return static_cast<std::size_t>(
        std::count_if(out_.events.begin(), out_.events.end(),
                      [](const auto& event) { return std::holds_alternative<Event>(event); }));
  }

  template <typename Body>
  std::size_t sent_there() const {
    return static_cast<std::size_t>(
        std::count_if(out_.sends.begin(), out_.sends.end(), [](const Send& send) {
          return send.address == kElsewhere && std::holds_alternative<Body>(send.message->body);
        }));
  }

  const MembershipOptions options_;
  ViewMaker maker_;
  std::uint64_t last_id_ = 100;
  core::Instant now_ = core::Instant{} + seconds(1'000);
  Membership membership_;
  Membership::Output out_;
};

TEST_F(LoneNodeTest, GreetsWhereItIsToldThatAClusterIs) {
  membership_.join({kElsewhere}, now_);
  run_for(milliseconds(1));
  EXPECT_EQ(sent_there<Probe>(), 1u);
}

TEST_F(LoneNodeTest, GreetsThereAlsoWhenItsOwnAreAmongTheSeeds) {
  std::vector<std::string> seeds(50, test::member(5)->address);
  membership_.set_seeds(std::move(seeds));
  membership_.join({kElsewhere}, now_);
  run_for(milliseconds(1));
  EXPECT_EQ(sent_there<Probe>(), 1u);
}

TEST_F(LoneNodeTest, JoinsALargerClusterAtOnce) {
  membership_.join({kElsewhere}, now_);
  be_told_of("here", 3);
  ASSERT_EQ(events<Incarnation::Out>(), 1u);
  run_for(seconds(1));
  EXPECT_EQ(events<Incarnation::Rejoining>(), 1u);
  ASSERT_GE(sent_there<Join>(), 1u);
  for (const Send& send : out_.sends) {
    if (const auto* join = std::get_if<Join>(&send.message->body)) {
      EXPECT_FALSE(join->again) << "its link was never in doubt";
    }
  }
}

// Who gives way may be the other one, which was told nothing.
TEST_F(LoneNodeTest, LooksForTheLargerClusterWhereItHeardOfIt) {
  be_told_of("here", 3);
  run_for(seconds(1));
  EXPECT_GE(sent_there<Join>(), 1u);
}

TEST_F(LoneNodeTest, DoesNotGiveWayToAnotherCluster) {
  be_told_of("elsewhere", 3);
  EXPECT_EQ(events<Incarnation::Out>(), 0u);
  ASSERT_EQ(events<Incarnation::Stranger>(), 1u);
  EXPECT_NE(std::get<Incarnation::Stranger>(out_.events.back()).why.find("\"elsewhere\""),
            std::string::npos);
}

// An answer to what an earlier run at the address has said.
TEST_F(LoneNodeTest, DoesNotGiveWayWhenAnotherIsMeant) {
  be_told_of("here", 3, MemberId(77, 77));
  EXPECT_TRUE(out_.events.empty());
}

TEST_F(LoneNodeTest, DoesNotGiveWayToOneThatIsFrozen) {
  be_told_of("here", 0);
  EXPECT_TRUE(out_.events.empty());
}

TEST_F(LoneNodeTest, DoesNotLookForItselfWhereItIsTold) {
  membership_.join({test::member(5)->address}, now_);
  run_for(seconds(10));
  EXPECT_TRUE(out_.sends.empty());
}

// A node with these seeds that nobody answers says once why it is in no cluster.
class WaitingNodeTest : public testing::Test {
 protected:
  std::vector<std::string> said(std::vector<std::string> seeds, core::Duration time) {
    membership_.start(std::move(seeds), now_, out_);
    return said_in(time);
  }
  std::vector<std::string> said_in(core::Duration time) {
    let_pass(membership_, time, now_, out_);
    std::vector<std::string> said;
    for (const Incarnation::Event& event : out_.events) {
      if (const auto* waiting = std::get_if<Incarnation::Waiting>(&event))
        said.push_back(waiting->what);
    }
    return said;
  }
  void hear_join_of(std::uint64_t number, bool again) {
    const MemberPtr member = test::member(number);
    const Join join{.member = member, .compatibility = options_.compatibility, .again = again};
    membership_.on_message({.id = member->id, .address = member->address},
                           std::make_shared<const ControlMessage>(ControlMessage{.body = join}),
                           now_, out_);
  }

  const std::string own_ = test::member(5)->address;
  MembershipOptions options_;
  ViewMaker maker_;
  core::Instant now_ = core::Instant{} + seconds(1'000);
  Membership::Output out_;
  Membership membership_{options_, *test::member(5), maker_, [] { return MemberId(99, 9); }, 1};
};

TEST_F(WaitingNodeTest, SaysThatItIsNoSeed) {
  const auto said = this->said({kElsewhere, "10.0.0.7:1"}, seconds(60));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find(own_ + " is not among them"), std::string::npos) << said[0];
}

TEST_F(WaitingNodeTest, SaysHowManySeedsItHasHeardOf) {
  EXPECT_TRUE(said({own_, kElsewhere, "10.0.0.7:1"}, milliseconds(9'900)).empty());
  const auto said = said_in(seconds(60));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("heard of 1 of 3 seeds, itself among them; 2 are needed"),
            std::string::npos)
      << said[0];
}

TEST_F(WaitingNodeTest, SaysWhoDoesNotCountBecauseItWasRemoved) {
  EXPECT_TRUE(said({own_, test::member(6)->address}, milliseconds(9'500)).empty());
  hear_join_of(6, true);
  const auto said = said_in(seconds(1));
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("the node at " + test::member(6)->address + " does not count"),
            std::string::npos)
      << said[0];
}

// It was let in and removed before it knew: only another id gets in.
TEST(JoiningNodeTest, ComesBackUnderAnotherIdWhenItsOwnWasRemoved) {
  const MembershipOptions options;
  ViewMaker maker;
  std::uint64_t last_id = 100;
  core::Instant now = core::Instant{} + seconds(1'000);
  Membership membership(
      options, *test::member(5), maker, [&] { return MemberId(++last_id, 9); }, 1);
  Membership::Output out;
  membership.start({kElsewhere}, now, out);
  const auto refuse = [&](const MemberId& joiner) {
    const ControlMessage message{
        .epoch = 7,
        .view = 77,
        .body = JoinRefused{.joiner = joiner, .removed = true, .why = "it was removed"}};
    membership.on_message({.id = MemberId(1, 1), .address = kElsewhere},
                          std::make_shared<const ControlMessage>(message), now, out);
  };
  refuse(MemberId(77, 77));
  EXPECT_TRUE(out.events.empty()) << "another was meant";
  refuse(test::member(5)->id);
  ASSERT_EQ(out.events.size(), 1u);
  out = {};
  let_pass(membership, seconds(2), now, out);
  const auto join = std::find_if(out.sends.begin(), out.sends.end(), [](const Send& send) {
    return std::holds_alternative<Join>(send.message->body);
  });
  ASSERT_NE(join, out.sends.end());
  EXPECT_EQ(std::get<Join>(join->message->body).member->id, MemberId(101, 9));
}

double seconds_in(core::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// A node that is taken in and removed again and again.
class FlappingNodeTest : public testing::Test {
 protected:
  FlappingNodeTest()
      : membership_(
            options_, *test::member(5), maker_, [this] { return id_ = MemberId(++last_id_, 9); },
            1) {
    membership_.start({kElsewhere}, now_, out_);
  }

  void hear(Epoch epoch, ViewId view, ControlBody body) {
    membership_.on_message({.id = other_->id, .address = other_->address},
                           std::make_shared<const ControlMessage>(ControlMessage{
                               .epoch = epoch, .view = view, .body = std::move(body)}),
                           now_, out_);
  }

  void run_for(core::Duration time) { let_pass(membership_, time, now_, out_); }

  ViewPtr become_member(std::vector<StateEntry> state = {}) {
    Member self = *test::member(5);
    self.id = id_;
    const ViewPtr view =
        View::found({other_, std::make_shared<const Member>(self)}, options_.rings);
    hear(1, view->id(), Snapshot{.view = view, .state = std::move(state), .removed = {}});
    EXPECT_EQ(membership_.incarnation().view()->id(), view->id());
    return view;
  }

  // A member for so long, hearing the other one all the time, then removed.
  void be_member_for(core::Duration time) {
    const ViewPtr view = become_member();
    for (const core::Instant end = now_ + time; now_ < end;) {
      run_for(milliseconds(500));
      hear(1, view->id(), Probe{.sent = now_});
    }
    hear(2, view->id() + 1,
         NotMember{.about = id_,
                   .lineage = view->lineage(),
                   .size = 1,
                   .lowest = other_->id,
                   .compatibility = options_.compatibility});
    ASSERT_TRUE(membership_.is_out());
  }

  // Of a view of so many; it hears nobody for five seconds, and then that it was removed.
  void be_deaf_in(std::size_t member_count) {
    Member self = *test::member(5);
    self.id = id_;
    std::vector<MemberPtr> members = {std::make_shared<const Member>(self)};
    for (std::uint64_t i = 0; members.size() < member_count; ++i) {
      if (i != 5) members.push_back(test::member(i == 0 ? 1'000 : i));
    }
    std::ranges::sort(members, {}, [](const MemberPtr& member) { return member->id; });
    const ViewPtr view = View::found(std::move(members), options_.rings);
    hear(1, view->id(), Snapshot{.view = view, .state = {}, .removed = {}});
    ASSERT_EQ(membership_.incarnation().view()->id(), view->id());
    run_for(seconds(5));
    ASSERT_FALSE(membership_.is_out());
    hear(2, view->id() + 1,
         NotMember{.about = id_,
                   .lineage = view->lineage(),
                   .size = static_cast<std::uint32_t>(member_count - 1),
                   .lowest = other_->id,
                   .compatibility = options_.compatibility});
    ASSERT_TRUE(membership_.is_out());
  }

  // Until it joins again.
  core::Duration wait() {
    const core::Instant begin = now_;
    while (membership_.is_out()) run_for(milliseconds(10));
    return now_ - begin;
  }

  // The same, with the others answering all the time.
  core::Duration listen() {
    const core::Instant begin = now_;
    while (membership_.is_out()) {
      run_for(milliseconds(10));
      if (membership_.is_out()) hear(2, 9, ProbeAck{.sent = now_});
    }
    return now_ - begin;
  }

  const MembershipOptions options_;
  ViewMaker maker_;
  const MemberPtr other_ = test::member(1);
  std::uint64_t last_id_ = 100;
  MemberId id_ = test::member(5)->id;
  core::Instant now_ = core::Instant{} + seconds(1'000);
  Membership::Output out_;
  Membership membership_;
};

TEST_F(FlappingNodeTest, WaitsLongerEachTime) {
  core::Duration longest{};
  for (int i = 0; i < 6; ++i) {
    be_member_for(seconds(5));
    const core::Duration wait = this->wait();
    EXPECT_GT(wait, longest);
    longest = wait;
  }
  EXPECT_GT(longest, 12 * options_.rejoin.wait_min) << "16 times as long, or 32, by a fifth less";
  be_member_for(options_.rejoin.forgiven_after);
  EXPECT_GT(wait(), 12 * options_.rejoin.wait_min) << "one is forgiven, not all";
}

TEST_F(FlappingNodeTest, SaysUnderItsNextIdWhatItSaidOfItself) {
  EXPECT_FALSE(membership_.put("color", "red", now_, out_).ok()) << "it is in no cluster";
  become_member();
  ASSERT_TRUE(membership_.put("color", "green", now_, out_).ok());
  ASSERT_TRUE(membership_.put("color", "blue", now_, out_).ok());
  be_member_for(seconds(5));
  (void)wait();
  become_member();
  const std::vector<StateEntry> state = membership_.incarnation().state().of(id_);
  ASSERT_EQ(state.size(), 1u);
  EXPECT_EQ(state[0].key, "color");
  EXPECT_EQ(state[0].value, "blue");
}

// Only this node writes its keys, so what others know of them is none of its business.
TEST_F(FlappingNodeTest, TakesNothingFromOthersUnderItsOwnName) {
  become_member();
  ASSERT_TRUE(membership_.put("color", "green", now_, out_).ok());
  Gossip gossip;
  gossip.entries = {{.owner = id_, .key = "color", .sequence = UINT64_MAX, .value = "forged"}};
  hear(1, membership_.incarnation().view()->id(), std::move(gossip));
  ASSERT_TRUE(membership_.put("color", "blue", now_, out_).ok());
  const std::vector<StateEntry> state = membership_.incarnation().state().of(id_);
  ASSERT_EQ(state.size(), 1u);
  EXPECT_EQ(state[0].value, "blue");
  EXPECT_EQ(state[0].sequence, 2u);
}

TEST_F(FlappingNodeTest, HasRoomForItsOwnKeysWhateverASnapshotHoldsUnderItsName) {
  become_member();
  ASSERT_TRUE(membership_.put("color", "blue", now_, out_).ok());
  be_member_for(seconds(5));
  (void)wait();
  std::vector<StateEntry> forged;
  for (std::size_t i = 0; i < options_.state.keys_max; ++i)
    forged.push_back({.owner = id_, .key = std::to_string(i), .sequence = 1, .value = {}});
  become_member(std::move(forged));
  const std::vector<StateEntry> state = membership_.incarnation().state().of(id_);
  ASSERT_EQ(state.size(), 1u);
  EXPECT_EQ(state[0].key, "color");
}

// In a small cluster a return that does not last costs little, and a node that is missing much.
TEST_F(FlappingNodeTest, ThatHeardNobodyListensTheLongerTheMoreItWouldDisturb) {
  be_deaf_in(5);
  EXPECT_NEAR(seconds_in(listen()), 3, 0.1);
  be_deaf_in(5);
  EXPECT_NEAR(seconds_in(listen()), 6, 0.1) << "the second time";
}

TEST_F(FlappingNodeTest, ThatHeardNobodyInALargeClusterListensForLong) {
  be_deaf_in(20);
  EXPECT_NEAR(seconds_in(listen()), 10, 0.1);
  be_deaf_in(200);
  EXPECT_NEAR(seconds_in(listen()), 25, 0.1);
}

TEST_F(FlappingNodeTest, BeginsToListenAnewWhenItHearsNobody) {
  be_deaf_in(5);
  run_for(seconds(20));
  ASSERT_TRUE(membership_.is_out());
  EXPECT_LE(seconds_in(listen()), 6.1);
}

// Each minute as a member makes up for one removal: a node that stands still now and then is no flapping one.
TEST_F(FlappingNodeTest, IsForgivenBitByBit) {
  for (int i = 0; i < 20; ++i) {
    be_member_for(options_.rejoin.forgiven_after);
    EXPECT_LT(wait(), 3 * options_.rejoin.wait_min) << "removal " << i;
  }
}

}  // namespace
}  // namespace nexus::cluster
