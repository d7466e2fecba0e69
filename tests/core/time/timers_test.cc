#include "core/time/timers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/wait.h"

namespace nexus::core {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using test::eventually;
using test::Queue;

TEST(Timers, RunWhatIsDueAndNeverEarly) {
  SteadyClock clock;
  Timers timers(clock);
  Queue<Duration> lateness;
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const Instant deadline = clock.now() + microseconds(random() % 20'000);
    (void)timers.schedule(deadline, [&, deadline] { lateness.push(clock.now() - deadline); });
  }
  for (int i = 0; i < 200; ++i) {
    const auto late = lateness.pop();
    ASSERT_TRUE(late.has_value());
    EXPECT_GE(*late, Duration::zero());
  }
}

TEST(Timers, AnEarlierDeadlineWakesTheThread) {
  SteadyClock clock;
  Timers timers(clock);
  Queue<int> ran;
  (void)timers.schedule(clock.now() + hours(1), [&] { ran.push(1); });
  (void)timers.schedule(clock.now() + milliseconds(1), [&] { ran.push(2); });
  EXPECT_EQ(ran.pop(), 2);
}

TEST(Timers, ATaskMayScheduleAndCancel) {
  SteadyClock clock;
  Timers timers(clock);
  Queue<int> ran;
  const Timers::Id other = timers.schedule(clock.now() + hours(1), [] {});
  (void)timers.schedule(clock.now(), [&] {
    ran.push(timers.cancel(other) ? 1 : 0);
    (void)timers.schedule(clock.now(), [&] { ran.push(2); });
  });
  EXPECT_EQ(ran.pop(), 1);
  EXPECT_EQ(ran.pop(), 2);
}

TEST(Timers, CancelDestroysTheTask) {
  SteadyClock clock;
  Timers timers(clock);
  auto witness = std::make_shared<int>();
  const Timers::Id id = timers.schedule(clock.now() + hours(1), [witness] {});
  EXPECT_TRUE(timers.cancel(id));
  EXPECT_EQ(witness.use_count(), 1);
  EXPECT_FALSE(timers.cancel(id));
}

TEST(Timers, EachTaskRunsOrIsCancelledNeverBoth) {
  SteadyClock clock;
  Timers timers(clock);
  std::atomic<int> ran{0};
  std::atomic<int> cancelled{0};
  constexpr int kThreads = 3;
  constexpr int kEach = 3'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<std::uint32_t>(t));
      for (int i = 0; i < kEach; ++i) {
        const auto id =
            timers.schedule(clock.now() + microseconds(random() % 1'500), [&] { ++ran; });
        if (random() % 4 == 0) std::this_thread::yield();
        if (random() % 2 == 0) cancelled += timers.cancel(id) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(eventually([&] { return ran.load() + cancelled.load() == kThreads * kEach; }));
  EXPECT_GT(ran.load(), 0);
  EXPECT_GT(cancelled.load(), 0);
}

TEST(Timers, WhatIsNotDueIsDroppedAtTheEnd) {
  auto witness = std::make_shared<int>();
  {
    SteadyClock clock;
    Timers timers(clock);
    (void)timers.schedule(clock.now() + hours(1), [witness] { ADD_FAILURE(); });
    timers.stop();
    timers.stop();
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(Timers, AfterTheEndATaskStaysWithTheCaller) {
  SteadyClock clock;
  Timers timers(clock);
  timers.stop();
  bool ran = false;
  Timers::Task task = [&ran] { ran = true; };
  EXPECT_EQ(timers.schedule(SteadyClock().now(), std::move(task)), Timers::Id{});
  task();
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace nexus::core
