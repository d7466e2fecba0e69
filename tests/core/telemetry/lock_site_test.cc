#include "core/telemetry/lock_site.h"

#include <gtest/gtest.h>

#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/support/wait.h"

namespace nexus::core {
namespace {

using std::chrono::milliseconds;

LockSites::State state_of(std::string_view name) {
  for (const LockSites::State& state : LockSites::read()) {
    if (state.name == name) return state;
  }
  return {};
}

void lock_and_unlock(const LockProbe<true>& probe, std::mutex& mutex, int times) {
  for (int i = 0; i < times; ++i) {
    probe.lock(mutex);
    mutex.unlock();
  }
}

static_assert(std::is_empty_v<LockProbe<false>>);

TEST(LockSites, AreOneForEachName) {
  static constexpr char same_text_elsewhere[] = "one";
  const LockSites::Index one = LockSites::index_of("one");
  EXPECT_EQ(LockSites::index_of("one"), one);
  EXPECT_EQ(LockSites::index_of(same_text_elsewhere), one);
  EXPECT_NE(LockSites::index_of("two"), one);
}

TEST(LockSites, AreListedBeforeTheFirstLock) {
  const LockProbe<true> probe("never locked");
  EXPECT_EQ(state_of("never locked").name, "never locked");
  EXPECT_EQ(state_of("never locked").acquisition_count, 0u);
  EXPECT_TRUE(state_of("never named").name.empty());
}

TEST(LockSites, X1_InstancesOfOneSiteAreCountedTogether) {
  std::mutex mutexes[2];
  const LockProbe<true> probes[2] = {LockProbe<true>("pair"), LockProbe<true>("pair")};
  lock_and_unlock(probes[0], mutexes[0], 3);
  lock_and_unlock(probes[1], mutexes[1], 4);
  EXPECT_EQ(state_of("pair").acquisition_count, 7u);
  EXPECT_EQ(state_of("pair").waits.count(), 0u);
}

TEST(LockSites, X1_EveryAcquisitionOfManyThreadsIsCounted) {
  constexpr int kRounds = 5;
  constexpr int kThreads = 6;
  constexpr int kTimes = 5'000;
  std::mutex mutex;
  const LockProbe<true> probe("many");
  // Threads of later rounds go on with the counts of earlier ones.
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] { lock_and_unlock(probe, mutex, kTimes); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const LockSites::State state = state_of("many");
  EXPECT_EQ(state.acquisition_count, std::uint64_t{kRounds} * kThreads * kTimes);
  EXPECT_LE(state.waits.count(), state.acquisition_count);
  EXPECT_EQ(state.waiting_count, 0u);
}

// Locks when its thread has given its counts back: objects of a thread die in the reverse order of their making.
struct LocksAtTheEnd {
  std::mutex* mutex = nullptr;
  const LockProbe<true>* probe = nullptr;
  ~LocksAtTheEnd() { lock_and_unlock(*probe, *mutex, 2); }
};

TEST(LockSites, X1_AThreadThatIsEndingIsCountedToo) {
  std::mutex mutex;
  const LockProbe<true> probe("ending");
  std::thread([&] {
    thread_local LocksAtTheEnd last;
    last.mutex = &mutex;
    last.probe = &probe;
    lock_and_unlock(probe, mutex, 1);
  }).join();
  EXPECT_EQ(state_of("ending").acquisition_count, 3u);
}

TEST(LockSites, X2_AWaitIsMeasuredFromTheFailedTryToTheAcquisition) {
  const SteadyClock clock;
  const Duration held = milliseconds(3);
  std::mutex mutex;
  const LockProbe<true> probe("waited");
  probe.lock(mutex);
  const Instant begun_at = clock.now();
  std::thread waiter([&] { lock_and_unlock(probe, mutex, 1); });
  EXPECT_TRUE(test::eventually([] { return state_of("waited").waiting_count == 1; }));
  EXPECT_EQ(state_of("waited").waits.count(), 0u);
  const Instant release_at = clock.now() + held;
  while (clock.now() < release_at) {
  }
  mutex.unlock();
  waiter.join();
  const Duration all = clock.now() - begun_at;

  const LockSites::State state = state_of("waited");
  EXPECT_EQ(state.acquisition_count, 2u);
  EXPECT_EQ(state.waiting_count, 0u);
  EXPECT_EQ(state.waits.count(), 1u);
  EXPECT_GE(state.waits.max(), held);
  EXPECT_LE(state.waits.max(), all);
}

TEST(LockSites, MayBeReadWhileThreadsCountAndSitesAreMade) {
  std::mutex mutex;
  const LockProbe<true> probe("read meanwhile");
  std::thread writer([&] {
    for (int i = 0; i < 2'000; ++i) {
      lock_and_unlock(probe, mutex, 10);
      (void)LockSites::index_of("made meanwhile");
    }
  });
  std::uint64_t before = 0;
  while (before < 20'000) {
    const std::uint64_t now = state_of("read meanwhile").acquisition_count;
    ASSERT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(state_of("read meanwhile").acquisition_count, 20'000u);
}

}  // namespace
}  // namespace nexus::core
