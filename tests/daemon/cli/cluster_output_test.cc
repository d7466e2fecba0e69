#include "daemon/cli/cluster_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/grpc_member.h"
#include "nexus/v1/cluster_service.pb.h"

namespace nexus::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

MemberInfo member(const std::string& address) {
  return {.address = address, .id = "0a", .status = "up", .since_epoch = 1, .version = "1.0"};
}

ClusterInfo cluster(const std::string& node_status) {
  return {.name = "c", .node_status = node_status, .node_address = "h:1"};
}

TEST(ClusterOutput, OneMemberIsNotPlural) {
  EXPECT_THAT(members_text(cluster("member"), {.view = {.epoch = 1, .member_count = 1}}),
              StartsWith("cluster c: epoch 1, 1 member; h:1 is a member\nADDRESS "));
}

TEST(ClusterOutput, AFrozenNodeHasALineOfItsOwn) {
  EXPECT_THAT(members_text(cluster("frozen"), {}), HasSubstr("h:1 is frozen\nFROZEN: h:1 hears"));
  EXPECT_THAT(members_text(cluster("member"), {}), Not(HasSubstr("FROZEN")));
}

TEST(ClusterOutput, AStatusThatIsNotKnownIsNotGuessed) {
  EXPECT_THAT(members_text(cluster("unknown"), {}), HasSubstr("the status of h:1 is unknown\n"));
}

TEST(ClusterOutput, AControlCharacterCannotBreakTheLine) {
  ClusterInfo evil = cluster("frozen");
  evil.name = "c\nx";
  evil.node_address = "h\x1B[31m";
  EXPECT_THAT(members_text(evil, {}), StartsWith("cluster c x: epoch 0, 0 members; h [31m is "));
  const ClusterEvent event{.what = ClusterEvent::What::change, .joined = {member("h\n:1")}};
  EXPECT_EQ(cluster_event_text(event), "joined h :1 epoch 0\n");
}

TEST(ClusterOutput, WhoDepartedComesBeforeWhoTookTheAddress) {
  const ClusterEvent event{.what = ClusterEvent::What::change,
                           .view = {.epoch = 4},
                           .joined = {member("h:1")},
                           .departed = {{.member = member("h:1"), .reason = "replaced"}}};
  EXPECT_EQ(cluster_event_text(event), "departed h:1 replaced epoch 4\njoined h:1 epoch 4\n");
}

TEST(ClusterOutput, WhatAForceWouldDoSaysHowToDoIt) {
  const ForcedView plan{
      .view = {.epoch = 7}, .kept = {member("h:1")}, .removed = {member("h:2"), member("h:3")}};
  EXPECT_THAT(forced_text(plan), HasSubstr("h:2      removed"));
  EXPECT_THAT(forced_text(plan), HasSubstr("Nothing is changed yet."));
  EXPECT_THAT(forced_text(plan), HasSubstr("the same with --epoch 7 --yes\n"));
  EXPECT_EQ(forced_json(plan),
            R"({"forced":false,"epoch":7,"view_id":"","kept":["h:1"],"removed":["h:2","h:3"]})"
            "\n");
}

TEST(ClusterOutput, WhatAForceHasDone) {
  const ForcedView done{.done = true,
                        .view = {.epoch = 8, .id = "0b", .member_count = 1},
                        .kept = {member("h:1")},
                        .removed = {member("h:2")}};
  EXPECT_THAT(forced_text(done), StartsWith("forced: epoch 8, 1 member\n"));
  EXPECT_THAT(forced_text(done), Not(HasSubstr("--yes")));
}

TEST(ClusterOutput, AnEventOfNobodySaysNothing) {
  const ClusterEvent event{.what = ClusterEvent::What::change};
  EXPECT_EQ(cluster_event_text(event) + cluster_event_json(event), "");
}

TEST(ClusterOutput, AMemberAsJsonHasEveryFieldUnderAStableKey) {
  MemberInfo full = member("h:1");
  full.self = true;
  full.zone = "z";
  full.kinds = {"a", "b\""};
  full.labels = {{"k", "v"}};
  full.state = {{"s", std::string("\0\1", 2)}};
  EXPECT_EQ(
      member_json(full),
      R"({"address":"h:1","id":"0a","status":"up","self":true,"since_epoch":1,"version":"1.0",)"
      R"("zone":"z","kinds":["a","b\""],"labels":{"k":"v"},"state_base64":{"s":"AAE="}})"
      "\n");
}

TEST(ClusterEvents, ReadEveryStatusAndReason) {
  EXPECT_EQ(member_info(v1::Member()).status, "unknown");
  v1::WatchClusterResponse response;
  for (int reason = 0; reason <= 5; ++reason) {
    response.mutable_change()->add_departed()->set_reason(static_cast<v1::DepartureReason>(reason));
  }
  std::string reasons;
  for (const DepartureInfo& departure : cluster_event(response).departed) {
    reasons += departure.reason + ' ';
  }
  EXPECT_EQ(reasons, "unknown failed left replaced forced unknown ");
}

TEST(ClusterEvents, OneThatIsNotKnownIsAChangeOfNothing) {
  EXPECT_EQ(cluster_event_text(cluster_event(v1::WatchClusterResponse())), "");
}

}  // namespace
}  // namespace nexus::cli
