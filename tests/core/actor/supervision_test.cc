#include "core/actor/supervision.h"

#include <gtest/gtest.h>

namespace nexus::core {
namespace {

using std::chrono::seconds;

const Instant kStart{seconds(1000)};
const Failure kFailure{{}, "why", "message"};

TEST(RestartStatistics, CountsFailuresWithinTheWindow) {
  RestartStatistics statistics;
  for (int i = 0; i < 5; ++i) statistics.record_failure(kStart + seconds(i));
  EXPECT_EQ(statistics.failure_count(kStart + seconds(4), seconds(10)), 5u);
  // (now - window, now]: a failure exactly one window ago is over.
  EXPECT_EQ(statistics.failure_count(kStart + seconds(4), seconds(4)), 4u);
  EXPECT_EQ(statistics.failure_count(kStart + seconds(100), seconds(10)), 0u);
  statistics.reset();
  EXPECT_EQ(statistics.failure_count(kStart + seconds(4), seconds(10)), 0u);
}

TEST(RestartStatistics, RemembersTheNewestFailures) {
  RestartStatistics statistics;
  const std::size_t count = RestartStatistics::kFailureCountMax;
  for (std::size_t i = 0; i < 3 * count; ++i) {
    statistics.record_failure(kStart + seconds(static_cast<int>(i)));
  }
  const Instant now = kStart + seconds(static_cast<int>(3 * count - 1));
  EXPECT_EQ(statistics.failure_count(now, seconds(100'000)), count);
  EXPECT_EQ(statistics.failure_count(now, seconds(10)), 10u);
}

TEST(OneForOneStrategy, RestartsUpToTheLimitAndThenStops) {
  const OneForOneStrategy strategy({.restart_count_max = 2, .window = seconds(10)});
  RestartStatistics statistics;
  for (const Directive expected : {Directive::restart, Directive::restart, Directive::stop}) {
    statistics.record_failure(kStart);
    EXPECT_EQ(strategy.decide(kFailure, statistics, kStart), expected);
  }
}

TEST(OneForOneStrategy, ForgetsFailuresThatAreOlderThanTheWindow) {
  const OneForOneStrategy strategy({.restart_count_max = 1, .window = seconds(10)});
  RestartStatistics statistics;
  for (int i = 0; i < 20; ++i) {
    const Instant now = kStart + seconds(10 * i);
    statistics.record_failure(now);
    EXPECT_EQ(strategy.decide(kFailure, statistics, now), Directive::restart);
  }
}

TEST(OneForOneStrategy, ALimitOfZeroNeverRestarts) {
  const OneForOneStrategy strategy({.restart_count_max = 0});
  RestartStatistics statistics;
  statistics.record_failure(kStart);
  EXPECT_EQ(strategy.decide(kFailure, statistics, kStart), Directive::stop);
}

TEST(OneForOneStrategy, TheDeciderHasTheFirstWord) {
  for (const Directive wish : {Directive::resume, Directive::stop, Directive::escalate}) {
    const OneForOneStrategy strategy(
        {.restart_count_max = 0, .decider = [wish](const Failure&) { return wish; }});
    RestartStatistics statistics;
    statistics.record_failure(kStart);
    EXPECT_EQ(strategy.decide(kFailure, statistics, kStart), wish);
  }
}

TEST(OneForOneStrategyDeathTest, ALimitBeyondTheMemoryOfTheStatisticsIsABug) {
  EXPECT_DEATH(OneForOneStrategy({.restart_count_max = RestartStatistics::kFailureCountMax}),
               "CHECK failed");
}

}  // namespace
}  // namespace nexus::core
