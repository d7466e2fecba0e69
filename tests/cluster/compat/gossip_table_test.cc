#include "cluster/compat/gossip_table.h"

#include <gtest/gtest.h>

namespace nexus::cluster {
namespace {

const core::Instant kStart = core::Instant(std::chrono::hours(1));

GossipState state_of(const std::string& member, const std::string& key, std::int64_t sequence,
                     const std::string& bytes = "") {
  GossipState state;
  state[member][key] = {.sequence = sequence, .content = {"t", bytes}};
  return state;
}

std::size_t key_count(const GossipState& state) {
  std::size_t count = 0;
  for (const auto& [member, keys] : state) count += keys.size();
  return count;
}

TEST(GossipTable, GT1_TheNewerValueStaysWhateverTheOrder) {
  GossipTable table({}, "self");
  EXPECT_EQ(table.merge(state_of("x", "k", 2, "new"), kStart).size(), 1u);
  EXPECT_TRUE(table.merge(state_of("x", "k", 1, "old"), kStart).empty());
  EXPECT_TRUE(table.merge(state_of("x", "k", 2, "other"), kStart).empty());
  EXPECT_EQ(table.find("x", "k")->bytes, "new");
}

TEST(GossipTable, GT1_NobodyElseWritesTheNodesOwnKeys) {
  GossipTable table({}, "self");
  table.put("heartbeat", {"t", "ours"});
  EXPECT_TRUE(table.merge(state_of("self", "heartbeat", 1'000'000, "theirs"), kStart).empty());
  EXPECT_TRUE(table.merge(state_of("self", "left", 1'000'000), kStart).empty());
  EXPECT_EQ(table.find("self", "heartbeat")->bytes, "ours");
  EXPECT_EQ(table.find("self", "left"), nullptr);
}

TEST(GossipTable, AMembersOwnKeysShareOneSequence) {
  GossipTable table({}, "self");
  table.put("a", {"t", ""});
  table.put("b", {"t", ""});
  table.put("a", {"t", ""});
  const GossipState told = table.delta("x", 0).state;
  EXPECT_EQ(told.at("self").at("a").sequence, 3);
  EXPECT_EQ(told.at("self").at("b").sequence, 2);
}

TEST(GossipTable, GT2_ADeltaHasWhatItsTargetHasNotTaken) {
  GossipTable table({}, "self");
  table.put("a", {"t", "1"});
  table.merge(state_of("y", "k", 1), kStart);
  const GossipTable::Delta first = table.delta("x", 0);
  EXPECT_EQ(key_count(first.state), 2u);
  EXPECT_EQ(key_count(table.delta("x", 0).state), 2u) << "it was not taken";
  EXPECT_EQ(key_count(table.delta("x", first.mark).state), 0u);
  table.put("a", {"t", "2"});
  const GossipTable::Delta second = table.delta("x", first.mark);
  EXPECT_EQ(key_count(second.state), 1u);
  EXPECT_EQ(second.state.at("self").at("a").content.bytes, "2");
}

TEST(GossipTable, GT2_WhatComesLateWithALowSequenceIsStillPassedOn) {
  GossipTable table({}, "self");
  table.merge(state_of("y", "new", 9), kStart);
  const std::uint64_t mark = table.delta("x", 0).mark;
  table.merge(state_of("y", "old", 1), kStart);
  EXPECT_EQ(table.delta("x", mark).state.at("y").count("old"), 1u);
}

TEST(GossipTable, NobodyIsToldOfItself) {
  GossipTable table({}, "self");
  table.merge(state_of("x", "k", 1), kStart);
  EXPECT_TRUE(table.delta("x", 0).state.empty());
  EXPECT_EQ(key_count(table.delta("y", 0).state), 1u);
}

TEST(GossipTable, GT3_ADeltaHasALimitAndTheRestComesNext) {
  GossipTable table({.delta_count_max = 3}, "self");
  for (int i = 0; i < 7; ++i) table.merge(state_of("y" + std::to_string(i), "k", 1), kStart);
  table.put("own", {"t", ""});
  GossipState told;
  std::uint64_t mark = 0;
  for (const std::size_t expected : {4u, 4u, 2u}) {
    const GossipTable::Delta delta = table.delta("x", mark);
    EXPECT_EQ(key_count(delta.state), expected) << "own keys are in each";
    for (const auto& [member, keys] : delta.state) told[member] = keys;
    mark = delta.mark;
  }
  EXPECT_EQ(told.size(), 8u);
  EXPECT_TRUE(table.delta("x", mark).state.empty());
}

TEST(GossipTable, GT3_BytesCountToo) {
  GossipTable table({.delta_bytes_max = 10'000}, "self");
  for (int i = 0; i < 4; ++i)
    table.merge(state_of("y" + std::to_string(i), "k", 1, std::string(6'000, 'b')), kStart);
  std::uint64_t mark = 0;
  for (int i = 0; i < 4; ++i) {
    const GossipTable::Delta delta = table.delta("x", mark);
    EXPECT_EQ(key_count(delta.state), 1u);
    mark = delta.mark;
  }
  EXPECT_TRUE(table.delta("x", mark).state.empty());
}

TEST(GossipTable, GT4_MembersKeysAndBytesHaveLimits) {
  GossipTable table({.member_count_max = 2, .key_count_max = 2, .bytes_max = 2'000}, "self");
  table.put("own", {"t", ""});
  table.merge(state_of("x", "a", 1), kStart);
  EXPECT_EQ(table.merge(state_of("x", "b", 1), kStart).size(), 1u);
  EXPECT_TRUE(table.merge(state_of("x", "c", 1), kStart).empty()) << "a key too many";
  EXPECT_TRUE(table.merge(state_of("y", "a", 1), kStart).empty()) << "a member too many";
  EXPECT_TRUE(table.merge(state_of("x", "a", 2, std::string(2'000, 'b')), kStart).empty());
  EXPECT_EQ(table.find("x", "a")->bytes, "") << "what was there stays";
  EXPECT_EQ(table.dropped_count(), 3u);
  EXPECT_LE(table.bytes(), 2'000u);
}

TEST(GossipTable, GT4_AnIdHasALimit) {
  GossipTable table({}, "self");
  EXPECT_TRUE(table.merge(state_of(std::string(129, 'x'), "k", 1), kStart).empty());
  EXPECT_EQ(table.merge(state_of(std::string(128, 'x'), "k", 1), kStart).size(), 1u);
}

TEST(GossipTable, WhatIsForgottenGivesItsBytesBack) {
  GossipTable table({}, "self");
  table.put("own", {"t", ""});
  table.merge(state_of("x", "k", 1, "v"), kStart);
  table.merge(state_of("y", "k", 1, "v"), kStart + std::chrono::seconds(1));
  const auto is_x = [](const std::string& id) { return id == "x"; };
  table.forget(is_x, kStart + std::chrono::seconds(1));
  EXPECT_EQ(table.member_count(), 3u) << "x is kept, y was heard of";
  table.forget([](const std::string&) { return false; }, kStart + std::chrono::seconds(2));
  EXPECT_EQ(table.member_count(), 1u);
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_NE(table.find("self", "own"), nullptr);
}

}  // namespace
}  // namespace nexus::cluster
