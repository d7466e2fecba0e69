#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Diary;
using test::Do;
using test::Done;
using test::eventually;
using test::expect_next;
using test::Number;
using test::steered;
using test::TestSystem;

std::shared_ptr<Diary> new_diary() { return std::make_shared<Diary>(); }

struct Watcher {
  explicit Watcher(TestSystem& system) : pid(system.spawn(steered(diary))) {
    expect_next(*diary, {"started"});
  }
  // Waits until what was sent to the watcher before is handled, and expects that nothing was noted.
  void expect_silence(TestSystem& system) {
    (void)system->send(pid, Done{});
    expect_next(*diary, {"done"});
  }

  std::shared_ptr<Diary> diary = new_diary();
  Pid pid;
};

TEST(Watch, C3_EveryWatcherIsToldExactlyOnce) {
  TestSystem system;
  const Pid target = system.spawn_named(steered(new_diary()), "t");
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 100; ++i) {
    watchers.push_back(std::make_unique<Watcher>(system));
    system.in_turn(watchers.back()->pid, [&](Context& context) {
      for (int repeat = 0; repeat < 3; ++repeat) context.watch(target);
    });
  }
  ASSERT_TRUE(eventually([&] { return target.cell()->watcher_count() == 100; }));
  system.stop(target);
  for (const auto& watcher : watchers) {
    expect_next(*watcher->diary, {"terminated t stopped"});
    watcher->expect_silence(system);
  }
}

TEST(Watch, WhoUnwatchesIsNotTold) {
  TestSystem system;
  const Pid target = system.spawn_named(steered(new_diary()), "t");
  Watcher stays(system);
  Watcher leaves(system);
  system.in_turn(stays.pid, [&](Context& context) { context.watch(target); });
  system.in_turn(leaves.pid, [&](Context& context) {
    context.watch(target);
    context.unwatch(target);
  });
  ASSERT_TRUE(eventually([&] { return target.cell()->watcher_count() == 1; }));
  system.stop(target);
  expect_next(*stays.diary, {"terminated t stopped"});
  leaves.expect_silence(system);
}

TEST(Watch, MayBeTakenUpAgain) {
  TestSystem system;
  const Pid target = system.spawn_named(steered(new_diary()), "t");
  Watcher watcher(system);
  system.in_turn(watcher.pid, [&](Context& context) {
    for (int i = 0; i < 10; ++i) {
      context.watch(target);
      context.unwatch(target);
    }
    context.watch(target);
  });
  system.stop(target);
  expect_next(*watcher.diary, {"terminated t stopped"});
  watcher.expect_silence(system);
}

TEST(Watch, OfADeadActorSaysNotFound) {
  TestSystem system;
  const Pid target = system.spawn_named(steered(new_diary()), "t");
  system.stop(target);
  Watcher watcher(system);
  for (int i = 0; i < 2; ++i) {
    system.in_turn(watcher.pid, [&](Context& context) { context.watch(target); });
    expect_next(*watcher.diary, {"terminated t not_found"});
  }
  watcher.expect_silence(system);
}

TEST(Watch, OfAMissingNameSaysNotFound) {
  TestSystem system;
  Watcher watcher(system);
  for (int i = 0; i < 2; ++i) {
    system.in_turn(watcher.pid, [&](Context& context) {
      context.watch(Pid::of_name(context.system().address(), "nobody"));
    });
    expect_next(*watcher.diary, {"terminated nobody not_found"});
  }
}

TEST(Watch, OfAnotherNodeWithoutARouteSaysNotFound) {
  TestSystem system;
  Watcher watcher(system);
  system.in_turn(watcher.pid, [&](Context& context) { context.watch(Pid::of_name("far:1", "x")); });
  expect_next(*watcher.diary, {"terminated x not_found"});
}

TEST(Watch, ByNameAndByHandleIsOneWatch) {
  TestSystem system;
  const Pid target = system.spawn_named(steered(new_diary()), "t");
  const Pid by_name = Pid::of_name(system->address(), "t");
  Watcher watcher(system);
  system.in_turn(watcher.pid, [&](Context& context) {
    context.watch(by_name);
    context.watch(target);
  });
  ASSERT_TRUE(eventually([&] { return target.cell()->watcher_count() == 1; }));
  system.in_turn(watcher.pid, [&](Context& context) { context.unwatch(by_name); });
  ASSERT_TRUE(eventually([&] { return target.cell()->watcher_count() == 0; }));
  system.in_turn(watcher.pid, [&](Context& context) { context.watch(by_name); });
  system.stop(target);
  expect_next(*watcher.diary, {"terminated t stopped"});
  // The name can be watched anew.
  const Pid next = system.spawn_named(steered(new_diary()), "t");
  system.in_turn(watcher.pid, [&](Context& context) { context.watch(by_name); });
  system.stop(next);
  expect_next(*watcher.diary, {"terminated t stopped"});
}

TEST(Watch, TwoMayWatchEachOther) {
  TestSystem system;
  Watcher one(system);
  Watcher two(system);
  system.in_turn(one.pid, [&](Context& context) { context.watch(two.pid); });
  system.in_turn(two.pid, [&](Context& context) { context.watch(one.pid); });
  const std::string name = one.pid.id();
  system.stop(one.pid);
  expect_next(*two.diary, {"terminated " + name + " stopped"});
  EXPECT_TRUE(eventually([&] { return two.pid.cell()->watcher_count() == 0; }));
}

TEST(Watch, AWatcherThatStopsUnwatches) {
  TestSystem system;
  const Pid target = system.spawn(steered(new_diary()));
  Watcher watcher(system);
  system.in_turn(watcher.pid, [&](Context& context) { context.watch(target); });
  ASSERT_TRUE(eventually([&] { return target.cell()->watcher_count() == 1; }));
  system.stop(watcher.pid);
  EXPECT_TRUE(eventually([&] { return target.cell()->watcher_count() == 0; }));
}

TEST(Watch, ARestartIsNoTermination) {
  TestSystem system;
  const Pid target = system.spawn(steered(new_diary()));
  Watcher watcher(system);
  system.in_turn(watcher.pid, [&](Context& context) { context.watch(target); });
  (void)system->send(target, test::Fail{"boom"});
  ASSERT_TRUE(eventually([&] { return target.cell()->restart_count() == 1; }));
  watcher.expect_silence(system);
}

TEST(Watch, C3_TerminatedComesAfterAllThatTheActorSent) {
  TestSystem system({.worker_count = 4});
  for (int round = 0; round < 300; ++round) {
    auto diary = new_diary();
    const Pid watcher = system.spawn(steered(diary));
    const Pid target = system.spawn_named(props_of([watcher](Context& context) {
                                            if (context.message<Stopped>())
                                              context.send(watcher, Number{3});
                                            if (context.message<Stopping>())
                                              context.send(watcher, Number{2});
                                            if (context.message<Number>())
                                              context.send(watcher, Number{1});
                                          }),
                                          "t");
    system.in_turn(watcher, [&](Context& context) { context.watch(target); });
    (void)system->send(target, Number{0});
    system->poison(target);
    expect_next(*diary, {"started", "number 1", "number 2", "number 3", "terminated t stopped"});
    system.await_gone(target);
    system->stop(watcher);
  }
}

TEST(Watch, C3_EachWatchThatRacesWithTheEndIsAnsweredOnce) {
  TestSystem system({.worker_count = 4});
  for (int round = 0; round < 300; ++round) {
    auto diary = new_diary();
    const Pid target = system.spawn(steered(new_diary()));
    std::vector<Pid> watchers;
    for (int i = 0; i < 10; ++i) {
      watchers.push_back(system.spawn(props_of([diary, target](Context& context) {
        if (context.message<Number>()) context.watch(target);
        if (context.message<Terminated>()) diary->push("terminated");
      })));
    }
    for (std::size_t i = 0; i < watchers.size(); ++i) {
      (void)system->send(watchers[i], Number{0});
      if (i == 5) system->stop(target);
    }
    for (std::size_t i = 0; i < watchers.size(); ++i) expect_next(*diary, {"terminated"});
    for (const Pid& watcher : watchers) system.stop(watcher);
    EXPECT_EQ(diary->size(), 0u);
  }
  EXPECT_TRUE(test::is_conserved(system));
}

TEST(Watch, C3_AskedForAgainBeforeTheTerminatedIsHandledStillGivesOne) {
  TestSystem system;
  auto diary = std::make_shared<Diary>();
  auto gate = std::make_shared<test::Gate>();
  const auto of_parent = new_diary();
  const Pid watcher = system.spawn(steered(diary));
  const Pid parent = system.spawn(steered(of_parent));
  const Pid victim = system.spawn_child(parent, steered(new_diary()), "victim");
  const std::string terminated = "terminated " + victim.id() + " stopped";
  system.in_turn(watcher, [&](Context& context) { context.watch(victim); });
  // The victim dies while the watcher is in a turn, with one more watch ahead of the Terminated.
  (void)system->send(watcher, Do{[gate](Context&) { (void)gate->wait(); }});
  (void)system->send(watcher, Do{[victim](Context& context) { context.watch(victim); }});
  system->stop(victim);
  // Watchers are told before the parent is: the Terminated is ahead of what follows here.
  expect_next(*of_parent, {"started", terminated});
  (void)system->send(watcher, Done{});
  gate->open();
  expect_next(*diary, {"started", terminated, "done"});
  // A second one would come as soon as the door had turned the second watch away.
  system.in_turn(watcher, [](Context&) {});
  EXPECT_EQ(diary->size(), 0u);
}

}  // namespace
}  // namespace nexus::core
