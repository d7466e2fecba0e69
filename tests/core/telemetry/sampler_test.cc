// Which events are chosen, and how soon a new rate is followed.
#include "core/telemetry/sampler.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>

namespace nexus::core {
namespace {

std::uint64_t chosen_of(Sampler& sampler, std::uint64_t event_count) {
  std::uint64_t chosen = 0;
  for (std::uint64_t i = 0; i < event_count; ++i) chosen += sampler.due() ? 1 : 0;
  return chosen;
}

TEST(Sampler, L1_ChoosesOneOfSoManyOnAverage) {
  for (const std::uint32_t one_in : {2u, 3u, 64u, 700u, 5000u}) {
    SamplingRate rate;
    rate.set(one_in);
    Sampler sampler(rate, 1);
    const std::uint64_t chosen = chosen_of(sampler, 2000ull * one_in);
    EXPECT_GT(chosen, 1850u) << "1 in " << one_in;
    EXPECT_LT(chosen, 2150u) << "1 in " << one_in;
  }
}

TEST(Sampler, L1_ChoosesEveryEventOrNone) {
  SamplingRate rate;
  rate.set(1);
  Sampler every(rate, 1);
  EXPECT_EQ(chosen_of(every, 1000), 1000u);
  rate.set(0);
  Sampler none(rate, 1);
  EXPECT_EQ(chosen_of(none, 1000), 0u);
}

TEST(Sampler, L1_NoRhythmIsAlwaysMissed) {
  SamplingRate rate;
  Sampler sampler(rate, 7);
  std::set<int> met;
  for (int i = 0; i < 200'000; ++i) {
    if (sampler.due()) met.insert(i % 64);
  }
  EXPECT_EQ(met.size(), 64u);
}

TEST(Sampler, L1_NoGapIsLongerThanTwiceTheRate) {
  SamplingRate rate;
  rate.set(400);
  Sampler sampler(rate, 3);
  int gap = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    ++gap;
    if (!sampler.due()) continue;
    EXPECT_LE(gap, 799);
    gap = 0;
  }
}

TEST(Sampler, L1_TheRateHasALimit) {
  SamplingRate rate;
  rate.set(UINT32_MAX);
  EXPECT_EQ(rate.get(), SamplingRate::kMax);
  Sampler sampler(rate, 3);
  EXPECT_LE(chosen_of(sampler, 1'000'000), 1u);
}

TEST(Sampler, L2_FollowsANewRateWithinSoManyEvents) {
  SamplingRate rate;
  for (const std::uint32_t before : {0u, 64u, 1'000'000u}) {
    rate.set(before);
    Sampler sampler(rate, 5);
    (void)chosen_of(sampler, 10);
    rate.set(1);
    (void)chosen_of(sampler, Sampler::kFollowMax);
    EXPECT_EQ(chosen_of(sampler, 1000), 1000u) << "after 1 in " << before;
    rate.set(0);
    (void)chosen_of(sampler, Sampler::kFollowMax);
    EXPECT_EQ(chosen_of(sampler, 1000), 0u) << "after 1 in " << before;
  }
}

}  // namespace
}  // namespace nexus::core
