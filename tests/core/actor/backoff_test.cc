#include "core/actor/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace nexus::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Backoff, GrowsByTheFactorUpToTheMaximum) {
  const Backoff backoff({.min = milliseconds(200), .max = seconds(5), .factor = 2, .jitter = 0}, 1);
  std::vector<Duration> waits;
  for (std::uint32_t attempt = 0; attempt < 7; ++attempt) {
    waits.push_back(backoff.without_jitter(attempt));
  }
  EXPECT_EQ(waits, (std::vector<Duration>{milliseconds(200), milliseconds(400), milliseconds(800),
                                          milliseconds(1600), milliseconds(3200), seconds(5),
                                          seconds(5)}));
}

TEST(Backoff, StaysAtTheMaximumForEver) {
  const Backoff backoff({.min = nanoseconds(1), .max = Duration::max(), .factor = 10, .jitter = 1},
                        1);
  EXPECT_EQ(backoff.without_jitter(3), nanoseconds(1000));
  // Powers beyond what a Duration, and beyond what a double can hold.
  for (const std::uint32_t attempt : {19u, 400u, std::numeric_limits<std::uint32_t>::max()}) {
    EXPECT_EQ(backoff.without_jitter(attempt), Duration::max()) << attempt;
  }
}

TEST(Backoff, AFactorOfOneNeverGrows) {
  Backoff backoff({.min = seconds(1), .max = hours(1), .factor = 1, .jitter = 0}, 1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(backoff.next(), seconds(1));
}

TEST(Backoff, WithoutJitterNextIsTheRowItself) {
  Backoff backoff({.min = milliseconds(1), .max = seconds(1), .factor = 3, .jitter = 0}, 7);
  for (std::uint32_t attempt = 0; attempt < 20; ++attempt) {
    EXPECT_EQ(backoff.attempt(), attempt);
    EXPECT_EQ(backoff.next(), backoff.without_jitter(attempt));
  }
}

TEST(Backoff, BeginsAgainAfterAReset) {
  Backoff backoff({.min = milliseconds(1), .max = seconds(1), .factor = 2, .jitter = 0}, 1);
  for (int i = 0; i < 5; ++i) (void)backoff.next();
  backoff.reset();
  EXPECT_EQ(backoff.attempt(), 0u);
  EXPECT_EQ(backoff.next(), milliseconds(1));
  EXPECT_EQ(backoff.next(), milliseconds(2));
}

TEST(Backoff, J1_EachWaitIsWithinItsBounds) {
  for (const double jitter : {0.0, 0.2, 0.5, 1.0}) {
    for (std::uint32_t seed = 0; seed < 50; ++seed) {
      Backoff backoff(
          {.min = nanoseconds(7), .max = Duration::max(), .factor = 1.7, .jitter = jitter}, seed);
      for (std::uint32_t attempt = 0; attempt < 120; ++attempt) {
        const Duration full = backoff.without_jitter(attempt);
        const Duration wait = backoff.next();
        ASSERT_LE(wait, full);
        ASSERT_GE(static_cast<double>(wait.count()),
                  (1 - jitter) * static_cast<double>(full.count()) * (1 - 1e-9))
            << "jitter " << jitter << ", seed " << seed << ", attempt " << attempt;
      }
    }
  }
}

TEST(Backoff, J1_TheWholeRangeIsUsedEvenly) {
  Backoff backoff({.min = seconds(1), .max = seconds(1), .factor = 1, .jitter = 0.4}, 99);
  std::vector<int> counts(4);
  for (int i = 0; i < 4'000; ++i) {
    const Duration above = backoff.next() - milliseconds(600);
    counts[static_cast<std::size_t>(std::min<std::int64_t>(above / milliseconds(100), 3))]++;
  }
  for (const int count : counts) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1'150);
  }
}

TEST(Backoff, J2_EqualSeedsGiveEqualWaits) {
  const Backoff::Options options{.min = seconds(1), .max = hours(1), .factor = 2, .jitter = 0.5};
  Backoff one(options, 42);
  Backoff same(options, 42);
  Backoff other(options, 43);
  int different = 0;
  for (int i = 0; i < 10; ++i) {
    const Duration wait = one.next();
    EXPECT_EQ(same.next(), wait);
    if (other.next() != wait) ++different;
  }
  EXPECT_EQ(different, 10);
}

TEST(Backoff, ThoseWithNeighbouringSeedsDoNotComeBackTogether) {
  const Backoff::Options options{.min = seconds(1), .max = hours(1), .factor = 2, .jitter = 1};
  std::vector<int> counts(4);
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    const Duration first = Backoff(options, seed).next();
    counts[static_cast<std::size_t>(std::min<std::int64_t>(first / milliseconds(250), 3))]++;
  }
  for (const int count : counts) {
    EXPECT_GT(count, 60);
    EXPECT_LT(count, 140);
  }
}

TEST(BackoffDeathTest, OptionsOutsideTheirDomainAreABug) {
  const auto make = [](Backoff::Options options) { Backoff(options, 1).reset(); };
  EXPECT_DEATH(make({.min = Duration::zero()}), "CHECK failed");
  EXPECT_DEATH(make({.min = seconds(2), .max = seconds(1)}), "CHECK failed");
  EXPECT_DEATH(make({.factor = 0.5}), "CHECK failed");
  EXPECT_DEATH(make({.factor = std::numeric_limits<double>::infinity()}), "CHECK failed");
  EXPECT_DEATH(make({.jitter = -0.1}), "CHECK failed");
  EXPECT_DEATH(make({.jitter = 1.1}), "CHECK failed");
}

}  // namespace
}  // namespace nexus::core
