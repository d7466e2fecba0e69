#include "core/actor/restart_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <random>
#include <thread>

namespace nexus::core {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::size_t kCountMax = RestartStatistics::kFailureCountMax;
const Instant kStart{seconds(1000)};

TEST(RestartStatistics, CountsFailuresWithinTheWindow) {
  RestartStatistics statistics;
  EXPECT_EQ(statistics.failure_count(kStart, seconds(10)), 0u);
  for (int i = 0; i < 5; ++i) statistics.record_failure(kStart + seconds(i));
  EXPECT_EQ(statistics.failure_count(kStart + seconds(4), seconds(10)), 5u);
  // (now - window, now]: a failure exactly one window ago is over, one exactly now counts.
  EXPECT_EQ(statistics.failure_count(kStart + seconds(4), seconds(4)), 4u);
  EXPECT_EQ(statistics.failure_count(kStart + seconds(4), nanoseconds(1)), 1u);
  EXPECT_EQ(statistics.failure_count(kStart + seconds(2), seconds(10)), 3u);
  EXPECT_EQ(statistics.failure_count(kStart + seconds(100), seconds(10)), 0u);
  EXPECT_EQ(statistics.failure_count(kStart + seconds(4), Duration::max()), 5u);
}

TEST(RestartStatistics, ForgetsWhatWasBeforeAReset) {
  RestartStatistics statistics;
  for (int i = 0; i < 5; ++i) statistics.record_failure(kStart);
  statistics.reset();
  EXPECT_EQ(statistics.failure_count(kStart, seconds(10)), 0u);
  statistics.record_failure(kStart);
  EXPECT_EQ(statistics.failure_count(kStart, seconds(10)), 1u);
}

TEST(RestartStatistics, Y1_RemembersTheNewestFailures) {
  RestartStatistics statistics;
  for (std::size_t i = 0; i < 3 * kCountMax; ++i) {
    statistics.record_failure(kStart + seconds(static_cast<int>(i)));
  }
  const Instant now = kStart + seconds(static_cast<int>(3 * kCountMax - 1));
  EXPECT_EQ(statistics.failure_count(now, seconds(100'000)), kCountMax);
  EXPECT_EQ(statistics.failure_count(now, seconds(10)), 10u);
}

TEST(RestartStatistics, AgreesWithAListOverRandomSteps) {
  std::mt19937 random(11);
  RestartStatistics statistics;
  std::deque<Instant> model;
  Instant now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    now += seconds(random() % 3);
    const std::uint32_t dice = random() % 200;
    if (dice == 0) {
      statistics.reset();
      model.clear();
    } else if (dice < 120) {
      statistics.record_failure(now);
      model.push_back(now);
      if (model.size() > kCountMax) model.pop_front();
    }
    const Duration window = seconds(1 + random() % 200);
    const auto expected =
        std::count_if(model.begin(), model.end(), [&](Instant at) { return at > now - window; });
    ASSERT_EQ(statistics.failure_count(now, window), static_cast<std::size_t>(expected))
        << "step " << step;
  }
}

TEST(RestartStatisticsDeathTest, AWindowOfNothingIsABug) {
  const RestartStatistics statistics;
  EXPECT_DEATH((void)statistics.failure_count(kStart, Duration::zero()), "CHECK failed");
}

TEST(RestartStatistics, Y2_AReaderSeesWhatWasRecordedBeforeAndNeverTooMuch) {
  constexpr std::size_t kFailures = 100'000;
  RestartStatistics statistics;
  std::atomic<std::size_t> recorded{0};
  std::thread owner([&] {
    for (std::size_t i = 1; i <= kFailures; ++i) {
      statistics.record_failure(kStart + nanoseconds(i));
      recorded.store(i, std::memory_order_release);
    }
  });
  const Instant end = kStart + nanoseconds(kFailures);
  std::size_t before = 0;
  while (before < kFailures) {
    before = recorded.load(std::memory_order_acquire);
    const std::size_t count = statistics.failure_count(end, seconds(1));
    // With all in the window the count is the number of the remembered.
    ASSERT_GE(count, std::min(before, kCountMax));
    ASSERT_LE(count, kCountMax);
  }
  owner.join();
  EXPECT_EQ(statistics.failure_count(end, nanoseconds(5)), 5u);
}

TEST(RestartStatistics, Y2_AReaderBesideAResetNeverCountsTooMuch) {
  constexpr int kRounds = 20'000;
  RestartStatistics statistics;
  std::atomic<bool> done{false};
  std::thread owner([&] {
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < 3; ++i) statistics.record_failure(kStart);
      statistics.reset();
    }
    done.store(true);
  });
  // A reader may miss a reset, but then it sees no failure that came after it.
  while (!done.load()) ASSERT_LE(statistics.failure_count(kStart, seconds(1)), 3u);
  owner.join();
  EXPECT_EQ(statistics.failure_count(kStart, seconds(1)), 0u);
}

}  // namespace
}  // namespace nexus::core
