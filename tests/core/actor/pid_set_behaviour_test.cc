// What every set of Pids does, ours and the rivals that tests/bench/pid_set_bench.cc compares: a benchmark of wrong answers is none.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/actor/concurrent_pid_set.h"
#include "core/actor/pid_set.h"
#include "tests/bench/baseline/lock_free_pid_set.h"
#include "tests/bench/baseline/locked_pid_set.h"
#include "tests/bench/baseline/seed_pid_set.h"

namespace nexus::core {
namespace {

template <typename Set>
struct Make {
  Set set;
};
template <>
struct Make<ConcurrentPidSet> {
  ConcurrentPidSet set{"home:1"};
};
template <>
struct Make<bench::LockFreePidSet> {
  bench::LockFreePidSet set{2'000};
};

template <typename Set>
std::multiset<std::string> elements_of(const Set& set) {
  std::multiset<std::string> elements;
  if constexpr (requires { set.to_vector(); }) {
    for (const Pid& pid : set.to_vector()) elements.insert(pid.to_string());
  } else {
    set.for_each([&](const Pid& pid) { elements.insert(pid.to_string()); });
  }
  return elements;
}

Pid numbered(std::size_t number) { return Pid::of_name("peer:1", "a" + std::to_string(number)); }

template <typename Set>
class AnyPidSet : public testing::Test {
 protected:
  Make<Set> made_;
  Set& set_ = made_.set;
};
using All = testing::Types<PidSet, ConcurrentPidSet, bench::SeedPidSet, bench::UnorderedPidSet,
                           bench::RwLockPidSet, bench::ShardedPidSet, bench::LockFreePidSet>;
TYPED_TEST_SUITE(AnyPidSet, All);

TYPED_TEST(AnyPidSet, AddsAndRemovesEachElementOnce) {
  auto& set = this->set_;
  EXPECT_FALSE(set.contains(numbered(1)));
  EXPECT_FALSE(set.remove(numbered(1)));
  EXPECT_TRUE(set.add(numbered(1)));
  EXPECT_FALSE(set.add(numbered(1)));
  EXPECT_TRUE(set.contains(numbered(1)));
  EXPECT_FALSE(set.contains(numbered(2)));
  EXPECT_EQ(set.size(), 1u);
  EXPECT_TRUE(set.remove(numbered(1)));
  EXPECT_FALSE(set.remove(numbered(1)));
  EXPECT_FALSE(set.contains(numbered(1)));
  EXPECT_EQ(set.size(), 0u);
  EXPECT_TRUE(set.add(numbered(1)));
}

TYPED_TEST(AnyPidSet, TellsOneIdAtManyAddressesApart) {
  auto& set = this->set_;
  const auto at = [](int node) { return Pid::of_name("node" + std::to_string(node) + ":1", "x"); };
  for (int node = 0; node < 300; ++node) EXPECT_TRUE(set.add(at(node)));
  for (int node = 0; node < 300; node += 2) EXPECT_TRUE(set.remove(at(node)));
  for (int node = 0; node < 300; ++node) EXPECT_EQ(set.contains(at(node)), node % 2 == 1);
}

TYPED_TEST(AnyPidSet, AgreesWithAnOrderedSetOverRandomSteps) {
  auto& set = this->set_;
  std::mt19937 random(20240611);
  std::multiset<std::string> model;
  // Small sets change their form often, large ones grow and shrink their tables.
  for (const std::size_t key_count : {12u, 40u, 700u}) {
    const int phase = static_cast<int>(key_count) * 3;
    for (int step = 0; step < 12 * phase; ++step) {
      const bool growing = (step / phase) % 2 == 0;
      const Pid pid = numbered(random() % key_count);
      const std::string text = pid.to_string();
      if ((random() % 4 == 0) == growing) {
        ASSERT_EQ(set.remove(pid), model.erase(text) == 1) << "step " << step;
      } else {
        const bool added = !model.contains(text);
        if (added) model.insert(text);
        ASSERT_EQ(set.add(pid), added) << "step " << step;
      }
      ASSERT_EQ(set.contains(pid), model.contains(text)) << "step " << step;
      if (step % 500 == 0) {
        ASSERT_EQ(set.size(), model.size()) << "step " << step;
        ASSERT_EQ(elements_of(set), model) << "step " << step;
      }
    }
    EXPECT_EQ(elements_of(set), model);
  }
}

// Not the seed's: it adds by one key and removes by another.
template <typename Set>
class OneKeyPidSet : public AnyPidSet<Set> {};
using WithOneKey = testing::Types<PidSet, ConcurrentPidSet, bench::UnorderedPidSet,
                                  bench::RwLockPidSet, bench::ShardedPidSet, bench::LockFreePidSet>;
TYPED_TEST_SUITE(OneKeyPidSet, WithOneKey);

TYPED_TEST(OneKeyPidSet, TheRequestIdIsNoPartOfTheKey) {
  auto& set = this->set_;
  EXPECT_TRUE(set.add(numbered(1).with_request_id(7)));
  EXPECT_FALSE(set.add(numbered(1)));
  EXPECT_TRUE(set.contains(numbered(1).with_request_id(8)));
  EXPECT_TRUE(set.remove(numbered(1).with_request_id(9)));
  EXPECT_EQ(set.size(), 0u);
}

// Not the seed's either: two locks for one set.
template <typename Set>
class SharedPidSet : public AnyPidSet<Set> {};
using Concurrent = testing::Types<ConcurrentPidSet, bench::RwLockPidSet, bench::ShardedPidSet,
                                  bench::LockFreePidSet>;
TYPED_TEST_SUITE(SharedPidSet, Concurrent);

constexpr int kThreads = 4;

template <typename Body>
void run_on_threads(Body body) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&body, t] { body(t); });
  for (std::thread& thread : threads) thread.join();
}

TYPED_TEST(SharedPidSet, OneThreadOfManyAddsAndOneRemovesAPid) {
  constexpr std::size_t kCount = 500;
  auto& set = this->set_;
  std::atomic<std::size_t> added{0};
  run_on_threads([&](int) {
    for (std::size_t i = 0; i < kCount; ++i) added += set.add(numbered(i)) ? 1 : 0;
  });
  EXPECT_EQ(added.load(), kCount);
  EXPECT_EQ(set.size(), kCount);
  std::atomic<std::size_t> removed{0};
  run_on_threads([&](int) {
    for (std::size_t i = 0; i < kCount; ++i) removed += set.remove(numbered(i)) ? 1 : 0;
  });
  EXPECT_EQ(removed.load(), kCount);
  EXPECT_EQ(set.size(), 0u);
}

TYPED_TEST(SharedPidSet, WhatWasAddedMoreOftenThanRemovedIsThere) {
  constexpr std::size_t kCount = 16;
  auto& set = this->set_;
  std::array<std::atomic<int>, kCount> balance{};
  run_on_threads([&](int t) {
    std::mt19937 random(static_cast<std::uint32_t>(t));
    for (int step = 0; step < 5'000; ++step) {
      const std::size_t i = random() % kCount;
      if (random() % 2 == 0) {
        if (set.add(numbered(i))) ++balance[i];
      } else {
        if (set.remove(numbered(i))) --balance[i];
      }
    }
  });
  std::size_t size = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(balance[i].load(), set.contains(numbered(i)) ? 1 : 0) << i;
    size += set.contains(numbered(i)) ? 1 : 0;
  }
  EXPECT_EQ(set.size(), size);
}

TYPED_TEST(SharedPidSet, WhatStaysIsFoundWhileOthersComeAndGo) {
  constexpr std::size_t kStaying = 20;
  auto& set = this->set_;
  for (std::size_t i = 0; i < kStaying; ++i) ASSERT_TRUE(set.add(numbered(i)));
  std::atomic<int> missed{0};
  run_on_threads([&](int t) {
    if (t % 2 == 0) {
      // Far enough that tables grow and shrink.
      const std::size_t mine = 1'000 + 200 * static_cast<std::size_t>(t);
      for (int round = 0; round < 20; ++round) {
        for (std::size_t i = 0; i < 200; ++i) missed += set.add(numbered(mine + i)) ? 0 : 1;
        for (std::size_t i = 0; i < 200; ++i) missed += set.remove(numbered(mine + i)) ? 0 : 1;
      }
    } else {
      for (int round = 0; round < 200; ++round) {
        for (std::size_t i = 0; i < kStaying; ++i) missed += set.contains(numbered(i)) ? 0 : 1;
        const std::multiset<std::string> elements = elements_of(set);
        for (std::size_t i = 0; i < kStaying; ++i) {
          missed += elements.count(numbered(i).to_string()) == 1 ? 0 : 1;
        }
      }
    }
  });
  EXPECT_EQ(missed.load(), 0);
  EXPECT_EQ(set.size(), kStaying);
}

}  // namespace
}  // namespace nexus::core
