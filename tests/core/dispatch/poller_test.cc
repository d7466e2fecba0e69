// What a work-stealing dispatcher does with a poller.
#include "core/dispatch/poller.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/dispatch/worker.h"
#include "tests/support/test_system.h"
#include "tests/support/wait.h"

namespace nexus::core {
namespace {

// Events are functions that tests post.
class FakePoller final : public Poller {
 public:
  bool enter() override { return !entered_.exchange(true); }
  void leave() override { entered_.store(false); }
  bool wait(Instant deadline) override {
    EXPECT_TRUE(entered_.load());
    const Instant looked_at = SteadyClock().now();
    while (deadline == Instant::min() && SteadyClock().now() < looked_at + look_lasts) continue;
    MutexLock lock(mutex_);
    if (deadline == Instant::max()) {
      waiting_.store(true);
      while (events_.empty() && !woken_) changed_.wait(mutex_);
      waiting_.store(false);
    }
    woken_ = false;
    return !events_.empty();
  }
  void handle() override {
    std::vector<std::function<void()>> events;
    {
      MutexLock lock(mutex_);
      events.swap(events_);
    }
    for (const auto& event : events) event();
  }
  void wake() override {
    MutexLock lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }
  void flush() override { flush_count_.fetch_add(1); }
  void attach(bool attached) override { attached_.store(attached); }

  void post(std::function<void()> event) {
    MutexLock lock(mutex_);
    events_.push_back(std::move(event));
    changed_.notify_all();
  }
  // Some worker sleeps in it.
  bool waiting() const { return waiting_.load(); }
  bool attached() const { return attached_.load(); }
  int flush_count() const { return flush_count_.load(); }

  // How long a look takes. Set before anybody looks.
  Duration look_lasts{};

 private:
  std::atomic<bool> entered_{false};
  std::atomic<bool> waiting_{false};
  std::atomic<bool> attached_{false};
  std::atomic<int> flush_count_{0};
  Mutex mutex_{"test_poller"};
  CondVar changed_;
  std::vector<std::function<void()>> events_ GUARDED_BY(mutex_);
  bool woken_ GUARDED_BY(mutex_) = false;
};

class PollerTest : public testing::TestWithParam<std::uint32_t> {
 protected:
  explicit PollerTest(Duration look_lasts = Duration::zero()) {
    poller_.look_lasts = look_lasts;
    EXPECT_TRUE(system_->dispatcher().set_poller(&poller_));
    EXPECT_TRUE(poller_.attached());
  }
  ~PollerTest() override {
    (void)system_->dispatcher().set_poller(nullptr);
    EXPECT_FALSE(poller_.attached());
  }
  // An actor that counts its messages.
  Pid spawn_counter() {
    return system_.spawn(props_of([this](Context& context) {
      if (context.message<int>()) count_.fetch_add(1);
    }));
  }
  void await_sleep() {
    EXPECT_TRUE(test::eventually([this] { return poller_.waiting(); }));
  }

  FakePoller poller_;
  test::TestSystem system_{{.worker_count = GetParam()}};
  std::atomic<int> count_{0};
};

TEST_P(PollerTest, W4_AnIdleWorkerWaitsInItAndHandlesWhatComes) {
  const Pid counter = spawn_counter();
  await_sleep();
  for (int i = 1; i <= 100; ++i) {
    poller_.post([&] {
      EXPECT_NE(Worker::current_of(*system_), nullptr);
      (void)system_->send(counter, 1);
    });
    EXPECT_TRUE(test::eventually([&] { return count_.load() == i; }));
  }
}

TEST_P(PollerTest, W4_AWorkerInItIsWokenByAMessageFromOutside) {
  const Pid counter = spawn_counter();
  for (int i = 1; i <= 100; ++i) {
    await_sleep();
    (void)system_->send(counter, 1);
    EXPECT_TRUE(test::eventually([&] { return count_.load() == i; }));
  }
}

// A worker looks for work for 50 us: every second of these looks is the last before it gives up.
class SlowPollerTest : public PollerTest {
 protected:
  SlowPollerTest() : PollerTest(std::chrono::microseconds(60)) {}
};

TEST_P(SlowPollerTest, NoWorkIsLeftBehindByAWorkerThatGoesToSleep) {
  const Pid counter = spawn_counter();
  for (int i = 1; i <= 500; ++i) {
    // Keeps the worker awake, so that the event comes while it looks.
    (void)system_->send(counter, std::string("not counted"));
    poller_.post([&] { (void)system_->send(counter, 1); });
    ASSERT_TRUE(test::eventually([&] { return count_.load() == i; }));
  }
}

TEST_P(PollerTest, W5_ABusyWorkerLooksIntoIt) {
  // The actor lives until the system ends.
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  const Pid busy = system_.spawn(props_of([stop](Context& context) {
    if (context.message<int>() && !stop->load()) context.send(context.self(), 1);
  }));
  for (std::uint32_t i = 0; i < GetParam(); ++i) (void)system_->send(busy, 1);
  const Pid counter = spawn_counter();
  poller_.post([&] { (void)system_->send(counter, 1); });
  EXPECT_TRUE(test::eventually([&] { return count_.load() == 1; }));
  const int before = poller_.flush_count();
  EXPECT_TRUE(test::eventually([&] { return poller_.flush_count() > before; }));
  stop->store(true);
}

TEST_P(PollerTest, WhatIsHeldBackIsFlushedBeforeAWorkerSleeps) {
  const Pid counter = spawn_counter();
  await_sleep();
  const int before = poller_.flush_count();
  (void)system_->send(counter, 1);
  EXPECT_TRUE(test::eventually([&] { return count_.load() == 1; }));
  EXPECT_TRUE(test::eventually([&] { return poller_.flush_count() > before; }));
}

TEST_P(PollerTest, ItCanBeTakenAwayAndGivenBackWhileWorkersSleepInIt) {
  const Pid counter = spawn_counter();
  for (int i = 1; i <= 100; ++i) {
    if (i % 2 == 0) await_sleep();
    EXPECT_TRUE(system_->dispatcher().set_poller(nullptr));
    EXPECT_FALSE(poller_.waiting());
    (void)system_->send(counter, 1);
    EXPECT_TRUE(test::eventually([&] { return count_.load() == i; }));
    EXPECT_TRUE(system_->dispatcher().set_poller(&poller_));
    // Awake it finds the way into the poller.
    (void)system_->send(counter, std::string("not counted"));
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, PollerTest, testing::Values(1u, 2u, 4u));
INSTANTIATE_TEST_SUITE_P(Workers, SlowPollerTest, testing::Values(1u, 2u));

}  // namespace
}  // namespace nexus::core
