#include "core/base/sharded_counter.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace nexus::core {
namespace {

TEST(ShardedCounter, LosesNothingThatManyThreadsAdd) {
  ShardedCounter counter;
  std::vector<std::thread> threads;
  for (int t = 0; t < 20; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) counter.add();
      counter.add(5);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.sum(), 20u * 10'005u);
}

}  // namespace
}  // namespace nexus::core
