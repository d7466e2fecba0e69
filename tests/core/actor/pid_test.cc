#include "core/actor/pid.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Diary;
using test::steered;
using test::TestSystem;

Props idle() {
  return props_of([](Context&) {});
}

TEST(SplitPid, TakesTheFirstSlashAsTheBorder) {
  const auto text = split_pid("10.0.0.1:4020/shop/basket-7");
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(text->address, "10.0.0.1:4020");
  EXPECT_EQ(text->id, "shop/basket-7");
}

TEST(SplitPid, RefusesTextWithoutAddressSlashOrId) {
  for (const char* bad : {"", "/", "host:1", "host:1/", "/id"}) {
    EXPECT_FALSE(split_pid(bad).has_value()) << bad;
  }
}

TEST(Pid, IsEmptyByDefaultAndEqualsAllEmptyOnes) {
  Pid full = Pid::of_name("a:1", "x");
  const Pid moved = std::move(full);
  EXPECT_TRUE(full.empty());
  EXPECT_EQ(full, Pid{});
  EXPECT_EQ(full.hash(), Pid{}.hash());
  EXPECT_EQ(Pid{}.to_string(), "");
  EXPECT_NE(moved, Pid{});
}

TEST(Pid, P2_RecordsAreEqualWhenAddressAndIdAre) {
  const Pid one = Pid::of_name("a:1", "x");
  EXPECT_EQ(one, Pid::of_name("a:1", "x"));
  EXPECT_EQ(one.hash(), Pid::of_name("a:1", "x").hash());
  EXPECT_NE(one, Pid::of_name("a:2", "x"));
  EXPECT_NE(one, Pid::of_name("a:1", "y"));
  EXPECT_EQ(one.to_string(), "a:1/x");
}

TEST(Pid, P2_AHandleAndARecordOfOneActorAreEqual) {
  TestSystem system({.address = "n1:1"});
  const Pid handle = system.spawn_named(idle(), "cart");
  EXPECT_EQ(handle, Pid::of_name("n1:1", "cart"));
  EXPECT_EQ(Pid::of_name("n1:1", "cart"), handle);
  EXPECT_NE(handle, Pid::of_name("n2:1", "cart"));
  const Pid future = system->futures().open(test::give_up_at(), [](Answer) {});
  EXPECT_TRUE(future.is_future());
  EXPECT_EQ(future, Pid::of_name("n1:1", "$f0"));
  EXPECT_NE(future, handle);
  EXPECT_TRUE(system->futures().cancel(future));
}

TEST(Pid, P2_HandlesToTwoActorsOfOneNameDiffer) {
  TestSystem system;
  const Pid first = system.spawn_named(idle(), "cart");
  system.stop(first);
  const Pid second = system.spawn_named(idle(), "cart");
  EXPECT_NE(first, second);
}

TEST(Pid, P3_TheRequestIdTakesNoPartInEqualityOrHash) {
  const Pid plain = Pid::of_name("a:1", "x");
  const Pid asked = plain.with_request_id(42);
  EXPECT_EQ(asked.request_id(), 42u);
  EXPECT_EQ(plain.request_id(), 0u);
  EXPECT_EQ(plain, asked);
  EXPECT_EQ(plain.hash(), asked.hash());
}

TEST(Pid, PrintsWhatParsesBackToTheSameActor) {
  TestSystem system({.address = "n1:1"});
  const Pid parent = system.spawn_named(steered(std::make_shared<Diary>()), "shop");
  const Pid future = system->futures().open(test::give_up_at(), [](Answer) {});
  for (const Pid& actor :
       {parent, system.spawn(idle()), system.spawn_child(parent, idle(), "basket-7"),
        system.spawn_child(parent, idle()), future}) {
    const std::string printed = actor.to_string();
    const auto text = split_pid(printed);
    ASSERT_TRUE(text.has_value()) << printed;
    const Pid parsed = system->registry().resolve(text->address, text->id);
    EXPECT_FALSE(parsed.is_record()) << printed;
    EXPECT_EQ(parsed, actor) << printed;
    EXPECT_EQ(parsed.hash(), actor.hash()) << printed;
  }
}

TEST(Pid, OnlyTheExactSpellingOfAnAnonymousIdNamesTheActor) {
  TestSystem system;
  const Pid actor = system.spawn(idle());
  ASSERT_EQ(actor.id(), "$c0g1");
  EXPECT_EQ(system->registry().find("$c0g1"), actor);
  for (const char* bad :
       {"$cg1", "$c0g", "$c00g1", "$c0g01", "$c0g1 ", "$c0g1x", "$c+0g1", "$c-0g1",
        "$c99999999999g1", "$c0g99999999999", "$c1g1", "$c0g2", "c0g1", "$", ""}) {
    EXPECT_TRUE(system->registry().find(bad).empty()) << bad;
  }
}

TEST(Pid, ANamedActorIsNotFoundByTheIdOfItsCell) {
  TestSystem system;
  (void)system.spawn_named(idle(), "cart");
  EXPECT_TRUE(system->registry().find("$c0g1").empty());
}

TEST(Pid, AStoppedActorKeepsItsNameUntilItsCellIsUsedAgain) {
  TestSystem system({.cells = {.resting_count = 0}});
  const Pid first = system.spawn_named(idle(), "cart");
  system.stop(first);
  EXPECT_EQ(first.id(), "cart");
  ASSERT_TRUE(test::eventually([&] {
    const Pid next = system.spawn_named(idle(), "n" + std::to_string(system->cells().live_count()));
    return next.cell() == first.cell();
  }));
  EXPECT_EQ(first.id(), "$c0g1");
}

TEST(Pid, P4_TheHashSurvivesTheActorAndItsName) {
  TestSystem system({.cells = {.resting_count = 0}});
  std::vector<Pid> actors;
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 100; ++i) {
    actors.push_back(i % 2 == 0 ? system.spawn(idle())
                                : system.spawn_named(idle(), "a" + std::to_string(i)));
    hashes.push_back(actors.back().hash());
  }
  for (const Pid& actor : actors) system.stop(actor);
  for (int i = 0; i < 100; ++i) (void)system.spawn_named(idle(), "b" + std::to_string(i));
  for (std::size_t i = 0; i < actors.size(); ++i) EXPECT_EQ(actors[i].hash(), hashes[i]);
  EXPECT_EQ(std::unordered_set<std::uint64_t>(hashes.begin(), hashes.end()).size(), 100u);
}

TEST(Pid, RecordsAreCountedByCopiesOnManyThreads) {
  const Pid pid = Pid::of_name("a:1", "x");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pid] {
      for (int i = 0; i < 10'000; ++i) {
        Pid copy = pid;
        Pid other;
        other = copy;
        other = other.with_request_id(1);
        copy = std::move(other);
        EXPECT_EQ(copy.record(), pid.record());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pid.record()->reference_count.load(), 1u);
}

}  // namespace
}  // namespace nexus::core
