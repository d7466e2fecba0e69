#include "remote/tell_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace nexus::remote {
namespace {

TEST(TellQueue, CallsInTheOrderOfThePlaces) {
  TellQueue queue;
  std::string called;
  const auto note = [&](char what) { return [&called, what] { called += what; }; };
  const auto a = queue.take_place();
  const auto b = queue.take_place();
  const auto c = queue.take_place();
  queue.fill(c, note('c'));
  queue.fill(b, note('b'));
  EXPECT_EQ(called, "");
  queue.fill(a, note('a'));
  EXPECT_EQ(called, "abc");
  queue.fill(queue.take_place(), note('d'));
  EXPECT_EQ(called, "abcd");
}

TEST(TellQueue, WhatIsFilledFromACallComesAfterIt) {
  TellQueue queue;
  std::string called;
  queue.fill(queue.take_place(), [&] {
    queue.fill(queue.take_place(), [&] { called += 'b'; });
    called += 'a';
  });
  EXPECT_EQ(called, "ab");
}

TEST(TellQueue, HoldsForManyThreads) {
  constexpr int kCount = 2'000;
  TellQueue queue;
  std::vector<TellQueue::Place> places;
  for (int i = 0; i < kCount; ++i) places.push_back(queue.take_place());
  // Not locked: that only one is called at a time is what ThreadSanitizer sees.
  std::vector<int> called;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = kCount - 1 - thread; i >= 0; i -= 3) {
        queue.fill(places[static_cast<std::size_t>(i)], [&called, i] { called.push_back(i); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(called.size(), std::size_t{kCount});
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(called[static_cast<std::size_t>(i)], i);
}

}  // namespace
}  // namespace nexus::remote
