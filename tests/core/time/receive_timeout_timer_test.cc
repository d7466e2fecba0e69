#include "core/time/receive_timeout_timer.h"

#include <gtest/gtest.h>

#include <random>

namespace nexus::core {
namespace {

using std::chrono::milliseconds;

constexpr Instant kNever = Instant::max();
constexpr Instant at(int ms) { return Instant{} + std::chrono::hours(1) + milliseconds(ms); }

// What a driver does: keeps the one wake-up, and calls wake() at its time.
struct Driver {
  void take(const std::optional<ReceiveTimeoutTimer::WakeUp>& wake_up) {
    if (!wake_up) return;
    EXPECT_EQ(next != kNever, wake_up->instead);
    next = wake_up->at;
  }
  // Whether it fired.
  bool wake(bool is_busy = false) {
    const auto due = timer.wake(std::exchange(next, kNever), is_busy);
    if (due.wake_at) next = *due.wake_at;
    return due.fire;
  }

  ReceiveTimeoutTimer timer;
  Instant next = kNever;
};

TEST(ReceiveTimeoutTimer, RT1_FiresAWholePeriodAfterTheLastActivity) {
  Driver driver;
  driver.take(driver.timer.set(milliseconds(10), at(0)));
  EXPECT_EQ(driver.next, at(10));
  driver.take(driver.timer.touch(at(7)));
  EXPECT_FALSE(driver.wake());
  EXPECT_EQ(driver.next, at(17));
  EXPECT_TRUE(driver.wake());
}

TEST(ReceiveTimeoutTimer, RT2_FiresOncePerIdlePeriod) {
  Driver driver;
  driver.take(driver.timer.set(milliseconds(10), at(0)));
  EXPECT_TRUE(driver.wake());
  EXPECT_EQ(driver.next, kNever);
  driver.take(driver.timer.touch(at(50)));
  EXPECT_EQ(driver.next, at(60));
  EXPECT_TRUE(driver.wake());
}

TEST(ReceiveTimeoutTimer, RT3_ActivityAsksForNoWakeUp) {
  Driver driver;
  driver.take(driver.timer.set(milliseconds(10), at(0)));
  for (int ms = 1; ms < 10; ++ms) EXPECT_FALSE(driver.timer.touch(at(ms)));
}

TEST(ReceiveTimeoutTimer, AShorterPeriodReplacesTheWakeUp) {
  Driver driver;
  driver.take(driver.timer.set(milliseconds(100), at(0)));
  driver.take(driver.timer.set(milliseconds(10), at(1)));
  EXPECT_EQ(driver.next, at(11));
  EXPECT_TRUE(driver.wake());
}

TEST(ReceiveTimeoutTimer, ALongerPeriodKeepsTheWakeUpAndFiresLater) {
  Driver driver;
  driver.take(driver.timer.set(milliseconds(10), at(0)));
  EXPECT_FALSE(driver.timer.set(milliseconds(100), at(1)));
  EXPECT_FALSE(driver.wake());
  EXPECT_EQ(driver.next, at(101));
  EXPECT_TRUE(driver.wake());
}

TEST(ReceiveTimeoutTimer, NothingFiresAfterCancel) {
  Driver driver;
  driver.take(driver.timer.set(milliseconds(10), at(0)));
  driver.timer.cancel();
  EXPECT_FALSE(driver.timer.is_set());
  EXPECT_FALSE(driver.wake());
  EXPECT_EQ(driver.next, kNever);
  EXPECT_FALSE(driver.timer.touch(at(20)));
}

TEST(ReceiveTimeoutTimer, ACancelledWakeUpThatComesAllTheSameIsIgnored) {
  ReceiveTimeoutTimer timer;
  (void)timer.set(milliseconds(5), at(0));
  timer.cancel();
  (void)timer.set(milliseconds(10), at(1));
  (void)timer.wake(at(5), false);
  (void)timer.set(milliseconds(2), at(6));
  // The one at 15 was replaced by the one at 8; both come.
  EXPECT_TRUE(timer.wake(at(8), false).fire);
  EXPECT_FALSE(timer.wake(at(15), false).fire);
}

TEST(ReceiveTimeoutTimer, WhoIsBusyIsNotIdle) {
  Driver driver;
  driver.take(driver.timer.set(milliseconds(10), at(0)));
  EXPECT_FALSE(driver.wake(true));
  EXPECT_EQ(driver.next, at(20));
  EXPECT_TRUE(driver.wake());
}

// Against the plain definition: fires when, and only when, a period has passed since the last of set(), activity and firing.
TEST(ReceiveTimeoutTimer, AgreesWithTheDefinition) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::minstd_rand random(seed + 1);
    Driver driver;
    int period = 0;
    int idle_since = 0;
    bool fired = true;
    for (int now = 1; now < 2000; ++now) {
      const bool due = period > 0 && !fired && now >= idle_since + period;
      bool did_fire = false;
      if (driver.next <= at(now)) did_fire = driver.wake();
      ASSERT_EQ(did_fire, due) << "seed " << seed << " at " << now;
      if (did_fire) fired = true;
      switch (random() % 40) {
        case 0:
          period = 1 + static_cast<int>(random() % 60);
          driver.take(driver.timer.set(milliseconds(period), at(now)));
          idle_since = now;
          fired = false;
          break;
        case 1:
          driver.timer.cancel();
          period = 0;
          break;
        case 2:
        case 3:
        case 4:
          driver.take(driver.timer.touch(at(now)));
          idle_since = now;
          if (period > 0) fired = false;
          break;
        default:
          break;
      }
    }
  }
}

}  // namespace
}  // namespace nexus::core
