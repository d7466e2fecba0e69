#include "remote/endpoint_watcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "core/base/mutex.h"

namespace nexus::remote {
namespace {

core::Pid pid(const std::string& id) { return core::Pid::of_name("node:1", id); }

class EndpointWatcherTest : public testing::Test {
 protected:
  bool add(const std::string& watcher, const std::string& watchee) {
    return watches_.add(pid(watcher), pid(watchee));
  }
  bool remove(const std::string& watcher, const std::string& watchee) {
    return watches_.remove(pid(watcher), pid(watchee));
  }
  bool knows(const std::string& watcher, const std::string& watchee) {
    return watches_.knows(pid(watcher), pid(watchee));
  }
  // As `w>x`.
  std::set<std::string> all() {
    std::set<std::string> pairs;
    watches_.for_each([&](const core::Pid& watcher, const core::Pid& watchee) {
      EXPECT_TRUE(pairs.insert(watcher.id() + ">" + watchee.id()).second) << "a pair came twice";
    });
    return pairs;
  }

  EndpointWatcher watches_;
};

TEST_F(EndpointWatcherTest, T1_KnowsEachPairOnce) {
  EXPECT_FALSE(knows("w", "x"));
  EXPECT_TRUE(add("w", "x"));
  EXPECT_FALSE(add("w", "x"));
  EXPECT_TRUE(knows("w", "x"));
  EXPECT_FALSE(knows("w", "y"));
  EXPECT_FALSE(knows("v", "x"));
  EXPECT_TRUE(add("w", "y"));
  EXPECT_TRUE(add("v", "x"));
  EXPECT_EQ(watches_.size(), 3u);
  EXPECT_EQ(all(), (std::set<std::string>{"w>x", "w>y", "v>x"}));
}

TEST_F(EndpointWatcherTest, T1_RemovesEachPairOnce) {
  EXPECT_FALSE(remove("w", "x"));
  EXPECT_TRUE(add("w", "x"));
  EXPECT_FALSE(remove("w", "y"));
  EXPECT_FALSE(remove("v", "x"));
  EXPECT_TRUE(remove("w", "x"));
  EXPECT_FALSE(remove("w", "x"));
  EXPECT_FALSE(knows("w", "x"));
}

TEST_F(EndpointWatcherTest, TheLastWatcheeOfAWatcherGoesAndMayComeBack) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(add("w", "x"));
    EXPECT_TRUE(remove("w", "x"));
    EXPECT_EQ(watches_.size(), 0u);
    EXPECT_TRUE(all().empty());
  }
}

TEST_F(EndpointWatcherTest, RequestIdsTellNobodyApart) {
  EXPECT_TRUE(watches_.add(pid("w").with_request_id(1), pid("x").with_request_id(2)));
  EXPECT_FALSE(watches_.add(pid("w"), pid("x")));
  EXPECT_TRUE(watches_.knows(pid("w").with_request_id(5), pid("x").with_request_id(6)));
  EXPECT_TRUE(watches_.remove(pid("w").with_request_id(3), pid("x").with_request_id(4)));
  EXPECT_EQ(watches_.size(), 0u);
}

TEST_F(EndpointWatcherTest, T1_TakeAllGivesEachPairOnceAndLeavesNothing) {
  EXPECT_TRUE(add("w", "x"));
  EXPECT_TRUE(add("v", "x"));
  EXPECT_TRUE(add("v", "y"));
  EXPECT_TRUE(remove("v", "y"));
  std::set<std::string> taken;
  for (const auto& [watcher, watchee] : watches_.take_all()) {
    EXPECT_TRUE(taken.insert(watcher.id() + ">" + watchee.id()).second);
  }
  EXPECT_EQ(taken, (std::set<std::string>{"w>x", "v>x"}));
  EXPECT_EQ(watches_.size(), 0u);
  EXPECT_TRUE(watches_.take_all().empty());
  EXPECT_FALSE(knows("w", "x"));
}

TEST_F(EndpointWatcherTest, AgreesWithASetOfPairsForRandomCalls) {
  std::minstd_rand random(7);
  std::set<std::string> model;
  for (int i = 0; i < 20'000; ++i) {
    const std::string watcher = std::to_string(random() % 40);
    const std::string watchee = std::to_string(random() % 12);
    const std::string pair = watcher + ">" + watchee;
    ASSERT_EQ(knows(watcher, watchee), model.contains(pair));
    if (random() % 2 == 0) {
      ASSERT_EQ(add(watcher, watchee), model.insert(pair).second);
    } else {
      ASSERT_EQ(remove(watcher, watchee), model.erase(pair) == 1);
    }
    ASSERT_EQ(watches_.size(), model.size());
  }
  EXPECT_EQ(all(), model);
}

// The owner changes other pairs of the same watchers, so that sets grow, shrink and go; what stands is found all the time.
TEST_F(EndpointWatcherTest, T3_WhatStandsIsFoundWhileTheOwnerChangesTheRest) {
  constexpr std::size_t kWatcherCount = 24;
  std::vector<core::Pid> watchers;
  for (std::size_t i = 0; i < kWatcherCount; ++i) watchers.push_back(pid("w" + std::to_string(i)));
  // Only the even ones watch this for good; the sets of the others come and go as a whole.
  const core::Pid lasting = pid("lasting");
  for (std::size_t i = 0; i < kWatcherCount; i += 2)
    EXPECT_TRUE(watches_.add(watchers[i], lasting));
  const core::Pid never = pid("never");

  std::atomic<bool> ended{false};
  std::atomic<int> wrong_count{0};
  std::vector<std::thread> askers;
  for (int thread = 0; thread < 2; ++thread) {
    askers.emplace_back([&] {
      while (!ended.load()) {
        for (std::size_t i = 0; i < kWatcherCount; ++i) {
          wrong_count += watches_.knows(watchers[i], lasting) == (i % 2 == 0) ? 0 : 1;
          wrong_count += watches_.knows(watchers[i], never) ? 1 : 0;
        }
      }
    });
  }
  std::minstd_rand random(11);
  for (int i = 0; i < 100'000; ++i) {
    const core::Pid& watcher = watchers[random() % kWatcherCount];
    const core::Pid other = pid("x" + std::to_string(random() % 20));
    (void)(random() % 2 == 0 ? watches_.add(watcher, other) : watches_.remove(watcher, other));
    if (i % 1'000 == 0) {
      EXPECT_GE(all().size(), kWatcherCount / 2);
    }
  }
  ended.store(true);
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(wrong_count.load(), 0);
}

// As the endpoint does it: look first, then change and tell under one mutex. In the end the peer knows what holds.
TEST_F(EndpointWatcherTest, T2_ThePeerKnowsInTheEndWhatHoldsInTheEnd) {
  constexpr int kThreadCount = 3;
  constexpr int kCallCount = 20'000;
  core::Mutex link{"test_link"};
  std::set<std::string> peer;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreadCount; ++thread) {
    threads.emplace_back([&, thread] {
      std::minstd_rand random(static_cast<unsigned>(thread) + 1);
      for (int i = 0; i < kCallCount; ++i) {
        // The same pairs for all threads.
        const core::Pid watcher = pid("w" + std::to_string(random() % 3));
        const core::Pid watchee = pid("x" + std::to_string(random() % 3));
        const std::string pair = watcher.id() + ">" + watchee.id();
        if (random() % 2 == 0) {
          if (watches_.knows(watcher, watchee)) continue;
          const core::MutexLock lock(link);
          if (watches_.add(watcher, watchee)) {
            EXPECT_TRUE(peer.insert(pair).second);
          }
        } else {
          const core::MutexLock lock(link);
          if (watches_.remove(watcher, watchee)) {
            EXPECT_EQ(peer.erase(pair), 1u);
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(peer, all());
}

}  // namespace
}  // namespace nexus::remote
