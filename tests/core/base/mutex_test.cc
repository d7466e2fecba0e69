#include "core/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/telemetry/lock_report.h"
#include "tests/support/wait.h"

namespace nexus::core {
namespace {

using std::chrono::milliseconds;

TEST(Mutex, LetsOneThreadInAtATime) {
  Mutex mutex{"one at a time"};
  int count = 0;
  const auto add = [&] {
    for (int i = 0; i < 20'000; ++i) {
      const MutexLock lock(mutex);
      ++count;
    }
  };
  std::thread other(add);
  add();
  other.join();
  EXPECT_EQ(count, 40'000);
}

TEST(Mutex, IsReportedUnderTheNameOfItsSite) {
  Mutex first{"reported"};
  Mutex second{"reported"};
  { const MutexLock lock(first); }
  { const MutexLock lock(second); }
  EXPECT_EQ(LockReport::take().site("reported").acquisition_count, kLockTiming ? 2u : 0u);
}

TEST(CondVar, WaitingForTheConditionIsNoWaitForTheMutex) {
  if (!kLockTiming) GTEST_SKIP() << "built without NEXUS_LOCK_TIMING";
  const SteadyClock clock;
  Mutex mutex{"condition"};
  CondVar never;
  const Instant deadline = clock.now() + milliseconds(2);
  std::uint64_t wait_count = 0;
  {
    const MutexLock lock(mutex);
    for (; clock.now() < deadline; ++wait_count) never.wait_until(mutex, deadline);
  }
  const LockReport::Site site = LockReport::take().site("condition");
  // Each wait takes the mutex again.
  EXPECT_EQ(site.acquisition_count, 1 + wait_count);
  EXPECT_EQ(site.contended_count, 0u);
}

TEST(CondVar, AWaitForTheMutexAfterTheConditionCounts) {
  if (!kLockTiming) GTEST_SKIP() << "built without NEXUS_LOCK_TIMING";
  Mutex mutex{"condition met"};
  CondVar changed;
  bool waiting = false;
  bool met = false;
  std::thread waiter([&] {
    const MutexLock lock(mutex);
    waiting = true;
    while (!met) changed.wait(mutex);
  });
  EXPECT_TRUE(test::eventually([&] {
    const MutexLock lock(mutex);
    return waiting;
  }));
  {
    const MutexLock lock(mutex);
    met = true;
    changed.notify_one();
    // The waiter wants the mutex now and finds it taken.
    EXPECT_TRUE(test::eventually(
        [] { return LockReport::take().site("condition met").waiting_count == 1; }));
  }
  waiter.join();
  EXPECT_GE(LockReport::take().site("condition met").contended_count, 1u);
}

}  // namespace
}  // namespace nexus::core
