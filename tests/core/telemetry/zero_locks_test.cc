// The steady state of an actor takes no lock. Shown twice: by the sites of LockReport, and by counting the calls that lock where the
// C library begins. That nobody locks by hand, with atomics, is a rule of tests/tidy (nobody_spins).
#include <gtest/gtest.h>
#include <pthread.h>
#include <semaphore.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>

#include "core/telemetry/lock_report.h"
#include "tests/core/telemetry/lock_calls.h"
#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::eventually;
using test::Gate;
using test::LockCalls;
using test::TestSystem;

struct Begin {};
struct Ping {
  std::uint64_t number;
};
struct Pong {
  std::uint64_t number;
};

struct Found {
  LockReport sites_before;
  LockReport sites_after;
  LockCalls calls_before;
  LockCalls calls_after;
  bool same_worker = false;
  Gate measured;
};

// Does one thing again and again, at first unmeasured, so that what is done once in a life has been done.
class Subject : public Actor {
 public:
  static constexpr std::uint64_t kWarmUpCount = 2'000;
  static constexpr std::uint64_t kMeasuredCount = 5'000;

  explicit Subject(Found& found) : found_(found) {}
  void receive(Context& context) override {
    if (context.message<Begin>() != nullptr) return do_it(context);
    hear(context);
  }

 protected:
  // Ends with did_it() in a later turn.
  virtual void do_it(Context& context) = 0;
  // Any other message.
  virtual void hear(Context&) {}
  void did_it(Context& context) {
    ++count_;
    if (count_ == kWarmUpCount) {
      worker_ = Worker::current();
      found_.sites_before = LockReport::take();
      found_.calls_before = LockCalls::of_this_thread();
    }
    if (count_ < kWarmUpCount + kMeasuredCount) return do_it(context);
    found_.calls_after = LockCalls::of_this_thread();
    found_.sites_after = LockReport::take();
    found_.same_worker = worker_ == Worker::current();
    found_.measured.open();
  }

 private:
  Found& found_;
  std::uint64_t count_ = 0;
  const Worker* worker_ = nullptr;
};

Props echo() {
  return props_of([](Context& context) {
    if (const auto* ping = context.message<Ping>()) context.respond(Pong{ping->number});
  });
}

// One message there and its answer back.
class Teller final : public Subject {
 public:
  Teller(Found& found, Pid other) : Subject(found), other_(std::move(other)) {}

 private:
  void do_it(Context& context) override { context.request(other_, Ping{1}); }
  void hear(Context& context) override {
    if (context.message<Pong>() != nullptr) did_it(context);
  }

  const Pid other_;
};

// More messages at once than a thread keeps nodes for.
class Flooder final : public Subject {
 public:
  Flooder(Found& found, Pid other) : Subject(found), other_(std::move(other)) {}

 private:
  static constexpr std::uint64_t kBurst = 600;

  void do_it(Context& context) override {
    for (std::uint64_t i = 0; i < kBurst; ++i) context.request(other_, Ping{i});
  }
  void hear(Context& context) override {
    const auto* pong = context.message<Pong>();
    if (pong != nullptr && pong->number == kBurst - 1) did_it(context);
  }

  const Pid other_;
};

class Asker final : public Subject {
 public:
  Asker(Found& found, Pid other) : Subject(found), other_(std::move(other)) {}

 private:
  void do_it(Context& context) override {
    context.ask(other_, Ping{1}, std::chrono::minutes(10),
                [this](Context& answered, const Answer& answer) {
                  if (answer.message != nullptr && answer.message->is<Pong>()) did_it(answered);
                });
  }

  const Pid other_;
};

// Puts each answer aside once, and takes it up again.
class Stasher final : public Subject {
 public:
  Stasher(Found& found, Pid other) : Subject(found), other_(std::move(other)) {}

 private:
  void do_it(Context& context) override { context.request(other_, Ping{1}); }
  void hear(Context& context) override {
    if (context.message<Pong>() == nullptr) return;
    if (std::exchange(is_second_, !is_second_)) return did_it(context);
    EXPECT_EQ(context.stash(), MessageHandles::Stash::stashed);
    context.unstash_all();
  }

  const Pid other_;
  bool is_second_ = false;
};

// Each turn puts its receive timeout off.
class Idler final : public Subject {
 public:
  Idler(Found& found, Pid other) : Subject(found), other_(std::move(other)) {}

 private:
  void do_it(Context& context) override { context.request(other_, Ping{1}); }
  void hear(Context& context) override {
    if (context.message<Started>() != nullptr) context.set_receive_timeout(std::chrono::hours(1));
    if (context.message<Pong>() != nullptr) did_it(context);
  }

  const Pid other_;
};

// What an actor does in its steady state. A new kind of it is a Subject above and a line in the lists below.
struct SteadyState {
  std::string name;
  std::function<Props(Found&, Pid)> subject;
};

template <typename S>
SteadyState steady_state(const std::string& name) {
  return {name, [](Found& found, Pid other) {
            return Props(
                [&found, other = std::move(other)] { return std::make_unique<S>(found, other); });
          }};
}

void measure(const SteadyState& state, std::uint32_t worker_count, Found& found) {
  TestSystem system(ActorSystem::Options{.worker_count = worker_count});
  const Pid other = system.spawn(echo());
  (void)system->send(system.spawn(state.subject(found, other)), Begin{});
  ASSERT_TRUE(found.measured.wait());
}

// Without those of the tests themselves.
std::string sites_taken(const Found& found) {
  std::string names;
  for (const LockReport::Site& site : found.sites_after.sites) {
    const auto before = found.sites_before.site(site.name).acquisition_count;
    if (!site.name.starts_with("test_") && site.acquisition_count != before) {
      names += std::string(site.name) + " ";
    }
  }
  return names;
}

class OneWorker : public testing::TestWithParam<SteadyState> {};

// Without a second worker nobody takes work away from it.
TEST_P(OneWorker, TakesNoLockByTheCountOfCalls) {
  Found found;
  measure(GetParam(), 1, found);
  EXPECT_EQ(found.calls_after, found.calls_before);
}

// LockReport knows of no threads, so the timer thread is counted too, which takes its own mutex now and then: one run of many must
// be without.
TEST_P(OneWorker, TakesNoLockByTheSites) {
  std::string taken;
  EXPECT_TRUE(eventually([&taken] {
    Found found;
    measure(GetParam(), 1, found);
    // Not by being empty.
    EXPECT_EQ(kLockTiming, found.sites_after.acquisition_count() > 0);
    taken = sites_taken(found);
    return taken.empty();
  })) << taken;
}

INSTANTIATE_TEST_SUITE_P(ZeroLocks, OneWorker,
                         testing::Values(steady_state<Teller>("tell"),
                                         steady_state<Flooder>("tell_many"),
                                         steady_state<Asker>("ask"), steady_state<Stasher>("stash"),
                                         steady_state<Idler>("receive_timeout")),
                         [](const auto& test) { return test.param.name; });

class TwoWorkers : public testing::TestWithParam<SteadyState> {};

// A worker that the kernel stops in a turn may find that others have taken its work, which is no steady state; so one run of many
// must be without a lock.
TEST_P(TwoWorkers, TakeNoLockByTheCountOfCalls) {
  EXPECT_TRUE(eventually([] {
    Found found;
    measure(GetParam(), 2, found);
    return found.same_worker && found.calls_after == found.calls_before;
  }));
}

INSTANTIATE_TEST_SUITE_P(ZeroLocks, TwoWorkers,
                         testing::Values(steady_state<Teller>("tell"), steady_state<Asker>("ask"),
                                         steady_state<Stasher>("stash"),
                                         steady_state<Idler>("receive_timeout")),
                         [](const auto& test) { return test.param.name; });

// What was called on this thread while `code` ran.
LockCalls calls_of(const std::function<void()>& code) {
  const LockCalls before = LockCalls::of_this_thread();
  code();
  const LockCalls after = LockCalls::of_this_thread();
  return {.mutex = after.mutex - before.mutex,
          .reader_writer = after.reader_writer - before.reader_writer,
          .spin = after.spin - before.spin,
          .condition = after.condition - before.condition,
          .semaphore = after.semaphore - before.semaphore,
          .futex = after.futex - before.futex};
}

TEST(LockCalls, CountsEachKindOfLock) {
  EXPECT_EQ(calls_of([] {}), LockCalls{});
  EXPECT_EQ(calls_of([] {
              Mutex mutex{"test_counted"};
              const MutexLock lock(mutex);
            }),
            LockCalls{.mutex = 1});
  EXPECT_EQ(calls_of([] {
              std::timed_mutex mutex;
              if (mutex.try_lock_for(std::chrono::seconds(1))) mutex.unlock();
            }),
            LockCalls{.mutex = 1});
  EXPECT_EQ(calls_of([] {
              std::shared_mutex mutex;
              const std::shared_lock lock(mutex);
            }),
            LockCalls{.reader_writer = 1});
  EXPECT_EQ(calls_of([] {
              pthread_spinlock_t lock{};
              pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
              pthread_spin_lock(&lock);
              pthread_spin_unlock(&lock);
            }),
            LockCalls{.spin = 1});
  EXPECT_EQ(calls_of([] {
              sem_t semaphore{};
              sem_init(&semaphore, 0, 1);
              sem_wait(&semaphore);
            }),
            LockCalls{.semaphore = 1});
  EXPECT_GT(calls_of([] {
              Mutex mutex{"test_counted"};
              CondVar never;
              const MutexLock lock(mutex);
              never.wait_until(mutex, SteadyClock().now() + std::chrono::milliseconds(1));
            }).condition,
            0u);
}

TEST(LockCalls, CountsTheWaitForAnAtomic) {
  // It looks a few times before it asks the kernel.
  EXPECT_TRUE(eventually([] {
    std::atomic<int> turn{0};
    std::thread other([&turn] {
      const Instant then = SteadyClock().now() + std::chrono::milliseconds(5);
      EXPECT_TRUE(eventually([&] { return turn.load() == 1 && SteadyClock().now() > then; }));
      turn.store(2);
      turn.notify_all();
    });
    const LockCalls calls = calls_of([&turn] {
      turn.store(1);
      turn.wait(1);
    });
    other.join();
    return calls.futex > 0;
  }));
}

// The proof above would fail if it had to.
TEST(LockCalls, SeesTheLockThatAnActorTakes) {
  Mutex mutex{"zero_locks_on_purpose"};
  LockCalls seen;
  std::uint64_t site_count = 0;
  TestSystem system(ActorSystem::Options{.worker_count = 1});
  const Pid actor = system.spawn(test::steered(std::make_shared<test::Diary>()));
  system.in_turn(actor, [&](Context&) {
    const std::uint64_t before = LockReport::take().site("zero_locks_on_purpose").acquisition_count;
    seen = calls_of([&mutex] { const MutexLock lock(mutex); });
    site_count = LockReport::take().site("zero_locks_on_purpose").acquisition_count - before;
  });
  EXPECT_EQ(seen, LockCalls{.mutex = 1});
  EXPECT_EQ(site_count, kLockTiming ? 1u : 0u);
}

}  // namespace
}  // namespace nexus::core
