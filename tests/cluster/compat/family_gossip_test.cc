#include "cluster/compat/family_gossip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "cluster/compat/gossip_codec.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

FamilyMember member(const std::string& id) { return {.id = id, .address = id + ":1"}; }

std::vector<FamilyMember> members(int count) {
  std::vector<FamilyMember> all;
  for (int i = 0; i < count; ++i) all.push_back(member("m" + std::to_string(i)));
  return all;
}

std::vector<std::string> names(const std::vector<FamilyGossip::Send>& sends) {
  std::vector<std::string> names;
  for (const FamilyGossip::Send& send : sends) names.push_back(send.member);
  return names;
}

std::vector<std::string> own_keys(const FamilyGossip::Send& send) {
  std::vector<std::string> keys;
  const auto found = send.state.find("self");
  if (found == send.state.end()) return keys;
  for (const auto& [key, value] : found->second) keys.push_back(key);
  return keys;
}

class Gossip : public testing::Test {
 protected:
  // Members that have spoken.
  void meet(const std::vector<FamilyMember>& all) {
    gossip_.on_members(all, now_);
    for (const FamilyMember& one : all) gossip_.on_state(one.address, {}, now_);
  }
  std::vector<FamilyGossip::Send> beat() {
    now_ += milliseconds(300);
    return gossip_.on_beat(now_);
  }
  // All are answered, or none.
  void end(const std::vector<FamilyGossip::Send>& sends, bool answered = true) {
    for (const FamilyGossip::Send& send : sends) gossip_.on_outcome(send, answered);
  }

  core::Instant now_{std::chrono::hours(1)};
  FamilyGossip gossip_{{.self_id = "self"}};
};

TEST_F(Gossip, ABeatHasTheHeartbeatInTheSpellingsOfBothVersions) {
  meet({member("x")});
  const auto sends = beat();
  ASSERT_EQ(sends.size(), 1u);
  EXPECT_EQ(sends[0].address, "x:1");
  EXPECT_THAT(own_keys(sends[0]), ElementsAre("heartbeat", "heathbeat"));
}

TEST_F(Gossip, EachBeatHasAHigherNumber) {
  meet({member("x")});
  std::int64_t before = 0;
  for (int i = 0; i < 5; ++i) {
    const auto sends = beat();
    const std::int64_t sequence = sends.at(0).state.at("self").at("heartbeat").sequence;
    EXPECT_GT(sequence, before);
    before = sequence;
    end(sends);
  }
}

TEST_F(Gossip, FG1_AllAreSpokenToByTurns) {
  meet(members(8));
  std::map<std::string, int> spoken;
  for (int i = 0; i < 3 * 8; ++i) {
    const auto sends = beat();
    EXPECT_EQ(sends.size(), 3u);
    for (const std::string& name : names(sends)) ++spoken[name];
    end(sends);
  }
  ASSERT_EQ(spoken.size(), 8u);
  for (const auto& [name, count] : spoken) EXPECT_EQ(count, 9) << name;
}

TEST_F(Gossip, FG2_WhoHasNotAnsweredIsNotSpokenToMeanwhile) {
  meet({member("x"), member("y")});
  const auto first = beat();
  EXPECT_THAT(names(first), UnorderedElementsAre("x", "y"));
  gossip_.on_outcome(first[0], true);
  EXPECT_THAT(names(beat()), ElementsAre(first[0].member));
  gossip_.on_outcome(first[1], false);
  EXPECT_THAT(names(beat()), ElementsAre(first[1].member)) << "its time was over";
}

TEST_F(Gossip, WhatWasNotTakenIsToldAgain) {
  meet({member("x")});
  GossipState told;
  told["y"]["k"] = {.sequence = 1, .content = {"t", "v"}};
  gossip_.on_state("y:1", told, now_);
  const auto lost = beat();
  EXPECT_EQ(lost.at(0).state.count("y"), 1u);
  end(lost, false);
  const auto again = beat();
  EXPECT_EQ(again.at(0).state.count("y"), 1u);
  end(again);
  EXPECT_EQ(beat().at(0).state.count("y"), 0u);
}

TEST_F(Gossip, FG3_TheFirstWordIsTheirsForThreeSeconds) {
  gossip_.on_members({member("x"), member("y")}, now_);
  EXPECT_THAT(beat(), IsEmpty());
  gossip_.on_state("x:1", {}, now_);
  const auto sends = beat();
  EXPECT_THAT(names(sends), ElementsAre("x"));
  end(sends);
  now_ += seconds(3);
  EXPECT_THAT(names(beat()), UnorderedElementsAre("x", "y"));
}

TEST_F(Gossip, FG4_LeavingIsToldToAllAtOnceAndUntilTheyHaveTakenIt) {
  meet(members(5));
  end(beat());
  const auto open = beat();
  const auto sends = gossip_.leave();
  EXPECT_EQ(sends.size(), 5u) << "those, too, that have not answered yet";
  for (const auto& send : sends) EXPECT_THAT(own_keys(send), testing::Contains("left"));
  EXPECT_FALSE(gossip_.all_answered());
  end(open);
  EXPECT_FALSE(gossip_.all_told()) << "what they took did not say it";
  for (std::size_t i = 1; i < sends.size(); ++i) gossip_.on_outcome(sends[i], true);
  gossip_.on_outcome(sends[0], false);
  EXPECT_TRUE(gossip_.all_answered());
  EXPECT_FALSE(gossip_.all_told());
  const auto again = beat();
  EXPECT_THAT(names(again), ElementsAre(sends[0].member));
  end(again);
  EXPECT_TRUE(gossip_.all_told());
  EXPECT_THAT(beat(), IsEmpty()) << "it has said all";
}

TEST_F(Gossip, FG4_WhoLeavesHasNoHeartbeatAnyMore) {
  meet({member("x")});
  end(beat());
  const std::int64_t last = gossip_.leave().at(0).state.at("self").at("left").sequence;
  beat();
  const GossipState told = gossip_.table().delta("y", 0).state;
  EXPECT_LT(told.at("self").at("heartbeat").sequence, last);
}

TEST_F(Gossip, WithoutMembersAllIsToldAtOnce) {
  EXPECT_THAT(gossip_.leave(), IsEmpty());
  EXPECT_TRUE(gossip_.all_answered());
  EXPECT_TRUE(gossip_.all_told());
}

TEST_F(Gossip, WhoIsGoneIsNotSpokenToAndNotWaitedFor) {
  meet({member("x"), member("y")});
  const auto sends = beat();
  gossip_.on_members({member("y")}, now_);
  EXPECT_FALSE(gossip_.all_answered());
  end(sends);
  EXPECT_TRUE(gossip_.all_answered());
  EXPECT_THAT(names(beat()), ElementsAre("y"));
}

TEST_F(Gossip, FG5_WhatWasToldOfOneThatIsGoneIsPassedOnForAMinute) {
  meet({member("x")});
  GossipState told;
  told["gone"]["left"] = {.sequence = 3, .content = left_content()};
  const auto changes = gossip_.on_state("x:1", told, now_);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].member + " " + changes[0].key, "gone left");
  end(beat());
  EXPECT_NE(gossip_.table().find("gone", "left"), nullptr);
  now_ += seconds(61);
  beat();
  EXPECT_EQ(gossip_.table().find("gone", "left"), nullptr);
}

}  // namespace
}  // namespace nexus::cluster
