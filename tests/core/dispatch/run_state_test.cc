#include "core/dispatch/run_state.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "core/base/check.h"

namespace nexus::core {
namespace {

TEST(RunState, R1_TheFirstNotifyEnqueues) {
  RunState state;
  EXPECT_EQ(state.notify(), OnNotify::enqueue);
  EXPECT_EQ(state.notify(), OnNotify::already_pending);
}

TEST(RunState, R1_ANotifyBeforeTheRunIsServedByIt) {
  RunState state;
  EXPECT_EQ(state.notify(), OnNotify::enqueue);
  EXPECT_EQ(state.notify(), OnNotify::already_pending);
  state.begin_run();
  EXPECT_EQ(state.end_run(), OnYield::sleep);
  EXPECT_EQ(state.notify(), OnNotify::enqueue);
}

TEST(RunState, R1_ANotifyDuringTheRunMakesItRunAgain) {
  RunState state;
  EXPECT_EQ(state.notify(), OnNotify::enqueue);
  state.begin_run();
  EXPECT_EQ(state.notify(), OnNotify::already_pending);
  EXPECT_EQ(state.notify(), OnNotify::already_pending);
  EXPECT_EQ(state.end_run(), OnYield::run_again);
  // Counts as queued.
  EXPECT_EQ(state.notify(), OnNotify::already_pending);
  state.begin_run();
  EXPECT_EQ(state.end_run(), OnYield::sleep);
}

// Producers add to a counter, as if it were a mailbox, and notify. Whoever is told to enqueue raises the ready flag; two
// consumers compete for it.
TEST(RunState, R1R2_NothingIsLostOrRunTwiceAtOnceUnderContention) {
  constexpr std::uint32_t kProducers = 2;
  constexpr std::uint32_t kEach = 100'000;
  RunState state;
  OwnerThread owner;
  std::atomic<std::uint32_t> waiting{0};
  std::atomic<std::uint32_t> ready{0};
  std::atomic<std::uint32_t> running{0};
  std::atomic<std::uint32_t> overlaps{0};
  // Plain: only the owner touches it, and the state word hands it over.
  std::uint32_t consumed = 0;
  std::atomic<bool> all_consumed{false};

  std::vector<std::thread> threads;
  for (int c = 0; c < 2; ++c) {
    threads.emplace_back([&] {
      while (!all_consumed.load()) {
        std::uint32_t one = 1;
        if (!ready.compare_exchange_strong(one, 0)) {
          std::this_thread::yield();
          continue;
        }
        for (OnYield yield = OnYield::run_again; yield == OnYield::run_again;) {
          owner.enter();
          state.begin_run();
          overlaps += running.fetch_add(1);
          // Relaxed, as in a mailbox lane: the state word alone must order it.
          const std::uint32_t taken = waiting.load(std::memory_order_relaxed);
          waiting.fetch_sub(taken, std::memory_order_relaxed);
          consumed += taken;
          if (consumed == kProducers * kEach) all_consumed.store(true);
          running.fetch_sub(1);
          owner.leave();
          yield = state.end_run();
        }
      }
    });
  }
  for (std::uint32_t p = 0; p < kProducers; ++p) {
    threads.emplace_back([&] {
      for (std::uint32_t i = 0; i < kEach; ++i) {
        waiting.fetch_add(1, std::memory_order_relaxed);
        if (state.notify() == OnNotify::enqueue) overlaps += ready.exchange(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(consumed, kProducers * kEach);
  EXPECT_EQ(overlaps.load(), 0u);
}

}  // namespace
}  // namespace nexus::core
