#include "core/testing/manual_clock.h"

#include <gtest/gtest.h>

namespace nexus::core {
namespace {

TEST(ManualClock, StandsUntilItIsMoved) {
  ManualClock clock;
  const Instant begin = clock.now();
  EXPECT_EQ(clock.now(), begin);
  clock.advance(std::chrono::seconds(3));
  EXPECT_EQ(clock.now(), begin + std::chrono::seconds(3));
  clock.set(begin + std::chrono::minutes(1));
  EXPECT_EQ(clock.now(), begin + std::chrono::minutes(1));
}

TEST(ManualClock, BeginsWhereItIsTold) {
  const Instant begin(std::chrono::seconds(5));
  const ManualClock clock(begin);
  const Clock& any = clock;
  EXPECT_EQ(any.now(), begin);
}

TEST(ManualClockDeathTest, NeverGoesBack) {
  ManualClock clock;
  EXPECT_DEATH(clock.advance(std::chrono::nanoseconds(-1)), "CHECK failed");
  EXPECT_DEATH(clock.set(Instant{}), "CHECK failed");
}

}  // namespace
}  // namespace nexus::core
