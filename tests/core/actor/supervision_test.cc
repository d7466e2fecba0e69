#include "core/actor/supervision.h"

#include <gtest/gtest.h>

namespace nexus::core {
namespace {

using std::chrono::seconds;

const Instant kStart{seconds(1000)};
const Failure kFailure{{}, "why", "message"};

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
