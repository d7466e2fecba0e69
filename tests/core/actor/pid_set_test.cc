#include "core/actor/pid_set.h"

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(PidSet, AddsAndRemovesEachElementOnce) {
  PidSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_TRUE(set.add(Pid::of_name("a:1", "x")));
  EXPECT_FALSE(set.add(Pid::of_name("a:1", "x").with_request_id(7)));
  EXPECT_TRUE(set.contains(Pid::of_name("a:1", "x")));
  EXPECT_EQ(set.size(), 1u);
  EXPECT_TRUE(set.remove(Pid::of_name("a:1", "x")));
  EXPECT_FALSE(set.remove(Pid::of_name("a:1", "x")));
  EXPECT_TRUE(set.empty());
}

TEST(PidSet, AgreesWithAnOrderedSetOverRandomSteps) {
  std::mt19937 random(20240611);
  PidSet set;
  std::set<std::string> model;
  for (int step = 0; step < 20'000; ++step) {
    // Phases of growth and of decline, so that the set changes its form in both directions.
    const bool growing = (step / 200) % 2 == 0;
    const std::string id = std::to_string(random() % 40);
    const Pid pid = Pid::of_name("a:1", id);
    if ((random() % 4 == 0) == growing) {
      EXPECT_EQ(set.remove(pid), model.erase(id) == 1) << "step " << step;
    } else {
      EXPECT_EQ(set.add(pid), model.insert(id).second) << "step " << step;
    }
    ASSERT_EQ(set.size(), model.size()) << "step " << step;
    ASSERT_EQ(set.contains(pid), model.contains(id)) << "step " << step;
    if (step % 2'000 == 0) {
      std::set<std::string> listed;
      for (const Pid& element : set.to_vector()) listed.insert(element.id());
      EXPECT_EQ(listed, model);
    }
  }
  set.clear();
  EXPECT_TRUE(set.empty());
}

TEST(PidSet, FindsAnActorByHandleAndByName) {
  TestSystem system({.address = "n1:1"});
  // Below and above the border between the two forms.
  for (const std::size_t count : {PidSet::kFlatCountMax / 2, 4 * PidSet::kFlatCountMax}) {
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
  for (int i = 0; i < 500; ++i) (void)system.spawn(idle());
  for (const Pid& handle : handles) EXPECT_TRUE(set.remove(handle));
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace nexus::core
