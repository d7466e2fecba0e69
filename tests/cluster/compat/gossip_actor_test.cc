// The gossip actor in a system of its own, asked as a gossip actor of another node would.
#include "cluster/compat/gossip_actor.h"

#include <gtest/gtest.h>

#include "cluster/compat/gossip_codec.h"
#include "cluster/compat/protoactor_family.h"
#include "tests/support/test_system.h"
#include "tests/support/wait.h"

namespace nexus::cluster {
namespace {

using std::chrono::seconds;
using test::eventually;

core::Payload request(std::string_view type, const GossipState& state = {}) {
  return {std::string(type), core::Payload::kProtobuf, encode_gossip(state, "self")};
}

class GossipActorTest : public testing::Test {
 protected:
  GossipActorTest() { EXPECT_TRUE(family_.start().ok()); }

  std::string answer_type(const std::string& name, const core::Payload& message) {
    const core::Pid target = system_->registry().find(name);
    EXPECT_TRUE(target) << name;
    const core::Answer answer = system_->ask(target, message, seconds(60));
    if (answer.message == nullptr) return "none";
    const auto* payload = answer.message->get<core::Payload>();
    EXPECT_TRUE(payload == nullptr || payload->data.empty());
    return payload == nullptr ? answer.message->type().name() : payload->type;
  }
  static std::string health_of(const std::string& id) {
    return to_json({.id = id, .host = "127.0.0.1", .port = 1, .kinds = {"k"}, .cluster = "c"});
  }

  test::TestSystem system_;
  test::Queue<std::string> told_;
  core::EventStream::Subscription subscription_ =
      system_->events().subscribe<FamilyEvent>([this](const FamilyEvent& event) {
        static constexpr const char* kWhat[] = {"joined ", "silent ", "replaced ", "left "};
        told_.push(kWhat[static_cast<int>(event.what)] + event.member.id + " of " +
                   std::to_string(event.members.size()));
      });
  ProtoactorFamily family_{
      {.self = {.id = "self", .host = "127.0.0.1", .port = 2, .cluster = "c"}, .hosts = {"h"}},
      *system_};
};

TEST_F(GossipActorTest, PF2_AnswersEachFamilyUnderEitherNameInItsOwnTypes) {
  for (const std::string name : {"gossip", "$gossip"}) {
    EXPECT_EQ(answer_type(name, request(gossip_name::kGoRequest)), gossip_name::kGoResponse);
    EXPECT_EQ(answer_type(name, request(gossip_name::kDotnetRequest)),
              gossip_name::kDotnetResponse);
  }
}

TEST_F(GossipActorTest, WhatIsNoGossipIsRefused) {
  const auto refused = [&] {
    return system_->dead_letters().count(core::DeadLetterReason::unreadable);
  };
  const core::Pid gossip = system_->registry().find("gossip");
  const core::Payload wrong[] = {
      {std::string(gossip_name::kGoRequest), core::Payload::kProtobuf, "\xff"},
      {"cluster.Member", core::Payload::kProtobuf, ""},
      {std::string(gossip_name::kGoRequest), core::Payload::kJson, "{}"}};
  std::uint64_t before = refused();
  for (const core::Payload& payload : wrong) {
    (void)system_->send(gossip, payload);
    EXPECT_TRUE(eventually([&] { return refused() == before + 1; })) << payload.type;
    before = refused();
  }
  EXPECT_EQ(answer_type("gossip", request(gossip_name::kGoRequest)), gossip_name::kGoResponse);
}

TEST_F(GossipActorTest, PF2_WhatMembersBroadcastIsTakenAndIgnored) {
  for (const std::string name : {"eventstream", "$eventstream"}) {
    const core::Pid stream = system_->registry().find(name);
    ASSERT_TRUE(stream) << name;
    (void)system_->send(
        stream, core::Payload{"cluster.ActivationTerminated", core::Payload::kProtobuf, "x"});
  }
  EXPECT_TRUE(is_conserved(system_));
  EXPECT_EQ(system_->dead_letters().count(core::DeadLetterReason::unreadable), 0u);
  EXPECT_EQ(system_->dead_letters().count(core::DeadLetterReason::no_such_actor), 0u);
}

TEST_F(GossipActorTest, PF1_JoiningAndLeavingArePublished) {
  family_.on_polled({health_of("x")});
  EXPECT_EQ(told_.pop(), "joined x of 1");
  family_.on_polled({health_of("x2")});
  EXPECT_EQ(told_.pop(), "replaced x of 1");
  EXPECT_EQ(told_.pop(), "joined x2 of 1");
  GossipState left;
  left["x2"][gossip_key::kLeft] = {.sequence = 1, .content = left_content()};
  EXPECT_EQ(answer_type("gossip", request(gossip_name::kGoRequest, left)),
            gossip_name::kGoResponse);
  EXPECT_EQ(told_.pop(), "left x2 of 0");
  family_.on_polled({health_of("x3")});
  EXPECT_EQ(told_.pop(), "joined x3 of 1");
  for (int i = 0; i < 3; ++i) family_.on_polled({core::Error{core::Errc::unavailable, "no"}});
  EXPECT_EQ(told_.pop(), "silent x3 of 0");
}

TEST_F(GossipActorTest, WhatADotnetMemberSaysOfLeavingCounts) {
  family_.on_polled({health_of("x")});
  EXPECT_EQ(told_.pop(), "joined x of 1");
  GossipState left;
  left["x"][gossip_key::kDotnetLeft] = {.sequence = 1, .content = left_content()};
  EXPECT_EQ(answer_type("$gossip", request(gossip_name::kDotnetRequest, left)),
            gossip_name::kDotnetResponse);
  EXPECT_EQ(told_.pop(), "left x of 0");
}

TEST_F(GossipActorTest, LeavingWithoutMembersEndsAtOnce) {
  family_.begin_leave(seconds(60));
  EXPECT_TRUE(family_.await_left());
}

TEST_F(GossipActorTest, LeavingDoesNotWaitForOneThatDoesNotAnswer) {
  family_.on_polled({health_of("x")});
  EXPECT_EQ(told_.pop(), "joined x of 1");
  // There is no way to it: the system has no links.
  family_.begin_leave(seconds(60));
  EXPECT_FALSE(family_.await_left());
}

}  // namespace
}  // namespace nexus::cluster
