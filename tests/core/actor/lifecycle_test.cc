// From spawn to Terminated: names, children, order of lifecycle messages, stop and poison.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Diary;
using test::Do;
using test::Done;
using test::eventually;
using test::expect_next;
using test::Fail;
using test::Gate;
using test::Number;
using test::share;
using test::steered;
using test::TestSystem;

std::shared_ptr<Diary> new_diary() { return std::make_shared<Diary>(); }

TEST(Lifecycle, StartedComesFirstAndStoppedLast) {
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  (void)system->send(actor, Number{1});
  system->poison(actor);
  expect_next(*diary, {"started", "number 1", "stopping", "stopped"});
  system.await_gone(actor);
  EXPECT_EQ(diary->size(), 0u);
}

TEST(Lifecycle, TheActorObjectDiesAfterStopped) {
  TestSystem system;
  auto diary = new_diary();
  const std::weak_ptr<Diary> watched = diary;
  const Pid actor = system.spawn(props_of([diary](Context&) {}));
  diary.reset();
  system.stop(actor);
  // The cell keeps what it knows of its last tenant, so the next one has to move in first.
  EXPECT_TRUE(eventually([&] {
    (void)system.spawn(props_of([](Context&) {}));
    return watched.expired();
  }));
}

TEST(Lifecycle, StopOvertakesWhatWaitsInTheMailbox) {
  Gate entered;
  Gate leave;
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  (void)system->send(actor, Do{[&](Context&) {
                       entered.open();
                       EXPECT_TRUE(leave.wait());
                     }});
  ASSERT_TRUE(entered.wait());
  for (int i = 0; i < 10; ++i) (void)system->send(actor, Number{i});
  system->stop(actor);
  leave.open();
  expect_next(*diary, {"started", "stopping", "stopped"});
  EXPECT_TRUE(
      eventually([&] { return system->dead_letters().count(DeadLetterReason::stopped) == 10; }));
}

TEST(Lifecycle, M1_WhatWasSentAfterAStopIsNotHandled) {
  TestSystem system;
  for (int round = 0; round < 2'000; ++round) {
    auto diary = new_diary();
    const Pid actor = system.spawn(steered(diary));
    system->stop(actor);
    (void)system->send(actor, Number{round});
    expect_next(*diary, {"started", "stopping", "stopped"});
  }
}

TEST(Lifecycle, PoisonWaitsForWhatIsInTheMailbox) {
  Gate leave;
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  (void)system->send(actor, Do{[&](Context&) { EXPECT_TRUE(leave.wait()); }});
  for (int i = 0; i < 3; ++i) (void)system->send(actor, Number{i});
  system->poison(actor);
  (void)system->send(actor, Number{99});
  leave.open();
  expect_next(*diary, {"started", "number 0", "number 1", "number 2", "stopping", "stopped"});
  EXPECT_TRUE(
      eventually([&] { return system->dead_letters().count(DeadLetterReason::stopped) == 1; }));
}

TEST(Lifecycle, StoppingTwiceIsStoppingOnce) {
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  for (int i = 0; i < 5; ++i) system->stop(actor);
  system->poison(actor);
  expect_next(*diary, {"started", "stopping", "stopped"});
  system.await_gone(actor);
  EXPECT_EQ(diary->size(), 0u);
}

TEST(Lifecycle, WhatIsThrownWhileEndingStopsNothing) {
  TestSystem system;
  const Pid actor = system.spawn(props_of([](Context& context) {
    if (context.message<Stopping>()) throw std::runtime_error("in Stopping");
    if (context.message<Stopped>()) throw 7;
  }));
  system.stop(actor);
}

TEST(Names, AnActorIsFoundByItsNameUntilItIsGone) {
  TestSystem system;
  const Pid actor = system.spawn_named(steered(new_diary()), "cart");
  EXPECT_EQ(actor.id(), "cart");
  EXPECT_EQ(system->registry().find("cart"), actor);
  system.stop(actor);
  EXPECT_TRUE(system->registry().find("cart").empty());
}

TEST(Names, D3_ANameBelongsToOneLiveActor) {
  TestSystem system;
  const Pid first = system.spawn_named(steered(new_diary()), "cart");
  const Result<Pid> second = system->spawn_named(share(steered(new_diary())), "cart");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Errc::already_exists);
  EXPECT_EQ(second.error().reason, "ACTOR_EXISTS");
  EXPECT_EQ(system->cells().live_count(), 1u);
  EXPECT_EQ(system->registry().find("cart"), first);
}

TEST(Names, BadOnesAreRefusedWithTheReason) {
  TestSystem system;
  for (const std::string& bad :
       {std::string(), std::string("a/b"), std::string("$a"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\x7f"), std::string(257, 'x'), std::string("\xff"),
        std::string("a\xc3")}) {
    const Result<Pid> actor = system->spawn_named(share(steered(new_diary())), bad);
    ASSERT_FALSE(actor.ok()) << bad;
    EXPECT_EQ(actor.error().code, Errc::invalid_argument);
    EXPECT_EQ(actor.error().reason, "INVALID_ID");
  }
  for (const std::string& good :
       {std::string("ü"), std::string(256, 'x'), std::string("a b.c:d-e_f@g")}) {
    EXPECT_TRUE(system->spawn_named(share(steered(new_diary())), good).ok()) << good;
  }
}

TEST(Names, ANameCanBeUsedAgainAsSoonAsTerminatedArrives) {
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn(props_of([diary, left = 200](Context& context) mutable {
    if (!context.message<Started>() && !context.message<Terminated>()) return;
    if (left-- == 0) return diary->push("done");
    const Result<Pid> child =
        context.spawn_named(share(steered(std::make_shared<Diary>())), "child");
    if (!child.ok()) return diary->push(child.error().detail);
    context.stop(*child);
  }));
  expect_next(*diary, {"done"});
}

TEST(Names, TheLimitIsKnownBeforeTheNameIs) {
  std::atomic<bool> stop{false};
  TestSystem system;
  // Sends to a name from the moment it appears: the mailbox must not look full.
  std::thread sender([&] {
    const Pid by_name = Pid::of_name(system->address(), "busy");
    while (!stop.load()) (void)system->send(by_name, Done{});
  });
  for (int i = 0; i < 100; ++i) {
    const Pid actor = system.spawn_named(props_of([](Context&) {}), "busy");
    system.stop(actor);
  }
  stop.store(true);
  sender.join();
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::mailbox_full), 0u);
}

TEST(Children, AreNamedBelowTheirParent) {
  TestSystem system;
  const Pid parent = system.spawn_named(steered(new_diary()), "shop");
  const Pid child = system.spawn_child(parent, steered(new_diary()), "basket");
  EXPECT_EQ(child.id(), "shop/basket");
  const Pid grandchild = system.spawn_child(child, steered(new_diary()), "item");
  EXPECT_EQ(grandchild.id(), "shop/basket/item");
  const Pid anonymous = system.spawn(steered(new_diary()));
  EXPECT_EQ(system.spawn_child(anonymous, steered(new_diary()), "x").id(), anonymous.id() + "/x");
  system.in_turn(parent, [&](Context& context) {
    EXPECT_EQ(context.children(), std::vector<Pid>{child});
    EXPECT_FALSE(context.spawn_named(share(steered(new_diary())), "basket").ok());
    EXPECT_FALSE(context.spawn_named(share(steered(new_diary())), "a/b").ok());
    EXPECT_EQ(context.children().size(), 1u);
  });
  system.in_turn(child, [&](Context& context) { EXPECT_EQ(context.parent(), parent); });
}

TEST(Children, C4_TheParentIsStoppedAfterItsLastChild) {
  TestSystem system;
  auto diary = new_diary();
  // One diary for all: each notes under its own name.
  const auto noting = [&](const std::string& name) {
    return props_of([diary, name](Context& context) {
      if (const auto* task = context.message<Do>()) return task->run(context);
      if (context.message<Stopping>()) diary->push("stopping " + name);
      if (context.message<Stopped>()) diary->push("stopped " + name);
    });
  };
  const Pid root = system.spawn(noting("root"));
  const Pid child = system.spawn_child(root, noting("child"));
  (void)system.spawn_child(child, noting("grandchild"));
  system->stop(root);
  expect_next(*diary, {"stopping root", "stopping child", "stopping grandchild",
                       "stopped grandchild", "stopped child", "stopped root"});
}

TEST(Children, AParentOfManyStopsWithThem) {
  std::atomic<bool> stop{false};
  TestSystem system({.cells = {.resting_count = 0}});
  auto diary = new_diary();
  const Pid parent = system.spawn(steered(diary));
  system.in_turn(parent, [&](Context& context) {
    const PropsPtr child = share(props_of([](Context&) {}));
    for (int i = 0; i < 10'000; ++i) {
      (void)*context.spawn(child);
      (void)*context.spawn_named(child, std::to_string(i));
    }
  });
  // Others move into the cells of the children while these stop.
  std::thread tenant([&] {
    std::deque<Pid> tenants;
    while (!stop.load()) {
      tenants.push_back(system.spawn(props_of([](Context&) {})));
      system->stop(tenants.back());
      if (tenants.size() < 64) continue;
      // Not faster than the workers can follow.
      const Pid oldest = tenants.front();
      tenants.pop_front();
      while (oldest.cell()->generation() == oldest.generation() && !stop.load()) {
        std::this_thread::yield();
      }
    }
  });
  expect_next(*diary, {"started"});
  system->stop(parent);
  expect_next(*diary, {"stopping"});
  system.await_gone(parent);
  stop.store(true);
  tenant.join();
}

TEST(Children, ADeepTreeStopsFromItsLeaves) {
  constexpr int kDepth = 5'000;
  Gate built;
  std::atomic<int> alive{0};
  TestSystem system;
  std::function<Props(int)> level = [&](int depth) {
    return props_of([&, depth](Context& context) {
      if (context.message<Started>()) {
        ++alive;
        if (depth == kDepth) return built.open();
        (void)*context.spawn(level(depth + 1));
      }
      if (context.message<Stopped>()) {
        // Whoever is below is gone.
        EXPECT_EQ(alive.fetch_sub(1), depth);
      }
    });
  };
  const Pid root = system.spawn(level(1));
  ASSERT_TRUE(built.wait());
  system.stop(root);
  EXPECT_EQ(alive.load(), 0);
}

TEST(Children, TheParentHearsOfEachChildOnceEvenIfItWatchesIt) {
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn_named(steered(diary), "p");
  const Pid child = system.spawn_child(parent, steered(new_diary()), "c");
  system.in_turn(parent, [&](Context& context) {
    context.watch(child);
    context.watch(Pid::of_name(context.system().address(), "p/c"));
  });
  system.stop(child);
  expect_next(*diary, {"started", "terminated p/c stopped"});
  (void)system->send(parent, Done{});
  expect_next(*diary, {"done"});
  system.in_turn(parent, [&](Context& context) { EXPECT_TRUE(context.children().empty()); });
}

TEST(Children, AnActorThatIsStoppingGetsNoNewOnes) {
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(props_of([diary](Context& context) {
    if (!context.message<Stopping>() && !context.message<Stopped>()) return;
    const Result<Pid> child = context.spawn(props_of([](Context&) {}));
    diary->push(child.ok() ? "spawned" : child.error().reason);
  }));
  system.stop(actor);
  expect_next(*diary, {"ACTOR_STOPPING", "ACTOR_STOPPING"});
  EXPECT_TRUE(eventually([&] { return system->cells().live_count() == 0; }));
}

TEST(Children, AreSpawnedInStartedAndHeardOfBeforeTheFirstMessage) {
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn(props_of([diary](Context& context) {
    if (context.message<Started>()) (void)*context.spawn_named(share(steered(diary)), "c");
    if (context.message<Number>())
      diary->push("children " + std::to_string(context.children().size()));
  }));
  (void)system->send(parent, Number{1});
  ASSERT_TRUE(eventually([&] { return diary->size() == 2; }));
  std::vector<std::string> lines{*diary->pop(), *diary->pop()};
  std::sort(lines.begin(), lines.end());
  EXPECT_EQ(lines, (std::vector<std::string>{"children 1", "started"}));
}

TEST(SystemMessages, TouchIsAnsweredByTheRuntime) {
  TestSystem system;
  const Pid actor = system.spawn_named(steered(new_diary()), "cart");
  const Answer answer = system->ask(actor, Touch{}, test::kPatience);
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_EQ(answer.message->get<Touched>()->who, actor);
}

TEST(SystemMessages, ThoseThatComeBeforeStartWaitForIt) {
  std::atomic<bool> stop{false};
  TestSystem system;
  auto diary = new_diary();
  // Stops and watches by name what is just being spawned.
  std::thread meddler([&] {
    const Pid by_name = Pid::of_name(system->address(), "brief");
    while (!stop.load()) system->stop(by_name);
  });
  for (int i = 0; i < 500; ++i) {
    const Result<Pid> actor = system->spawn_named(share(steered(diary)), "brief");
    ASSERT_TRUE(actor.ok());
    system.await_gone(*actor);
    expect_next(*diary, {"started", "stopping", "stopped"});
  }
  stop.store(true);
  meddler.join();
}

TEST(CellReuse, C2_AStaleHandleNeverReachesTheNextTenant) {
  std::atomic<int> strays{0};
  TestSystem system;
  std::vector<Pid> stale;
  for (int i = 0; i < 200; ++i) {
    const Pid actor = system.spawn(props_of([&, i](Context& context) {
      if (const auto* number = context.message<Number>(); number && number->value != i) ++strays;
      if (context.message<Done>()) context.respond(Done{});
    }));
    EXPECT_EQ(system->send(actor, Number{i}), Delivered::mailbox);
    for (std::size_t old = 0; old < stale.size(); ++old) {
      EXPECT_EQ(system->send(stale[old], Number{static_cast<int>(old)}), Delivered::dead_letter);
      system->stop(stale[old]);
    }
    // Alive, in spite of all the stops.
    EXPECT_EQ(system->ask(actor, Done{}, test::kPatience).outcome, Answer::Outcome::answered);
    system.stop(actor);
    stale.push_back(actor);
  }
  EXPECT_EQ(strays.load(), 0);
  EXPECT_TRUE(test::is_conserved(system));
}

}  // namespace
}  // namespace nexus::core
