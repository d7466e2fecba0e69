#include "tests/sim/event_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "tests/sim/sim_cpu.h"
#include "tests/sim/sim_random.h"

namespace nexus::sim {
namespace {

using namespace std::chrono_literals;

TEST(EventQueue, Q1_EventsLeaveByTimeAndThenInTheOrderInWhichTheyCame) {
  EventQueue queue;
  Random random(1);
  std::vector<std::pair<SimTime, std::uint32_t>> pushed;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const SimTime at{random.below(500)};
    queue.push(at, EventKind::arrive, i);
    pushed.emplace_back(at, i);
  }
  std::stable_sort(pushed.begin(), pushed.end(),
                   [](const auto& one, const auto& other) { return one.first < other.first; });
  for (const auto& [at, index] : pushed) {
    const Event event = queue.pop();
    ASSERT_EQ(event.at, at);
    ASSERT_EQ(event.a, index);
  }
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueue, Q1_HoldsWhilePushesAndPopsAlternate) {
  EventQueue queue;
  Random random(2);
  SimTime last{};
  for (int i = 0; i < 20'000; ++i) {
    queue.push(last + random.between(0ns, 1us), EventKind::run, 0);
    if (i % 3 != 0) continue;
    const Event event = queue.pop();
    ASSERT_GE(event.at, last);
    last = event.at;
  }
}

TEST(SimClock, ADriftingClockGainsWhatItsRateSays) {
  const core::Instant origin{1000s};
  SimClock clock(origin);
  clock.set_rate(10s, 10'000);
  EXPECT_EQ(clock.local(10s), origin + 10s);
  EXPECT_EQ(clock.local(110s), origin + 111s);
}

TEST(SimClock, WhenIsTheFirstMomentAtWhichTheClockShowsThatTime) {
  for (const std::int32_t ppm : {-10'000, -37, 0, 53, 10'000}) {
    SimClock clock(core::Instant{5000s});
    clock.set_rate(3s, ppm);
    const core::Instant wanted = clock.local(3s) + 123'456'789'012ns;
    const SimTime when = clock.when(wanted);
    EXPECT_GE(clock.local(when), wanted) << ppm;
    EXPECT_LT(clock.local(when - 2ns), wanted) << ppm;
  }
}

TEST(SimClock, TheEndOfTimeNeverComes) {
  EXPECT_EQ(SimClock(core::Instant{1000s}).when(core::Instant::max()), kNever);
}

}  // namespace
}  // namespace nexus::sim
