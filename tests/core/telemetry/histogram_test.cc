#include "core/telemetry/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace nexus::core {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// What H1 promises.
void expect_near(Duration got, Duration exact) {
  EXPECT_LE(std::abs(static_cast<double>((got - exact).count())),
            static_cast<double>(exact.count()) / 64)
      << got.count() << " ns for " << exact.count() << " ns";
}

// Log-uniform over the whole range, so that every power of two gets its share.
std::vector<Duration> random_durations(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> exponent(
      0, std::log2(static_cast<double>(kHistogramValueMax.count())));
  std::vector<Duration> durations;
  for (std::size_t i = 0; i < count; ++i) {
    durations.push_back(nanoseconds(static_cast<std::int64_t>(std::exp2(exponent(random)))));
  }
  return durations;
}

Duration exact_quantile(std::vector<Duration> values, double q) {
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(q * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

TEST(HistogramBuckets, FollowOneAnotherWithoutGapOrOverlap) {
  EXPECT_EQ(HistogramBuckets::first_of(0), 0u);
  for (std::size_t i = 1; i < kHistogramBucketCount; ++i) {
    const std::uint64_t first = HistogramBuckets::first_of(i);
    ASSERT_EQ(HistogramBuckets::index_of(first), i);
    ASSERT_EQ(HistogramBuckets::index_of(first - 1), i - 1);
    ASSERT_EQ(HistogramBuckets::index_of(HistogramBuckets::middle_of(i)), i);
  }
}

TEST(Histogram, H1_AQuantileIsOffByAtMostOneSixtyFourth) {
  for (const std::uint32_t seed : {1u, 2u, 3u}) {
    const std::vector<Duration> values = random_durations(10'007, seed);
    Histogram histogram;
    for (const Duration value : values) histogram.record(value);
    const HistogramSnapshot snapshot = histogram.snapshot();
    for (const double q : {0.0, 0.001, 0.1, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0}) {
      SCOPED_TRACE(q);
      expect_near(snapshot.quantile(q), exact_quantile(values, q));
    }
  }
}

TEST(Histogram, H1_HoldsForEverySingleValue) {
  for (const Duration value : random_durations(5'000, 4)) {
    Histogram histogram;
    histogram.record(value);
    // Without a greater one the answer would be the exact maximum.
    histogram.record(hours(1));
    expect_near(histogram.snapshot().quantile(0.5), value);
  }
}

TEST(Histogram, SmallDurationsAreExact) {
  for (int value = 0; value < 64; ++value) {
    Histogram histogram;
    histogram.record(nanoseconds(value));
    histogram.record(seconds(1));
    EXPECT_EQ(histogram.snapshot().quantile(0.5), nanoseconds(value));
  }
}

TEST(Histogram, AQuantileThatFallsBetweenTwoValuesIsTheLower) {
  Histogram histogram;
  for (int value = 1; value <= 100; ++value) histogram.record(value * microseconds(1000));
  const HistogramSnapshot snapshot = histogram.snapshot();
  for (int value = 1; value <= 100; ++value) {
    const Duration got = snapshot.quantile(value / 100.0);
    expect_near(got, value * microseconds(1000));
  }
}

TEST(Histogram, IsZeroThroughoutWhenEmpty) {
  const HistogramSnapshot snapshot = Histogram().snapshot();
  EXPECT_EQ(snapshot.count(), 0u);
  EXPECT_EQ(snapshot.quantile(0.99), Duration::zero());
  EXPECT_EQ(snapshot.max(), Duration::zero());
  EXPECT_EQ(snapshot.mean(), Duration::zero());
}

TEST(Histogram, H2_NothingIsLostBeyondTheLimits) {
  Histogram histogram;
  histogram.record(nanoseconds(-5));
  histogram.record(nanoseconds(0));
  histogram.record(hours(1));
  histogram.record(hours(3));
  const HistogramSnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count(), 4u);
  EXPECT_EQ(snapshot.quantile(0.5), Duration::zero());
  expect_near(snapshot.quantile(0.75), hours(1));
  EXPECT_EQ(snapshot.max(), hours(3));
  EXPECT_EQ(snapshot.quantile(1.0), hours(3));
  EXPECT_EQ(snapshot.sum(), hours(4));
  EXPECT_EQ(snapshot.mean(), hours(1));
}

TEST(Histogram, NoQuantileIsGreaterThanTheMaximum) {
  for (const Duration value : random_durations(1'000, 5)) {
    Histogram histogram;
    histogram.record(value);
    EXPECT_EQ(histogram.snapshot().quantile(0.5), value);
  }
}

TEST(HistogramSnapshot, MergingIsAsIfOneHadRecordedAll) {
  Histogram all;
  Histogram parts[3];
  HistogramSnapshot merged;
  const std::vector<Duration> values = random_durations(3'000, 6);
  for (std::size_t i = 0; i < values.size(); ++i) {
    all.record(values[i]);
    parts[i % 3].record(values[i]);
  }
  merged.merge(parts[0].snapshot());
  merged.merge(parts[1].snapshot());
  parts[2].add_to(merged);
  const HistogramSnapshot expected = all.snapshot();
  EXPECT_EQ(merged.count(), expected.count());
  EXPECT_EQ(merged.sum(), expected.sum());
  EXPECT_EQ(merged.max(), expected.max());
  for (const double q : {0.0, 0.25, 0.5, 0.9, 0.99}) {
    EXPECT_EQ(merged.quantile(q), expected.quantile(q)) << q;
  }
}

TEST(HistogramDeathTest, AShareOutsideZeroToOneIsABug) {
  EXPECT_DEATH((void)HistogramSnapshot().quantile(1.01), "CHECK failed");
  EXPECT_DEATH((void)HistogramSnapshot().quantile(std::nan("")), "CHECK failed");
}

TEST(Histogram, H3_ReadersSeeWhatWasRecordedBeforeAndNeverLess) {
  constexpr std::uint64_t kCount = 200'000;
  auto histogram = std::make_unique<Histogram>();
  std::atomic<std::uint64_t> recorded{0};
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= kCount; ++i) {
      histogram->record(nanoseconds(100 + i % 1000));
      recorded.store(i, std::memory_order_release);
    }
  });
  std::uint64_t before = 0;
  while (before < kCount) {
    before = recorded.load(std::memory_order_acquire);
    const HistogramSnapshot snapshot = histogram->snapshot();
    ASSERT_GE(snapshot.count(), before);
    ASSERT_LE(snapshot.count(), kCount);
    if (snapshot.count() == 0) continue;
    ASSERT_GE(snapshot.quantile(0.0), nanoseconds(98));
    ASSERT_LE(snapshot.quantile(1.0), nanoseconds(1099));
  }
  writer.join();
  EXPECT_EQ(histogram->snapshot().count(), kCount);
}

TEST(SharedHistogram, LosesNothingThatManyThreadsRecord) {
  constexpr int kThreads = 4;
  constexpr int kCount = 20'000;
  auto histogram = std::make_unique<SharedHistogram>();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&histogram, t] {
      for (int i = 0; i < kCount; ++i) histogram->record(nanoseconds(i * kThreads + t));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const HistogramSnapshot snapshot = histogram->snapshot();
  constexpr std::int64_t kAll = std::int64_t{kThreads} * kCount;
  EXPECT_EQ(snapshot.count(), static_cast<std::uint64_t>(kAll));
  EXPECT_EQ(snapshot.sum(), nanoseconds(kAll * (kAll - 1) / 2));
  EXPECT_EQ(snapshot.max(), nanoseconds(kAll - 1));
  expect_near(snapshot.quantile(0.5), nanoseconds(kAll / 2));
}

}  // namespace
}  // namespace nexus::core
