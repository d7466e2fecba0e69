#include "core/testing/manual_clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/actor_system.h"
#include "core/testing/test_probe.h"
#include "tests/support/wait.h"

namespace nexus::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ManualClock, StandsUntilItIsMoved) {
  ManualClock clock;
  const Instant begin = clock.now();
  EXPECT_EQ(clock.now(), begin);
  clock.advance(std::chrono::seconds(3));
  EXPECT_EQ(clock.now(), begin + std::chrono::seconds(3));
  clock.set(begin + std::chrono::minutes(1));
  EXPECT_EQ(clock.now(), begin + std::chrono::minutes(1));
}

TEST(ManualClock, BeginsWhereItIsTold) {
  const Instant begin(std::chrono::seconds(5));
  const ManualClock clock(begin);
  const Clock& any = clock;
  EXPECT_EQ(any.now(), begin);
}

TEST(ManualClockDeathTest, NeverGoesBack) {
  ManualClock clock;
  EXPECT_DEATH(clock.advance(std::chrono::nanoseconds(-1)), "CHECK failed");
  EXPECT_DEATH(clock.set(Instant{}), "CHECK failed");
}

// Notes when it was told to, and does what is due then.
class Diary final : public ClockFollower {
 public:
  explicit Diary(ManualClock& clock) : clock_(clock) { EXPECT_TRUE(clock_.follow(*this)); }
  ~Diary() { clock_.unfollow(*this); }
  Instant next_wake() override { return due_.empty() ? Instant::max() : due_.front(); }
  void clock_moved() override {
    while (!due_.empty() && due_.front() <= clock_.now()) {
      seen_.push_back(clock_.now());
      due_.erase(due_.begin());
    }
  }
  std::vector<Instant> due_{};
  std::vector<Instant> seen_{};

 private:
  ManualClock& clock_;
};

TEST(ManualClock, FollowersSeeEachOfTheirTimes) {
  ManualClock clock;
  const Instant begin = clock.now();
  Diary diary(clock);
  diary.due_ = {begin + seconds(1), begin + seconds(2), begin + seconds(5)};
  clock.advance(seconds(4));
  EXPECT_EQ(diary.seen_, (std::vector{begin + seconds(1), begin + seconds(2)}));
  EXPECT_EQ(clock.now(), begin + seconds(4));
  clock.advance(seconds(1));
  EXPECT_EQ(diary.seen_.size(), 3u);
}

struct Tick {
  int number;
};

class ManualTime : public testing::Test {
 protected:
  static ActorSystem::Options with(std::shared_ptr<Clock> clock) {
    ActorSystem::Options options;
    options.worker_count = 2;
    options.clock = std::move(clock);
    return options;
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  ActorSystem system_{with(clock_)};
  TestProbe probe_{system_};
};

TEST_F(ManualTime, WhatIsScheduledWaitsForTheClock) {
  (void)system_.schedule_once(hours(2), probe_.pid(), Tick{2});
  (void)system_.schedule_once(hours(1), probe_.pid(), Tick{1});
  const auto never = system_.schedule_once(hours(3), probe_.pid(), Tick{3});
  clock_->advance(hours(1) - milliseconds(1));
  EXPECT_EQ(system_.timers().waiting_count(), 3u);
  clock_->advance(milliseconds(2));
  EXPECT_EQ(probe_.expect_message<Tick>().number, 1);
  EXPECT_TRUE(system_.cancel_schedule(never));
  clock_->advance(hours(24));
  EXPECT_EQ(probe_.expect_message<Tick>().number, 2);
  EXPECT_EQ(system_.timers().waiting_count(), 0u);
}

TEST_F(ManualTime, AReceiveTimeoutIsDueWhenTheClockSaysSo) {
  class Sleeper final : public Actor {
   public:
    explicit Sleeper(std::atomic<bool>* timed_out) : timed_out_(timed_out) {}
    void receive(Context& context) override {
      if (context.message<Started>() != nullptr) context.set_receive_timeout(seconds(30));
      if (context.message<Tick>() != nullptr) context.respond(Tick{0});
      if (context.message<ReceiveTimeout>() != nullptr) timed_out_->store(true);
    }

   private:
    std::atomic<bool>* const timed_out_;
  };
  std::atomic<bool> timed_out{false};
  const Pid sleeper = *system_.spawn(share(props<Sleeper>(&timed_out)));
  probe_.request(sleeper, Tick{1});
  EXPECT_EQ(probe_.expect_message<Tick>().number, 0);
  clock_->advance(seconds(29));
  probe_.request(sleeper, Tick{1});
  EXPECT_EQ(probe_.expect_message<Tick>().number, 0);
  // Its timer is due, but it was busy a second ago.
  clock_->advance(seconds(2));
  probe_.request(sleeper, Tick{1});
  EXPECT_EQ(probe_.expect_message<Tick>().number, 0);
  EXPECT_FALSE(timed_out.load());
  // The end of its turn, at which it notes that it was busy, may come after the answer.
  EXPECT_TRUE(test::eventually([&] {
    clock_->advance(seconds(31));
    return timed_out.load();
  }));
}

TEST_F(ManualTime, AnAskEndsAtItsDeadline) {
  const Future answer = system_.request(probe_.pid(), Tick{1}, seconds(10));
  (void)probe_.expect_message<Tick>();
  clock_->advance(seconds(9));
  EXPECT_FALSE(answer.is_done());
  // A sweep finds it up to a millisecond later.
  clock_->advance(seconds(1) + milliseconds(2));
  EXPECT_TRUE(answer.is_done());
}

TEST_F(ManualTime, TheEndOfASystemGoesByTheRealTime) {
  test::Gate is_busy;
  test::Gate may_go_on;
  const Pid busy = *system_.spawn(share(props_of([&](Context& context) {
    if (context.message<Tick>() == nullptr) return;
    is_busy.open();
    (void)may_go_on.wait();
  })));
  (void)system_.send(busy, Tick{1});
  ASSERT_TRUE(is_busy.wait());
  EXPECT_FALSE(system_.stop_actors(milliseconds(20)));
  may_go_on.open();
  EXPECT_TRUE(system_.stop_actors(seconds(30)));
}

TEST_F(ManualTime, K2_WhatIsDueMayAskForMore) {
  int beats = 0;
  std::function<void()> beat = [&] {
    ++beats;
    (void)system_.timers().schedule(clock_->now() + seconds(1), [&] { beat(); });
  };
  (void)system_.timers().schedule(clock_->now() + seconds(1), [&] { beat(); });
  clock_->advance(seconds(10) + milliseconds(1));
  EXPECT_EQ(beats, 10);
}

TEST_F(ManualTime, K1_TwoSystemsOnOneClockAreDoneInOrder) {
  clock_->advance(std::chrono::microseconds(300));
  ActorSystem other(with(clock_));
  std::vector<int> order;
  (void)other.timers().schedule(clock_->now() + seconds(2), [&] { order.push_back(2); });
  (void)system_.timers().schedule(clock_->now() + seconds(3), [&] { order.push_back(3); });
  (void)system_.timers().schedule(clock_->now() + seconds(1), [&] { order.push_back(1); });
  clock_->advance(seconds(4));
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST_F(ManualTime, TheEndOfTimeIsAnEnd) {
  (void)system_.schedule_once(hours(1), probe_.pid(), Tick{1});
  clock_->set(Instant::max());
  EXPECT_EQ(probe_.expect_message<Tick>().number, 1);
}

TEST(ManualClockDeathTest, NobodyElseMovesItMeanwhile) {
  ManualClock clock;
  class Mover final : public ClockFollower {
   public:
    explicit Mover(ManualClock& moved) : clock_(moved) { (void)clock_.follow(*this); }
    Instant next_wake() override { return clock_.now(); }
    void clock_moved() override { clock_.advance(seconds(1)); }

   private:
    ManualClock& clock_;
  };
  Mover mover(clock);
  EXPECT_DEATH(clock.advance(seconds(1)), "CHECK failed");
}

}  // namespace
}  // namespace nexus::core
