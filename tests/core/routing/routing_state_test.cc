#include "core/routing/routing_state.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nexus::core {
namespace {

using Who = RoutingChoice::Who;

struct Ping {
  int key = 0;
};

Pid pid(int i) { return Pid::of_name("node:1", "routee" + std::to_string(i)); }
Routee routee(int i) { return {pid(i), hash_key(i)}; }

void add(RoutingState& state, int count) {
  for (int i = 0; i < count; ++i) ASSERT_TRUE(state.add(routee(i)));
}

// The ids of the next choices, as text.
std::string choices(RoutingState& state, int count) {
  std::string chosen;
  for (int i = 0; i < count; ++i) {
    const RoutingChoice choice = state.choose(*make_envelope(Ping{i}));
    EXPECT_EQ(choice.who, Who::one);
    chosen += state.routees()[choice.index].pid.id().back();
  }
  return chosen;
}

TEST(RoutingState, I2_KeepsEachRouteeOnce) {
  RoundRobinState state;
  EXPECT_TRUE(state.add(routee(1)));
  EXPECT_FALSE(state.add(routee(1)));
  EXPECT_TRUE(state.contains(pid(1)));
  EXPECT_TRUE(state.remove(pid(1)));
  EXPECT_FALSE(state.remove(pid(1)));
  EXPECT_FALSE(state.contains(pid(1)));
  EXPECT_FALSE(state.replace(pid(1), pid(2)));
  EXPECT_TRUE(state.routees().empty());
}

TEST(RoutingState, I1_ReplacingKeepsPlaceAndIdentity) {
  RoundRobinState state;
  add(state, 3);
  EXPECT_TRUE(state.replace(pid(1), pid(9)));
  ASSERT_EQ(state.routees().size(), 3u);
  EXPECT_EQ(state.routees()[1].pid, pid(9));
  EXPECT_EQ(state.routees()[1].identity, hash_key(1));
}

TEST(RoutingState, WithoutRouteesNobodyIsChosen) {
  const auto key = [](const Envelope&) { return std::optional<std::uint64_t>(1); };
  for (const RoutingStateFactory& routing : {round_robin_routing(), random_routing(1),
                                             broadcast_routing(), consistent_hash_routing(key)}) {
    const std::unique_ptr<RoutingState> state = routing();
    EXPECT_EQ(state->choose(*make_envelope(Ping{})).who, Who::nobody);
    add(*state, 1);
    EXPECT_NE(state->choose(*make_envelope(Ping{})).who, Who::nobody);
    EXPECT_TRUE(state->remove(pid(0)));
    EXPECT_EQ(state->choose(*make_envelope(Ping{})).who, Who::nobody);
  }
}

TEST(RoundRobin, TakesEachInTurn) {
  RoundRobinState state;
  add(state, 3);
  EXPECT_EQ(choices(state, 7), "0120120");
}

TEST(RoundRobin, NobodyLosesATurnWhenAnotherGoes) {
  for (int gone = 0; gone < 4; ++gone) {
    RoundRobinState state;
    add(state, 4);
    EXPECT_EQ(choices(state, 2), "01");
    EXPECT_TRUE(state.remove(pid(gone)));
    std::string expected = "2301";
    std::erase(expected, static_cast<char>('0' + gone));
    EXPECT_EQ(choices(state, 3), expected);
  }
}

TEST(RoundRobin, OneThatComesIsNextAfterTheOthers) {
  RoundRobinState state;
  add(state, 2);
  EXPECT_EQ(choices(state, 2), "01");
  EXPECT_TRUE(state.add(routee(2)));
  EXPECT_EQ(choices(state, 4), "2012");
}

TEST(Random, TheSameSeedChoosesTheSame) {
  RandomState one(42);
  RandomState same(42);
  RandomState other(43);
  for (RandomState* state : {&one, &same, &other}) add(*state, 5);
  const std::string chosen = choices(one, 200);
  EXPECT_EQ(choices(same, 200), chosen);
  EXPECT_NE(choices(other, 200), chosen);
}

TEST(Random, EachIsChosenAboutAsOften) {
  RandomState state(1);
  add(state, 7);
  std::vector<int> counts(7);
  constexpr int kCount = 70'000;
  for (int i = 0; i < kCount; ++i) ++counts[state.choose(*make_envelope(Ping{})).index];
  // Six standard deviations: sqrt(70'000 * 1/7 * 6/7) is 93.
  for (const int count : counts) EXPECT_NEAR(count, kCount / 7, 6 * 93);
}

TEST(Random, StaysInRangeWhileRouteesGo) {
  RandomState state(7);
  add(state, 9);
  for (int left = 9; left > 0; --left) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_LT(state.choose(*make_envelope(Ping{})).index, static_cast<std::size_t>(left));
    }
    EXPECT_TRUE(state.remove(pid(9 - left)));
  }
}

TEST(Broadcast, TakesAll) {
  BroadcastState state;
  add(state, 2);
  EXPECT_EQ(state.choose(*make_envelope(Ping{})).who, Who::all);
}

TEST(ConsistentHash, AKeyHasOneRoutee) {
  ConsistentHashState state([](const Envelope& envelope) -> std::optional<std::uint64_t> {
    const auto* ping = envelope.get<Ping>();
    if (ping == nullptr) return std::nullopt;
    return hash_key(ping->key);
  });
  add(state, 5);
  const std::string chosen = choices(state, 100);
  EXPECT_EQ(choices(state, 100), chosen);
  EXPECT_EQ(state.choose(*make_envelope(1)).who, Who::unknown);
}

TEST(ConsistentHash, WhoTakesOverAPlaceTakesOverItsKeys) {
  ConsistentHashState state([](const Envelope& envelope) -> std::optional<std::uint64_t> {
    return hash_key(envelope.get<Ping>()->key);
  });
  add(state, 5);
  std::string expected = choices(state, 100);
  EXPECT_TRUE(state.replace(pid(3), pid(9)));
  for (char& chosen : expected) chosen = chosen == '3' ? '9' : chosen;
  EXPECT_EQ(choices(state, 100), expected);
}

}  // namespace
}  // namespace nexus::core
