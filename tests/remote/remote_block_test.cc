// Remote::block(): a member that is blocked has no link to this node in either direction, whoever dials.
#include <gtest/gtest.h>

#include "nexus/v1/types.pb.h"
#include "tests/remote/raw_peer.h"
#include "tests/remote/remote_node.h"

namespace nexus::remote {
namespace {

using core::Answer;
using core::DeadLetterReason;
using std::chrono::milliseconds;

constexpr const char* kRaw = "rawpeer";
constexpr const char* kA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr const char* kB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

RemoteNode::Settings settings(const std::string& member_id) {
  RemoteNode::Settings settings;
  settings.member_id = member_id;
  settings.remote.reconnect_min = milliseconds(5);
  settings.remote.reconnect_max = milliseconds(20);
  return settings;
}

// Never connects: nobody listens there.
std::string hello(std::vector<std::string> block_list = {}) {
  return encode(ConnectRequest{
      .member_id = kRaw, .address = "127.0.0.1:1", .block_list = std::move(block_list)});
}

std::string touch(const core::Pid& target) {
  WireMessage message;
  message.target = target;
  message.type_name = "actor.PoisonPill";
  return encode_batch({message}, Dialect::strings);
}

core::Props silent() {
  return core::props_of([](core::Context&) {});
}

TEST(RemoteBlock, ABlockedMemberIsAnsweredThatItIsBlocked) {
  RemoteNode node(settings(kA));
  EXPECT_TRUE(node.remote().block(kRaw).ok());
  RawPeer peer(node.address());
  ASSERT_TRUE(peer.write(hello()));
  EXPECT_EQ(peer.read(), encode(ConnectResponse{kA, true}));
  EXPECT_EQ(peer.read(), std::nullopt);
  EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST(RemoteBlock, AMemberFromTheOptionsIsBlockedFromTheStart) {
  RemoteNode::Settings made = settings(kA);
  made.remote.blocked_members = {kRaw, kA, kB};
  RemoteNode node(made);
  EXPECT_EQ(node.remote().blocked(), (std::vector<std::string>{kB, kRaw})) << "and never itself";
  RawPeer peer(node.address());
  ASSERT_TRUE(peer.write(hello()));
  EXPECT_EQ(peer.read(), encode(ConnectResponse{kA, true}));
}

TEST(RemoteBlock, AFrameOfAMemberThatWasBlockedMeanwhileIsRefusedUnread) {
  RemoteNode node(settings(kA));
  const core::Pid actor = node.spawn(silent(), "actor");
  RawPeer peer(node.address());
  peer.connect();
  EXPECT_TRUE(node.remote().block(kRaw).ok());
  (void)peer.write(touch(actor));
  EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(node->registry().resolve(node.address(), "actor"), actor) << "it lives on";
  EXPECT_TRUE(node.remote().unblock(kRaw));
  RawPeer again(node.address());
  again.connect();
}

TEST(RemoteBlock, AStreamOfAMemberThatNoLinkKnowsEndsAtOnce) {
  RemoteNode node(settings(kA));
  RawPeer peer(node.address());
  peer.connect();
  EXPECT_TRUE(node.remote().block(kRaw).ok());
  // It sends nothing.
  EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST(RemoteBlock, APeerThatHasBlockedThisNodeIsRefused) {
  RemoteNode node(settings(kA));
  RawPeer peer(node.address());
  ASSERT_TRUE(peer.write(hello({"somebody", kA})));
  EXPECT_EQ(peer.read(), encode(ConnectResponse{kA, true}));
  EXPECT_TRUE(node.remote().blocked().empty());
}

TEST(RemoteBlock, APeerCannotMakeThisNodeBlockOthers) {
  RemoteNode node(settings(kA));
  RawPeer peer(node.address());
  ASSERT_TRUE(peer.write(hello({kB, "third"})));
  EXPECT_EQ(peer.read(), encode(ConnectResponse{kA, false}));
  EXPECT_TRUE(node.remote().blocked().empty());
}

TEST(RemoteBlock, UnlessItIsConfiguredToUpToTheLimitAndNeverThePeerItself) {
  RemoteNode::Settings trusting = settings(kA);
  trusting.remote.accept_block_lists = true;
  trusting.remote.blocked_count_max = 2;
  RemoteNode node(trusting);
  RawPeer peer(node.address());
  ASSERT_TRUE(peer.write(hello({kB, "not an id", kRaw, "third", "fourth"})));
  EXPECT_EQ(peer.read(), encode(ConnectResponse{kA, false}));
  EXPECT_EQ(node.remote().blocked(), (std::vector<std::string>{"third", kB}));
}

TEST(RemoteBlock, NobodyBlocksItselfNorMoreThanTheLimit) {
  RemoteNode::Settings small = settings(kA);
  small.remote.blocked_count_max = 1;
  RemoteNode node(small);
  EXPECT_EQ(node.remote().block(kA).error().code, core::Errc::invalid_argument);
  EXPECT_EQ(node.remote().block("no id").error().code, core::Errc::invalid_argument);
  EXPECT_TRUE(node.remote().block("x").ok());
  EXPECT_TRUE(node.remote().block("x").ok());
  EXPECT_EQ(node.remote().block("y").error().code, core::Errc::resource_exhausted);
  EXPECT_FALSE(node.remote().unblock("y"));
}

TEST(RemoteBlock, ChangesArePublished) {
  RemoteNode node(settings(kA));
  std::vector<std::string> events;
  const auto subscription =
      node->events().subscribe<BlockListChanged>([&](const BlockListChanged& change) {
        events.push_back((change.blocked ? "blocked " : "unblocked ") + change.member_id);
      });
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(node.remote().block("x").ok());
  EXPECT_TRUE(node.remote().unblock("x"));
  EXPECT_FALSE(node.remote().unblock("x"));
  EXPECT_EQ(events, (std::vector<std::string>{"blocked x", "unblocked x"}));
}

TEST(RemoteBlock, K3_TheClusterDoesNotLiftWhatWasDoneByHandNorTheOtherWayRound) {
  RemoteNode node(settings(kA));
  std::vector<bool> events;
  const auto subscription = node->events().subscribe<BlockListChanged>(
      [&](const BlockListChanged& change) { events.push_back(change.blocked); });
  using Owner = BlockList::Owner;
  EXPECT_TRUE(node.remote().block(kRaw).ok());
  EXPECT_TRUE(node.remote().block(kRaw, Owner::by_cluster).ok());
  EXPECT_FALSE(node.remote().unblock(kRaw, Owner::by_cluster));
  EXPECT_EQ(node.remote().blocked(), std::vector<std::string>{kRaw});
  EXPECT_TRUE(node.remote().block(kRaw, Owner::by_cluster).ok());
  EXPECT_FALSE(node.remote().unblock(kRaw));
  EXPECT_EQ(node.remote().blocked(), std::vector<std::string>{kRaw});
  EXPECT_TRUE(node.remote().unblock(kRaw, Owner::by_cluster));
  EXPECT_EQ(events, (std::vector<bool>{true, false}));
}

// A node that blocks another one.
class RemoteBlockPair : public testing::Test {
 protected:
  Answer ask(RemoteNode& from, RemoteNode& to) {
    return from->ask(to.pid("actor"), v1::CounterRequest(), test::kPatience);
  }
  static core::Props answering() {
    return core::props_of([](core::Context& context) {
      if (context.message<v1::CounterRequest>()) context.respond(v1::CounterReply());
    });
  }
  void expect_answered(RemoteNode& from, RemoteNode& to) {
    EXPECT_EQ(ask(from, to).outcome, Answer::Outcome::answered);
  }

  RemoteNode a_{settings(kA)};
  RemoteNode b_{settings(kB)};
  const core::Pid actor_of_a_ = a_.spawn(answering(), "actor");
  const core::Pid actor_of_b_ = b_.spawn(answering(), "actor");
};

TEST_F(RemoteBlockPair, EndsTheLinkInBothDirectionsAndTellsTheWatchers) {
  expect_answered(a_, b_);
  const auto diary = std::make_shared<test::Diary>();
  const core::Pid watcher = a_.spawn(test::steered(diary), "watcher");
  test::expect_next(*diary, {"started"});
  a_->registry().send_system(b_.pid("actor"), core::make_envelope(core::Watch{watcher}));
  EXPECT_TRUE(a_.remote().block(kB).ok());
  test::expect_next(*diary, {"terminated actor address_terminated"});
  const Answer out = ask(a_, b_);
  EXPECT_EQ(out.outcome, Answer::Outcome::link_failed);
  EXPECT_EQ(out.detail, "blocked");
  EXPECT_GE(a_->dead_letters().count(DeadLetterReason::blocked), 1u);
  EXPECT_EQ(ask(b_, a_).outcome, Answer::Outcome::link_failed) << "which b was told at once";
}

TEST_F(RemoteBlockPair, WorksAgainAfterItIsLifted) {
  expect_answered(a_, b_);
  EXPECT_TRUE(a_.remote().block(kB).ok());
  EXPECT_EQ(ask(a_, b_).outcome, Answer::Outcome::link_failed);
  EXPECT_TRUE(a_.remote().unblock(kB));
  expect_answered(a_, b_);
  expect_answered(b_, a_);
}

TEST_F(RemoteBlockPair, TheHandshakeCarriesTheListSoThatTheOtherSideRefuses) {
  // Blocked before there is a link: a dials b, whose id it does not know, and says whom it has blocked.
  EXPECT_TRUE(a_.remote().block(kB).ok());
  EXPECT_EQ(ask(a_, b_).outcome, Answer::Outcome::link_failed);
  EXPECT_EQ(actor_of_b_.cell()->processed_count(), 0u);
}

}  // namespace
}  // namespace nexus::remote
