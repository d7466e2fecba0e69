#include "core/dispatch/run_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/actor/actor_cell.h"

namespace nexus::core {
namespace {

TEST(RunQueue, Q1_IsFirstInFirstOut) {
  RunQueue queue;
  std::vector<ActorCell> cells(3);
  EXPECT_EQ(queue.try_pop(), nullptr);
  // Many rounds, so that the ring wraps.
  for (int round = 0; round < 1'000; ++round) {
    for (ActorCell& cell : cells) EXPECT_TRUE(queue.try_push(cell));
    EXPECT_EQ(queue.size_approx(), 3u);
    for (ActorCell& cell : cells) EXPECT_EQ(queue.try_pop(), &cell);
    EXPECT_EQ(queue.try_pop(), nullptr);
  }
}

TEST(RunQueue, Q2_IsFullAtItsCapacity) {
  RunQueue queue;
  ActorCell cell;
  for (std::uint64_t i = 0; i < RunQueue::kCapacity; ++i) EXPECT_TRUE(queue.try_push(cell));
  EXPECT_FALSE(queue.try_push(cell));
  EXPECT_NE(queue.try_pop(), nullptr);
  EXPECT_TRUE(queue.try_push(cell));
  EXPECT_FALSE(queue.try_push(cell));
}

TEST(RunQueue, Q1_EachCellIsTakenOnceByOwnerAndThieves) {
  constexpr std::uint32_t kRounds = 200;
  constexpr std::uint32_t kCells = 400;
  RunQueue queue;
  std::vector<ActorCell> cells(kCells);
  std::vector<std::atomic<std::uint32_t>> taken(kCells);
  const auto take = [&] {
    if (ActorCell* cell = queue.try_pop()) ++taken[static_cast<std::size_t>(cell - cells.data())];
  };
  std::atomic<bool> done{false};
  std::vector<std::thread> thieves;
  for (int t = 0; t < 2; ++t) {
    thieves.emplace_back([&] {
      while (!done.load()) take();
    });
  }
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    for (ActorCell& cell : cells) {
      while (!queue.try_push(cell)) take();
      if (cell.index() % 3 == 0) take();
    }
  }
  while (queue.size_approx() > 0) take();
  done.store(true);
  for (std::thread& thief : thieves) thief.join();
  for (const auto& count : taken) EXPECT_EQ(count.load(), kRounds);
}

}  // namespace
}  // namespace nexus::core
