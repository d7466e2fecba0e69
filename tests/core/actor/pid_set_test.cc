#include "core/actor/pid_set.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::TestSystem;

Props idle() {
  return props_of([](Context&) {});
}

TEST(PidSet, FindsAnActorByHandleAndByName) {
  TestSystem system({.address = "n1:1"});
  // Below and above the border between the two forms.
  for (const std::size_t count : {PidSet::kInlineCountMax / 2, 4 * PidSet::kInlineCountMax}) {
    PidSet set;
    std::vector<Pid> handles;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "c" + std::to_string(count) + "-" + std::to_string(i);
      handles.push_back(system.spawn_named(idle(), name));
      const Pid record = Pid::of_name("n1:1", name);
      // Half of them by one sort, half by the other.
      EXPECT_TRUE(set.add(i % 2 == 0 ? handles.back() : record));
      EXPECT_FALSE(set.add(i % 2 == 0 ? record : handles.back()));
      EXPECT_FALSE(set.contains(Pid::of_name("n2:1", name)));
    }
    EXPECT_EQ(set.size(), count);
    for (const Pid& handle : handles) {
      const Pid record = Pid::of_name("n1:1", handle.id());
      EXPECT_TRUE(set.contains(handle));
      EXPECT_TRUE(set.contains(record));
      EXPECT_TRUE(set.remove(handle.cell()->index() % 3 == 0 ? handle : record));
      EXPECT_FALSE(set.contains(handle));
      EXPECT_FALSE(set.contains(record));
    }
    EXPECT_TRUE(set.empty());
  }
}

TEST(PidSet, HoldsFutures) {
  TestSystem system({.address = "n1:1"});
  const auto open = [&] { return system->futures().open(Instant::max(), [](Answer) {}); };
  PidSet set;
  const Pid first = open();
  const Pid second = open();
  EXPECT_TRUE(set.add(first));
  EXPECT_TRUE(set.contains(first));
  EXPECT_TRUE(set.contains(Pid::of_name("n1:1", first.id())));
  EXPECT_FALSE(set.contains(second));
  EXPECT_TRUE(set.add(second));
  EXPECT_TRUE(set.remove(first));
  EXPECT_EQ(set.size(), 1u);
}

TEST(PidSet, FindsAHandleAmongRecordsThatWereThereFirst) {
  TestSystem system({.address = "n1:1"});
  for (const std::size_t count : {std::size_t{2}, 4 * PidSet::kInlineCountMax}) {
    PidSet set;
    for (std::size_t i = 0; i < count; ++i) {
      set.add(Pid::of_name(i % 2 == 0 ? "n1:1" : "n2:1", std::to_string(count + i)));
    }
    const Pid first = system.spawn_named(idle(), std::to_string(count));
    const Pid second = system.spawn_named(idle(), std::to_string(count + 1));
    EXPECT_TRUE(set.contains(first));
    EXPECT_FALSE(set.contains(second));
    EXPECT_FALSE(set.add(first));
    EXPECT_TRUE(set.add(second));
    EXPECT_TRUE(set.remove(first));
    EXPECT_FALSE(set.contains(first));
    EXPECT_EQ(set.size(), count);
  }
}

TEST(PidSet, AgreesWithAModelOfActorsThatComeByHandleAndByName) {
  constexpr std::size_t kCount = 60;
  TestSystem system({.address = "n1:1"});
  std::vector<std::array<Pid, 2>> actors;
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::string name = "actor number " + std::to_string(i);
    if (i % 3 == 0) {
      actors.push_back({Pid::of_name("n2:1", name), Pid::of_name("n2:1", name)});
    } else {
      actors.push_back({system.spawn_named(idle(), name), Pid::of_name("n1:1", name)});
    }
  }
  std::mt19937 random(7);
  PidSet set;
  std::set<std::size_t> model;
  for (int step = 0; step < 20'000; ++step) {
    const bool growing = (step / 300) % 2 == 0;
    const std::size_t i = random() % kCount;
    const Pid& pid = actors[i][random() % 2];
    if ((random() % 4 == 0) == growing) {
      ASSERT_EQ(set.remove(pid), model.erase(i) == 1) << "step " << step;
    } else {
      ASSERT_EQ(set.add(pid), model.insert(i).second) << "step " << step;
    }
    const std::size_t other = random() % kCount;
    ASSERT_EQ(set.contains(actors[other][random() % 2]), model.contains(other)) << "step " << step;
    ASSERT_EQ(set.size(), model.size()) << "step " << step;
  }
}

TEST(PidSet, AnEmptySetForgetsWhichNodeItWasOn) {
  TestSystem first({.address = "n1:1"});
  TestSystem second({.address = "n2:1"});
  PidSet set;
  for (TestSystem* system : {&first, &second}) {
    const std::string address = (*system)->address();
    const Pid handle = system->spawn_named(idle(), "cart");
    EXPECT_TRUE(set.add(handle));
    EXPECT_TRUE(set.contains(Pid::of_name(address, "cart")));
    EXPECT_TRUE(set.remove(Pid::of_name(address, "cart")));
  }
}

TEST(PidSet, S4_HasNoPlaceForTheEmptyPid) {
  PidSet set;
  EXPECT_FALSE(set.add(Pid()));
  for (int i = 0; i < 20; ++i) set.add(Pid::of_name("a:1", std::to_string(i)));
  EXPECT_FALSE(set.add(Pid()));
  EXPECT_FALSE(set.contains(Pid()));
  EXPECT_FALSE(set.remove(Pid()));
  EXPECT_EQ(set.size(), 20u);
}

TEST(PidSet, IsEmptyAfterItWasMovedTakenOrCleared) {
  for (const int count : {3, 100}) {
    PidSet set;
    for (int i = 0; i < count; ++i) set.add(Pid::of_name("a:1", std::to_string(i)));
    PidSet other = std::move(set);
    EXPECT_TRUE(set.empty());
    EXPECT_FALSE(set.contains(Pid::of_name("a:1", "1")));
    EXPECT_TRUE(other.contains(Pid::of_name("a:1", "1")));
    set = std::move(other);
    EXPECT_EQ(set.size(), static_cast<std::size_t>(count));
    const std::vector<Pid> taken = set.take_all();
    EXPECT_TRUE(set.empty());
    std::set<std::string> ids;
    for (const Pid& pid : taken) ids.insert(pid.id());
    EXPECT_EQ(ids.size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(set.add(taken.front()));
    set.clear();
    EXPECT_TRUE(set.empty());
    EXPECT_FALSE(set.contains(taken.front()));
  }
}

TEST(PidSetDeathTest, S2_ChangingTheSetThatIsBeingVisitedIsABug) {
  PidSet set;
  set.add(Pid::of_name("a:1", "x"));
  const auto while_visiting = [&](auto change) { set.for_each([&](const Pid&) { change(); }); };
  EXPECT_DEATH(while_visiting([&] { set.add(Pid::of_name("a:1", "y")); }), "CHECK failed");
  EXPECT_DEATH(while_visiting([&] { set.remove(Pid::of_name("a:1", "z")); }), "CHECK failed");
  EXPECT_DEATH(while_visiting([&] { set.clear(); }), "CHECK failed");
  EXPECT_DEATH(while_visiting([&] { (void)set.take_all(); }), "CHECK failed");
  // Looking is free, and afterwards so is changing.
  while_visiting([&] { EXPECT_TRUE(set.contains(Pid::of_name("a:1", "x"))); });
  EXPECT_TRUE(set.add(Pid::of_name("a:1", "y")));
}

TEST(PidSet, S1_HandlesOfStoppedActorsAreStillFound) {
  TestSystem system({.cells = {.resting_count = 0}});
  PidSet set;
  std::vector<Pid> handles;
  for (int i = 0; i < 500; ++i) {
    handles.push_back(i % 2 == 0 ? system.spawn(idle())
                                 : system.spawn_named(idle(), "a" + std::to_string(i)));
    set.add(handles.back());
  }
  for (const Pid& handle : handles) system.stop(handle);
  // Their cells get new tenants, so that nobody knows their names any more.
  for (int i = 0; i < 500; ++i) EXPECT_FALSE(set.contains(system.spawn(idle())));
  for (const Pid& handle : handles) EXPECT_TRUE(set.remove(handle));
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace nexus::core
