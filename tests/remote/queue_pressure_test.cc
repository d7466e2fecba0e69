#include "remote/queue_pressure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace nexus::remote {
namespace {

constexpr QueuePressure::Options kOptions{.count_max = 1'000, .bytes_max = 10'000};

TEST(QueuePressure, LevelsBeginAtTheirPercentages) {
  QueuePressure pressure(kOptions);
  EXPECT_EQ(pressure.level(), PressureLevel::normal);
  EXPECT_FALSE(pressure.rises(599, 5'999));
  EXPECT_TRUE(pressure.rises(0, 6'000));
  EXPECT_FALSE(pressure.update(599, 0));
  const auto high = pressure.update(600, 0);
  ASSERT_TRUE(high);
  EXPECT_EQ(high->before, PressureLevel::normal);
  EXPECT_EQ(high->level, PressureLevel::high);
  EXPECT_FALSE(pressure.update(849, 0));
  const auto critical = pressure.update(850, 0);
  ASSERT_TRUE(critical);
  EXPECT_EQ(critical->before, PressureLevel::high);
  EXPECT_EQ(critical->level, PressureLevel::critical);
  EXPECT_FALSE(pressure.update(5'000, 0)) << "what is exempt from the limit may exceed it";
}

TEST(QueuePressure, H1_TheFullerOfMessagesAndBytesCounts) {
  QueuePressure pressure(kOptions);
  EXPECT_FALSE(pressure.update(1, 5'999));
  EXPECT_TRUE(pressure.update(1, 6'000));
  EXPECT_FALSE(pressure.update(600, 1)) << "either is enough to stay";
  EXPECT_TRUE(pressure.update(499, 4'999));
  EXPECT_EQ(pressure.level(), PressureLevel::normal);
}

TEST(QueuePressure, H2_LevelsEndTenPointsBelowWhereTheyBegin) {
  QueuePressure pressure(kOptions);
  ASSERT_TRUE(pressure.update(850, 0));
  EXPECT_FALSE(pressure.update(750, 0));
  ASSERT_TRUE(pressure.update(749, 0));
  EXPECT_EQ(pressure.level(), PressureLevel::high);
  EXPECT_FALSE(pressure.update(500, 0));
  EXPECT_FALSE(pressure.update(700, 0));
  ASSERT_TRUE(pressure.update(499, 0));
  EXPECT_EQ(pressure.level(), PressureLevel::normal);
  EXPECT_FALSE(pressure.update(0, 0));
}

TEST(QueuePressure, SeveralLevelsAtOnceAreOneChange) {
  QueuePressure pressure(kOptions);
  const auto up = pressure.update(1'000, 0);
  ASSERT_TRUE(up);
  EXPECT_EQ(up->before, PressureLevel::normal);
  EXPECT_EQ(up->level, PressureLevel::critical);
  EXPECT_EQ(up->number, 1u);
  const auto down = pressure.update(0, 0);
  ASSERT_TRUE(down);
  EXPECT_EQ(down->before, PressureLevel::critical);
  EXPECT_EQ(down->level, PressureLevel::normal);
  EXPECT_EQ(down->number, 2u);
}

TEST(QueuePressure, LevelsThatAreCloseDoNotFallBelowEachOther) {
  QueuePressure pressure(
      {.count_max = 100, .bytes_max = 1'000, .high_percent = 60, .critical_percent = 65});
  ASSERT_TRUE(pressure.update(65, 0));
  EXPECT_FALSE(pressure.update(55, 0));
  ASSERT_TRUE(pressure.update(54, 0));
  EXPECT_EQ(pressure.level(), PressureLevel::high);
  ASSERT_TRUE(pressure.update(49, 0));
  EXPECT_EQ(pressure.level(), PressureLevel::normal);
}

TEST(QueuePressure, AQueueForOneMessageKnowsFullAndEmpty) {
  QueuePressure pressure({.count_max = 1, .bytes_max = 1'000'000});
  const auto full = pressure.update(1, 10);
  ASSERT_TRUE(full);
  EXPECT_EQ(full->level, PressureLevel::critical);
  ASSERT_TRUE(pressure.update(0, 0));
  EXPECT_EQ(pressure.level(), PressureLevel::normal);
}

TEST(QueuePressure, LimitsMayBeAsLargeAsTheyCome) {
  QueuePressure pressure({.count_max = SIZE_MAX, .bytes_max = SIZE_MAX});
  EXPECT_FALSE(pressure.update(SIZE_MAX / 100 * 59, 0));
  EXPECT_TRUE(pressure.update(SIZE_MAX / 100 * 61, 0));
  EXPECT_EQ(pressure.level(), PressureLevel::high);
}

// What the two rules say, in floating point.
TEST(QueuePressure, AgreesWithItsRulesForRandomQueues) {
  std::minstd_rand random(3);
  QueuePressure pressure(kOptions);
  double level = 0;
  std::uint64_t change_count = 0;
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (int i = 0; i < 100'000; ++i) {
    count = std::min<std::size_t>(1'000, count + random() % 80 - std::min(count, random() % 80));
    bytes = std::min<std::size_t>(10'000, bytes + random() % 800 - std::min(bytes, random() % 800));
    const double full = std::max(static_cast<double>(count) / 10, static_cast<double>(bytes) / 100);
    const double before = level;
    if (full >= 85 || (level == 2 && full >= 75)) {
      level = 2;
    } else if (full >= 60 || (level >= 1 && full >= 50)) {
      level = 1;
    } else {
      level = 0;
    }
    const auto change = pressure.update(count, bytes);
    ASSERT_EQ(change.has_value(), level != before) << count << " messages, " << bytes << " bytes";
    if (change) {
      ASSERT_EQ(change->number, ++change_count);
    }
    ASSERT_EQ(static_cast<double>(pressure.level()), level);
  }
  EXPECT_GT(change_count, 100u);
}

}  // namespace
}  // namespace nexus::remote
