// What ConcurrentPidSet does beyond what pid_set_behaviour_test.cc asks of every set.

#include "core/actor/concurrent_pid_set.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::TestSystem;

Props idle() {
  return props_of([](Context&) {});
}

struct Actor {
  Pid handle;
  Pid record;
};

std::vector<Actor> spawn(TestSystem& system, std::size_t count) {
  std::vector<Actor> actors;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "a" + std::to_string(i);
    actors.push_back({system.spawn_named(idle(), name), Pid::of_name("n1:1", name)});
  }
  return actors;
}

TEST(ConcurrentPidSet, Q1_FindsAnActorByHandleAndByName) {
  TestSystem system({.address = "n1:1"});
  const std::vector<Actor> actors = spawn(system, 60);
  ConcurrentPidSet set("n1:1");
  for (std::size_t i = 0; i < actors.size(); ++i) {
    const Actor& actor = actors[i];
    EXPECT_TRUE(set.add(i % 2 == 0 ? actor.handle : actor.record));
    EXPECT_FALSE(set.add(actor.record));
    EXPECT_FALSE(set.add(actor.handle));
    EXPECT_TRUE(set.contains(actor.record));
    EXPECT_TRUE(set.contains(actor.handle));
    EXPECT_FALSE(set.contains(Pid::of_name("n2:1", actor.record.id())));
  }
  EXPECT_EQ(set.size(), actors.size());
  EXPECT_EQ(set.to_vector().size(), actors.size());
  for (std::size_t i = 0; i < actors.size(); ++i) {
    const Actor& actor = actors[i];
    EXPECT_TRUE(set.remove(i % 3 == 0 ? actor.handle : actor.record)) << i;
    EXPECT_FALSE(set.remove(actor.handle));
    EXPECT_FALSE(set.remove(actor.record));
    EXPECT_FALSE(set.contains(actor.handle));
    EXPECT_FALSE(set.contains(actor.record));
  }
  EXPECT_EQ(set.size(), 0u);
}

TEST(ConcurrentPidSet, Q1_AnActorThatIsAddedByHandleAndByNameAtOnceIsAddedOnce) {
  TestSystem system({.address = "n1:1"});
  const std::vector<Actor> actors = spawn(system, 200);
  ConcurrentPidSet set("n1:1");
  std::atomic<std::size_t> added{0};
  std::atomic<std::size_t> removed{0};
  const auto on_two_threads = [&](auto call, std::atomic<std::size_t>& count) {
    std::thread by_name([&] {
      for (const Actor& actor : actors) count += (set.*call)(actor.record) ? 1 : 0;
    });
    for (const Actor& actor : actors) count += (set.*call)(actor.handle) ? 1 : 0;
    by_name.join();
  };
  on_two_threads(&ConcurrentPidSet::add, added);
  EXPECT_EQ(added.load(), actors.size());
  EXPECT_EQ(set.size(), actors.size());
  on_two_threads(&ConcurrentPidSet::remove, removed);
  EXPECT_EQ(removed.load(), actors.size());
  EXPECT_EQ(set.size(), 0u);
}

TEST(ConcurrentPidSet, Q2_EachElementIsGivenToOneTaker) {
  constexpr int kTakers = 3;
  constexpr std::size_t kRounds = 200;
  constexpr std::size_t kPerRound = 20;
  ConcurrentPidSet set("n1:1");
  std::atomic<bool> done{false};
  std::atomic<std::size_t> taken{0};
  std::vector<std::thread> takers;
  for (int t = 0; t < kTakers; ++t) {
    takers.emplace_back([&] {
      while (!done.load()) taken += set.take_all().size();
      taken += set.take_all().size();
    });
  }
  std::size_t removed = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kPerRound; ++i) {
      const Pid pid = Pid::of_name(i % 5 == 0 ? "n1:1" : "n2:1", std::to_string(round * 100 + i));
      ASSERT_TRUE(set.add(pid));
      if (i % 4 == 0) removed += set.remove(pid) ? 1 : 0;
    }
  }
  done.store(true);
  for (std::thread& taker : takers) taker.join();
  EXPECT_EQ(taken.load() + removed, kRounds * kPerRound);
  EXPECT_EQ(set.size(), 0u);
}

TEST(ConcurrentPidSet, HasNoPlaceForTheEmptyPid) {
  ConcurrentPidSet set("n1:1");
  EXPECT_FALSE(set.add(Pid()));
  EXPECT_FALSE(set.contains(Pid()));
  EXPECT_FALSE(set.remove(Pid()));
  EXPECT_EQ(set.size(), 0u);
}

}  // namespace
}  // namespace nexus::core
