#include "tests/sim/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nexus::sim {
namespace {

bool has(const Kept& kept, std::uint32_t index) {
  return std::find(kept.begin(), kept.end(), index) != kept.end();
}

Kept first(std::uint32_t count) {
  Kept kept;
  for (std::uint32_t index = 0; index < count; ++index) kept.push_back(index);
  return kept;
}

TEST(Shrink, FindsTheTwoFaultsThatItTakes) {
  const auto fails = [](const Kept& kept) { return has(kept, 3) && has(kept, 77); };
  EXPECT_EQ(shrink(first(100), fails, 1'000), (Kept{3, 77}));
}

TEST(Shrink, KeepsAllWhenAllAreNeeded) {
  const auto fails = [](const Kept& kept) { return kept.size() == 5; };
  EXPECT_EQ(shrink(first(5), fails, 1'000), first(5));
}

TEST(Shrink, KeepsNothingWhenItFailsWithoutFaults) {
  EXPECT_TRUE(shrink(
                  first(8), [](const Kept&) { return true; }, 1'000)
                  .empty());
}

TEST(Shrink, WhatItReturnsFailsEvenWhenAttemptsRunOut) {
  std::uint32_t asked = 0;
  const auto fails = [&asked](const Kept& kept) {
    ++asked;
    return has(kept, 3) && has(kept, 77);
  };
  const Kept kept = shrink(first(100), fails, 5);
  EXPECT_LE(asked, 5u);
  EXPECT_TRUE(has(kept, 3) && has(kept, 77));
}

}  // namespace
}  // namespace nexus::sim
