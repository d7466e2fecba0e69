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
    EXPECT_EQ(strategy.decide(kFailure, statistics, kStart).directive, expected);
  }
}

TEST(OneForOneStrategy, ForgetsFailuresThatAreOlderThanTheWindow) {
  const OneForOneStrategy strategy({.restart_count_max = 1, .window = seconds(10)});
  RestartStatistics statistics;
  for (int i = 0; i < 20; ++i) {
    const Instant now = kStart + seconds(10 * i);
    statistics.record_failure(now);
    EXPECT_EQ(strategy.decide(kFailure, statistics, now).directive, Directive::restart);
  }
}

TEST(OneForOneStrategy, ALimitOfZeroNeverRestarts) {
  const OneForOneStrategy strategy({.restart_count_max = 0});
  RestartStatistics statistics;
  statistics.record_failure(kStart);
  EXPECT_EQ(strategy.decide(kFailure, statistics, kStart).directive, Directive::stop);
}

TEST(OneForOneStrategy, TheDeciderHasTheFirstWord) {
  for (const Directive wish : {Directive::resume, Directive::stop, Directive::escalate}) {
    const OneForOneStrategy strategy(
        {.restart_count_max = 0, .decider = [wish](const Failure&) { return wish; }});
    RestartStatistics statistics;
    statistics.record_failure(kStart);
    EXPECT_EQ(strategy.decide(kFailure, statistics, kStart).directive, wish);
  }
}

TEST(OneForOneStrategyDeathTest, ALimitBeyondTheMemoryOfTheStatisticsIsABug) {
  EXPECT_DEATH(OneForOneStrategy({.restart_count_max = RestartStatistics::kFailureCountMax}),
               "CHECK failed");
}

TEST(AllForOneStrategy, DecidesLikeOneForOneAboutAll) {
  const AllForOneStrategy strategy({.restart_count_max = 1});
  RestartStatistics statistics;
  for (const Directive expected : {Directive::restart, Directive::stop}) {
    statistics.record_failure(kStart);
    const Verdict verdict = strategy.decide(kFailure, statistics, kStart);
    EXPECT_EQ(verdict.directive, expected);
    EXPECT_TRUE(verdict.all_children);
  }
}

TEST(AlwaysRestartStrategy, HasNoLimit) {
  const AlwaysRestartStrategy strategy;
  RestartStatistics statistics;
  for (int i = 0; i < 1000; ++i) {
    statistics.record_failure(kStart);
    EXPECT_EQ(strategy.decide(kFailure, statistics, kStart).directive, Directive::restart);
  }
}

TEST(ExponentialBackoffStrategy, WaitsTwiceAsLongEachTimeUpToTheMaximum) {
  const ExponentialBackoffStrategy strategy(
      {.backoff = {.min = seconds(1), .max = seconds(10), .factor = 2.0, .jitter = 0.0},
       .reset_after = seconds(60)});
  RestartStatistics statistics;
  Instant now = kStart;
  for (const int expected : {1, 2, 4, 8, 10, 10}) {
    statistics.record_failure(now);
    const Verdict verdict = strategy.decide(kFailure, statistics, now);
    EXPECT_EQ(verdict.directive, Directive::restart);
    EXPECT_EQ(verdict.delay, seconds(expected));
    now += verdict.delay + seconds(1);
  }
  // A good hour later all is forgotten.
  now += seconds(60);
  statistics.record_failure(now);
  EXPECT_EQ(strategy.decide(kFailure, statistics, now).delay, seconds(1));
}

TEST(ExponentialBackoffStrategy, JitterShortensAndTheLimitStops) {
  const ExponentialBackoffStrategy strategy(
      {.backoff = {.min = seconds(4), .max = seconds(8), .factor = 2.0, .jitter = 0.5},
       .reset_after = seconds(60),
       .restart_count_max = 2});
  RestartStatistics statistics;
  statistics.record_failure(kStart);
  for (int i = 0; i < 100; ++i) {
    const Instant now = kStart + std::chrono::nanoseconds(i * 1'000'003);
    const Duration delay = strategy.decide(kFailure, statistics, now).delay;
    EXPECT_GE(delay, seconds(2));
    EXPECT_LE(delay, seconds(4));
  }
  statistics.record_failure(kStart);
  EXPECT_EQ(strategy.decide(kFailure, statistics, kStart).directive, Directive::restart);
  statistics.record_failure(kStart);
  EXPECT_EQ(strategy.decide(kFailure, statistics, kStart).directive, Directive::stop);
}

TEST(ExponentialBackoffStrategyDeathTest, AWaitLongerThanTheMemoryIsABug) {
  EXPECT_DEATH(
      ExponentialBackoffStrategy({.backoff = {.max = seconds(60)}, .reset_after = seconds(60)}),
      "CHECK failed");
}

}  // namespace
}  // namespace nexus::core
