#include "core/base/asymmetric_fence.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace nexus::core {
namespace {

// Each side stores its own flag and then looks at the other's: with the fences they cannot both miss it.
TEST(AsymmetricFence, OneOfTheTwoSeesTheOther) {
  constexpr int kRounds = 20'000;
  struct alignas(64) Flag {
    std::atomic<int> value{0};
  };
  Flag light;
  Flag heavy;
  Flag turn;
  int light_saw = 0;
  int heavy_saw = 0;
  int both_missed = 0;
  std::thread other([&] {
    for (int round = 1; round <= kRounds; ++round) {
      while (turn.value.load() != 2 * round - 1) {
      }
      light.value.store(round, std::memory_order_relaxed);
      light_fence();
      light_saw = heavy.value.load(std::memory_order_relaxed);
      turn.value.store(2 * round);
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    turn.value.store(2 * round - 1);
    heavy.value.store(round, std::memory_order_relaxed);
    heavy_fence();
    heavy_saw = light.value.load(std::memory_order_relaxed);
    while (turn.value.load() != 2 * round) {
    }
    if (light_saw != round && heavy_saw != round) ++both_missed;
  }
  other.join();
  EXPECT_EQ(both_missed, 0);
}

}  // namespace
}  // namespace nexus::core
