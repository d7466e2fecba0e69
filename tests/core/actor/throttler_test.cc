#include "core/actor/throttler.h"

#include <gtest/gtest.h>

#include "core/testing/manual_clock.h"

namespace nexus::core {
namespace {

using std::chrono::milliseconds;
using Valve = Throttle::Valve;

constexpr Throttle::Options kThreeASecond{.event_count_max = 3, .window = std::chrono::seconds(1)};

TEST(Throttle, Z1_OpensClosesAndIsClosed) {
  ManualClock clock;
  Throttle throttle(kThreeASecond);
  for (const Valve valve :
       {Valve::open, Valve::open, Valve::closing, Valve::closed, Valve::closed}) {
    EXPECT_EQ(throttle.on_event(clock.now()).valve, valve);
    clock.advance(milliseconds(100));
  }
}

TEST(Throttle, Z1_AWindowBeginsWithItsFirstEvent) {
  ManualClock clock;
  Throttle throttle(kThreeASecond);
  clock.advance(milliseconds(700));
  for (int i = 0; i < 3; ++i) (void)throttle.on_event(clock.now());
  clock.advance(milliseconds(999));
  EXPECT_EQ(throttle.on_event(clock.now()).valve, Valve::closed);
  clock.advance(milliseconds(1));
  EXPECT_EQ(throttle.on_event(clock.now()).valve, Valve::open);
  EXPECT_EQ(throttle.window_end(), clock.now() + kThreeASecond.window);
}

TEST(Throttle, Z2_TellsOnceWhatItSuppressed) {
  ManualClock clock;
  Throttle throttle(kThreeASecond);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(throttle.on_event(clock.now()).suppressed_count, 0u);
  clock.advance(kThreeASecond.window);
  EXPECT_EQ(throttle.on_event(clock.now()).suppressed_count, 7u);
  EXPECT_EQ(throttle.on_event(clock.now()).suppressed_count, 0u);
  clock.advance(kThreeASecond.window);
  EXPECT_EQ(throttle.on_event(clock.now()).suppressed_count, 0u);
}

TEST(Throttle, Z2_TellsWithoutAnEventOnceTheWindowIsOver) {
  ManualClock clock;
  Throttle throttle(kThreeASecond);
  EXPECT_EQ(throttle.take_suppressed(clock.now()), 0u);
  for (int i = 0; i < 5; ++i) (void)throttle.on_event(clock.now());
  EXPECT_EQ(throttle.take_suppressed(clock.now()), 0u);
  EXPECT_EQ(throttle.take_suppressed(throttle.window_end()), 2u);
  EXPECT_EQ(throttle.take_suppressed(throttle.window_end()), 0u);
  clock.set(throttle.window_end());
  EXPECT_EQ(throttle.on_event(clock.now()).suppressed_count, 0u);
}

TEST(Throttle, OneEventAWindowIsClosingAtOnce) {
  ManualClock clock;
  Throttle throttle({.event_count_max = 1, .window = milliseconds(1)});
  EXPECT_EQ(throttle.on_event(clock.now()).valve, Valve::closing);
  EXPECT_EQ(throttle.on_event(clock.now()).valve, Valve::closed);
}

TEST(Throttle, WithoutAnyEventAllowedItCountsOnly) {
  ManualClock clock;
  Throttle throttle({.event_count_max = 0, .window = milliseconds(1)});
  for (int i = 0; i < 4; ++i) {
    const Throttle::Verdict verdict = throttle.on_event(clock.now());
    EXPECT_EQ(verdict.valve, Valve::closed);
    EXPECT_EQ(verdict.suppressed_count, 0u);
    clock.advance(milliseconds(1));
  }
  EXPECT_EQ(throttle.take_suppressed(clock.now()), 4u);
}

TEST(Throttle, AWindowMayLastForEver) {
  ManualClock clock;
  Throttle throttle({.event_count_max = 1, .window = Duration::max()});
  EXPECT_EQ(throttle.on_event(clock.now()).valve, Valve::closing);
  clock.advance(std::chrono::hours(24 * 365));
  EXPECT_EQ(throttle.on_event(clock.now()).valve, Valve::closed);
}

}  // namespace
}  // namespace nexus::core
