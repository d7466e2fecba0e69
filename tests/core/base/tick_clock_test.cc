// Stamps grow, agree with the steady clock, and are comparable between threads.
#include "core/base/tick_clock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/wait.h"

namespace nexus::core {
namespace {

TEST(TickClock, MeasuresWhatTheSteadyClockMeasures) {
  TickClock::prepare();
  const SteadyClock clock;
  // A thread that is preempted between its two clocks measures wrongly; it is not every time.
  EXPECT_TRUE(test::eventually([&clock] {
    const Instant begun_at = clock.now();
    const Ticks begun = TickClock::now();
    while (clock.now() - begun_at < std::chrono::milliseconds(5)) {
    }
    const Ticks ended = TickClock::now();
    const Duration steady = clock.now() - begun_at;
    const Duration ticked = TickClock::between(begun, ended);
    return ticked > steady - steady / 200 && ticked < steady + steady / 200;
  }));
}

TEST(TickClock, NeverGoesBackOnOneThread) {
  TickClock::prepare();
  Ticks last = TickClock::now();
  for (int i = 0; i < 100'000; ++i) {
    const Ticks next = TickClock::now();
    ASSERT_GE(next, last);
    ASSERT_NE(next, 0u);
    last = next;
  }
}

TEST(TickClock, BackwardsIsNoTime) {
  TickClock::prepare();
  EXPECT_EQ(TickClock::between(10, 10), Duration::zero());
  EXPECT_EQ(TickClock::between(11, 10), Duration::zero());
}

TEST(TickClock, ManyThreadsMayPrepareIt) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([] { TickClock::prepare(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(TickClock::now(), 0u);
}

}  // namespace
}  // namespace nexus::core
