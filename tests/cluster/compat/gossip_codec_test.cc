#include "cluster/compat/gossip_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protoactor/cluster.pb.h"

namespace nexus::cluster {
namespace {

GossipState some_state() {
  GossipState state;
  state["x"]["heartbeat"] = {.sequence = 7, .content = heartbeat_content()};
  state["x"]["left"] = {.sequence = 8, .content = left_content()};
  state["y"]["topology"] = {.sequence = 1, .content = {"type.googleapis.com/t", "bytes"}};
  return state;
}

TEST(GossipCodec, WhatIsWrittenIsReadAgain) {
  EXPECT_EQ(decode_gossip(encode_gossip(some_state(), "y")), some_state());
}

TEST(GossipCodec, ARequestHasTheIdOfItsReceiver) {
  ::cluster::GossipRequest request;
  ASSERT_TRUE(request.ParseFromString(encode_gossip(some_state(), "receiver")));
  EXPECT_EQ(request.member_id(), "receiver");
  const auto& beat = request.state().members().at("x").values().at("heartbeat");
  EXPECT_EQ(beat.sequence_number(), 7);
  EXPECT_EQ(beat.value().type_url(), "type.googleapis.com/cluster.MemberHeartbeat");
  ::cluster::MemberHeartbeat heartbeat;
  ASSERT_TRUE(beat.value().UnpackTo(&heartbeat));
  EXPECT_TRUE(heartbeat.has_actor_statistics());
  EXPECT_EQ(request.state().members().at("x").values().at("left").value().type_url(),
            "type.googleapis.com/google.protobuf.Empty");
}

TEST(GossipCodec, AnEmptyAnswerIsAnEmptyState) { EXPECT_EQ(decode_gossip(""), GossipState{}); }

TEST(GossipCodec, GarbageIsNone) {
  EXPECT_EQ(decode_gossip("\x0a\xff garbage"), std::nullopt);
  // A member id that is no UTF-8.
  EXPECT_EQ(decode_gossip(std::string("\x0a\x07\x0a\x05\x0a\x01\xff\x12\x00", 9)), std::nullopt);
}

TEST(GossipCodec, ATopologyTellsItsMembers) {
  ::cluster::ClusterTopology topology;
  topology.add_members()->set_id("x");
  topology.add_members()->set_id("y");
  const GossipContent content = {"type.googleapis.com/cluster.ClusterTopology",
                                 topology.SerializeAsString()};
  EXPECT_THAT(*topology_members(content), testing::ElementsAre("x", "y"));
  EXPECT_EQ(topology_members(left_content()), std::nullopt);
  EXPECT_EQ(topology_members({content.type_url, "\xff"}), std::nullopt);
}

}  // namespace
}  // namespace nexus::cluster
