#include "core/actor/cell_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::share;
using test::TestSystem;

Props idle() {
  return props_of([](Context&) {});
}

TEST(CellTable, HoldsAtMostItsLimitOfActors) {
  TestSystem system({.cells = {.actor_count_max = 3}});
  std::vector<Pid> actors;
  for (int i = 0; i < 3; ++i) actors.push_back(system.spawn(idle()));
  const Result<Pid> refused = system->spawn(share(idle()));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Errc::resource_exhausted);
  EXPECT_EQ(refused.error().reason, "OVERLOADED");
  system->stop(actors[1]);
  EXPECT_TRUE(test::eventually([&] { return system->spawn(share(idle())).ok(); }));
  EXPECT_EQ(system->cells().live_count(), 3u);
}

TEST(CellTable, CellsOfNamedActorsRest) {
  TestSystem system({.cells = {.resting_count = 2}});
  std::vector<Pid> stopped;
  for (int i = 0; i < 4; ++i) {
    stopped.push_back(system.spawn_named(idle(), "a" + std::to_string(i)));
    system.stop(stopped.back());
    ASSERT_TRUE(test::eventually([&] { return system->cells().live_count() == 0; }));
  }
  // The oldest was used again for the fourth.
  EXPECT_NE(stopped[0].id(), "a0");
  for (int i = 1; i < 4; ++i)
    EXPECT_EQ(stopped[static_cast<std::size_t>(i)].id(), "a" + std::to_string(i));
}

TEST(CellTable, KnowsWhoLivesWhere) {
  TestSystem system;
  const Pid named = system.spawn_named(idle(), "cart");
  const Pid anonymous = system.spawn(idle());
  const auto info = system->cells().info(*named.cell(), named.generation());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->name, "cart");
  EXPECT_TRUE(info->parent.is_process());
  EXPECT_FALSE(system->cells().info(*named.cell(), named.generation() + 1).has_value());
  EXPECT_EQ(system->cells().live(0, 10), (std::vector<Pid>{named, anonymous}));
  EXPECT_EQ(system->cells().live(1, 10), std::vector<Pid>{anonymous});
  EXPECT_EQ(system->cells().live(0, 1), std::vector<Pid>{named});
  system.stop(named);
  EXPECT_EQ(system->cells().live(0, 10), std::vector<Pid>{anonymous});
}

TEST(CellTable, GrowsBeyondOneChunk) {
  std::set<std::string> ids;
  TestSystem system;
  for (int i = 0; i < 5'000; ++i) ids.insert(system.spawn(idle()).id());
  EXPECT_EQ(ids.size(), 5'000u);
  EXPECT_EQ(system->cells().live(0, 100'000).size(), 5'000u);
  EXPECT_EQ(system->cells().live_count(), 5'000u);
}

TEST(CellTable, CanBeReadWhileActorsComeAndGo) {
  std::atomic<bool> stop{false};
  TestSystem system;
  std::thread reader([&] {
    while (!stop.load()) {
      for (const Pid& actor : system->cells().live(0, 1'000)) {
        const std::string id = actor.id();
        EXPECT_TRUE(id.starts_with("a") || id.starts_with("$c")) << id;
        const Pid found = system->registry().find(id);
        EXPECT_TRUE(found.empty() || found.is_cell());
      }
    }
  });
  for (int i = 0; i < 2'000; ++i) {
    const Pid named = system.spawn_named(idle(), "a" + std::to_string(i % 10));
    const Pid anonymous = system.spawn(idle());
    system->stop(anonymous);
    system.stop(named);
  }
  stop.store(true);
  reader.join();
}

}  // namespace
}  // namespace nexus::core
