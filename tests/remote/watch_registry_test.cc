#include "remote/watch_registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

namespace nexus::remote {
namespace {

core::Pid pid(const std::string& id) { return core::Pid::of_name("node:1", id); }

std::set<std::string> text_of(const std::vector<WatchRegistry::Watch>& watches) {
  std::set<std::string> text;
  for (const auto& [watcher, watchee] : watches) text.insert(watcher.id() + ">" + watchee.id());
  EXPECT_EQ(text.size(), watches.size()) << "a pair came twice";
  return text;
}

TEST(WatchRegistry, KnowsEachPairOnce) {
  WatchRegistry registry;
  EXPECT_TRUE(registry.add(pid("w"), pid("x")));
  EXPECT_FALSE(registry.add(pid("w"), pid("x")));
  EXPECT_TRUE(registry.add(pid("w"), pid("y")));
  EXPECT_TRUE(registry.add(pid("v"), pid("x")));
  EXPECT_EQ(registry.size(), 3u);
  EXPECT_EQ(text_of(registry.all()), (std::set<std::string>{"w>x", "w>y", "v>x"}));
}

TEST(WatchRegistry, RemovesEachPairOnce) {
  WatchRegistry registry;
  EXPECT_FALSE(registry.remove(pid("w"), pid("x")));
  (void)registry.add(pid("w"), pid("x"));
  EXPECT_FALSE(registry.remove(pid("w"), pid("y")));
  EXPECT_FALSE(registry.remove(pid("v"), pid("x")));
  EXPECT_TRUE(registry.remove(pid("w"), pid("x")));
  EXPECT_FALSE(registry.remove(pid("w"), pid("x")));
  EXPECT_EQ(registry.size(), 0u);
  EXPECT_TRUE(registry.add(pid("w"), pid("x"))) << "a removed pair may come again";
}

TEST(WatchRegistry, RequestIdsTellNobodyApart) {
  WatchRegistry registry;
  EXPECT_TRUE(registry.add(pid("w").with_request_id(1), pid("x").with_request_id(2)));
  EXPECT_FALSE(registry.add(pid("w"), pid("x")));
  EXPECT_TRUE(registry.remove(pid("w").with_request_id(3), pid("x").with_request_id(4)));
}

TEST(WatchRegistry, TakeAllLeavesNothing) {
  WatchRegistry registry;
  (void)registry.add(pid("w"), pid("x"));
  (void)registry.add(pid("v"), pid("x"));
  EXPECT_EQ(text_of(registry.take_all()), (std::set<std::string>{"w>x", "v>x"}));
  EXPECT_EQ(registry.size(), 0u);
  EXPECT_TRUE(registry.take_all().empty());
}

TEST(WatchRegistry, AgreesWithASetOfPairsForRandomCalls) {
  std::minstd_rand random(7);
  WatchRegistry registry;
  std::set<std::string> model;
  for (int i = 0; i < 20'000; ++i) {
    const std::string watcher = std::to_string(random() % 12);
    const std::string watchee = std::to_string(random() % 40);
    const std::string pair = watcher + ">" + watchee;
    if (random() % 2 == 0) {
      ASSERT_EQ(registry.add(pid(watcher), pid(watchee)), model.insert(pair).second);
    } else {
      ASSERT_EQ(registry.remove(pid(watcher), pid(watchee)), model.erase(pair) == 1);
    }
    ASSERT_EQ(registry.size(), model.size());
  }
  EXPECT_EQ(text_of(registry.all()), model);
}

}  // namespace
}  // namespace nexus::remote
