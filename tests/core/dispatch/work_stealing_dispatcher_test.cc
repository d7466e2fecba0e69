#include "core/dispatch/work_stealing_dispatcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Do;
using test::Done;
using test::eventually;
using test::Gate;
using test::is_conserved;
using test::Number;
using test::TestSystem;

class Worker : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Counts, Worker, testing::Values(1u, 2u, 4u));

TEST_P(Worker, WakesForEachMessageOfAForeignThread) {
  std::atomic<std::uint32_t> handled{0};
  TestSystem system({.worker_count = GetParam()});
  const Pid actor = system.spawn(props_of([&](Context& context) {
    if (context.message<Done>() == nullptr) return;
    ++handled;
    handled.notify_one();
  }));
  // One at a time, so that the workers are again and again about to fall asleep.
  for (std::uint32_t i = 0; i < 35'000; ++i) {
    (void)system->send(actor, Done{});
    if (handled.load() == i) handled.wait(i);
  }
  EXPECT_EQ(handled.load(), 35'000u);
  EXPECT_TRUE(is_conserved(system));
}

TEST_P(Worker, WakesWheneverItIsAboutToSleep) {
  std::atomic<std::uint32_t> handled{0};
  TestSystem system({.worker_count = GetParam()});
  const Pid actor = system.spawn(props_of([&](Context& context) {
    if (context.message<Done>()) ++handled;
  }));
  const SteadyClock clock;
  for (std::uint32_t i = 0; i < 2'000; ++i) {
    const Instant deadline = test::give_up_at();
    (void)system->send(actor, Done{});
    while (handled.load() == i) {
      ASSERT_LT(clock.now(), deadline) << "lost wake-up at message " << i;
      std::this_thread::yield();
    }
    // The gap before the next message ends a little before or after the worker gives up looking for work.
    const Instant until =
        clock.now() + std::chrono::microseconds(40) + std::chrono::nanoseconds(i * 37 % 20'000);
    while (clock.now() < until) std::this_thread::yield();
  }
}

TEST_P(Worker, ManyThreadsWakeManyActors) {
  std::atomic<std::uint32_t> handled{0};
  TestSystem system({.worker_count = GetParam()});
  std::vector<Pid> actors;
  for (int i = 0; i < 64; ++i) {
    actors.push_back(system.spawn(props_of([&](Context& context) {
      if (context.message<Done>()) ++handled;
    })));
  }
  constexpr std::uint32_t kThreads = 3;
  constexpr std::uint32_t kEach = 20'000;
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < kEach; ++i) {
        (void)system->send(actors[(i * 7 + t) % actors.size()], Done{});
        if (i % 64 == 0) std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(eventually([&] { return handled.load() == kThreads * kEach; }));
  EXPECT_TRUE(is_conserved(system));
}

TEST_P(Worker, AFloodedActorStarvesNoOther) {
  TestSystem system({.worker_count = GetParam()});
  // As many actors that never run dry as there are workers, and one more.
  for (std::uint32_t i = 0; i <= GetParam(); ++i) {
    const Pid flooded = system.spawn(props_of([](Context& context) {
      if (context.message<Number>()) context.send(context.self(), Number{1});
    }));
    for (int n = 0; n < 1'000; ++n) (void)system->send(flooded, Number{n});
  }
  const Pid other = system.spawn(props_of([](Context& context) {
    if (context.message<Done>()) context.respond(Done{});
  }));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(system->ask(other, Done{}, test::kPatience).outcome, Answer::Outcome::answered);
  }
}

TEST_P(Worker, APairThatPlaysPingPongStarvesNoOther) {
  TestSystem system({.worker_count = GetParam()});
  // Each hands its worker to the other through the `next` slot.
  for (std::uint32_t i = 0; i <= GetParam(); ++i) {
    const Props player = props_of([](Context& context) {
      if (context.message<Number>()) context.request(context.sender(), Number{1});
    });
    const Pid one = system.spawn(player);
    const Pid two = system.spawn(player);
    EnvelopePtr serve = make_envelope(Number{1});
    serve->set_sender(two);
    (void)system->registry().send_user(one, std::move(serve));
  }
  const Pid other = system.spawn(props_of([](Context& context) {
    if (context.message<Done>()) context.respond(Done{});
  }));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(system->ask(other, Done{}, test::kPatience).outcome, Answer::Outcome::answered);
  }
}

TEST(WorkStealingDispatcher, W1_AnotherWorkerTakesWhatABusyOneHasQueued) {
  std::atomic<int> handled{0};
  TestSystem system({.worker_count = 2});
  std::vector<Pid> actors;
  for (int i = 0; i < 10; ++i) {
    actors.push_back(system.spawn(props_of([&](Context& context) {
      if (context.message<Done>()) ++handled;
    })));
  }
  const Pid busy = system.spawn(test::steered(std::make_shared<test::Diary>()));
  system.in_turn(busy, [&](Context& context) {
    for (const Pid& actor : actors) context.send(actor, Done{});
    EXPECT_TRUE(eventually([&] { return handled.load() == 10; }));
  });
  EXPECT_TRUE(is_conserved(system));
}

// What a worker holds for another must leave it although the turn never ends by itself.
struct Ball {
  Pid other;
};

// Their turns are too short for the watchdog, and each cell of the ring has its own soon.
TEST(WorkStealingDispatcher, W1_AFewPairsThatPlayAreShared) {
  Mutex mutex{"test_threads_seen"};
  std::set<std::thread::id> seen;
  std::atomic<bool> over{false};
  // Last, so that nobody plays any more when the others end.
  TestSystem system({.worker_count = 2});
  const auto player = props_of([&](Context& context) {
    const auto* ball = context.message<Ball>();
    if (ball == nullptr || over.load()) return;
    const SteadyClock clock;
    const Instant end = clock.now() + std::chrono::microseconds(150);
    while (clock.now() < end) {
    }
    {
      MutexLock lock(mutex);
      seen.insert(std::this_thread::get_id());
    }
    context.send(ball->other, Ball{context.self()});
  });
  std::vector<Pid> players;
  for (int i = 0; i < 4; ++i) players.push_back(system.spawn(player));
  for (const Pid& pid : players) {
    EXPECT_TRUE(eventually([&] { return pid.cell()->mailbox().owner() == kIdle; }));
  }
  const Pid starter = system.spawn(test::steered(std::make_shared<test::Diary>()));
  system.in_turn(starter, [&](Context& context) {
    context.send(players[0], Ball{players[1]});
    context.send(players[2], Ball{players[3]});
  });
  EXPECT_TRUE(eventually([&] {
    MutexLock lock(mutex);
    return seen.size() == 2;
  }));
  over.store(true);
}

TEST(WorkStealingDispatcher, W1_WhatAStuckTurnHasSentArrives) {
  constexpr int kCount = 10'001;
  TestSystem system({.worker_count = 2});
  Gate counter_began;
  Gate go_on;
  Gate all_arrived;
  std::atomic<int> arrived{0};
  std::atomic<bool> in_order{true};
  const Pid counter = system.spawn(props_of([&](Context& context) {
    if (context.message<Done>()) {
      counter_began.open();
      (void)go_on.wait();
    }
    const auto* number = context.message<Number>();
    if (number == nullptr) return;
    if (number->value != arrived.fetch_add(1)) in_order = false;
    if (number->value == kCount - 1) all_arrived.open();
  }));
  (void)system->send(counter, Done{});
  EXPECT_TRUE(counter_began.wait());
  Gate sender_is_done;
  const Pid sender = system.spawn(props_of([&](Context& context) {
    if (context.message<Done>() == nullptr) return;
    for (int i = 0; i < kCount; ++i) context.send(counter, Number{i});
    go_on.open();
    EXPECT_TRUE(all_arrived.wait());
    sender_is_done.open();
  }));
  (void)system->send(sender, Done{});
  EXPECT_TRUE(sender_is_done.wait());
  EXPECT_TRUE(in_order.load());
  EXPECT_TRUE(is_conserved(system));
}

TEST(WorkStealingDispatcher, W1_EveryWorkerWakesWhenThereIsWorkForAll) {
  constexpr int kWorkers = 4;
  for (int round = 0; round < 40; ++round) {
    std::atomic<int> inside{0};
    TestSystem system({.worker_count = kWorkers});
    std::vector<Pid> actors;
    for (int i = 0; i < kWorkers; ++i) {
      actors.push_back(system.spawn(props_of([&](Context& context) {
        if (context.message<Done>() == nullptr) return;
        ++inside;
        // Each keeps its worker until all others are at work.
        EXPECT_TRUE(eventually([&] { return inside.load() >= kWorkers - 1; }));
      })));
    }
    const Pid busy = system.spawn(test::steered(std::make_shared<test::Diary>()));
    system.in_turn(busy, [&](Context& context) {
      for (const Pid& actor : actors) context.send(actor, Done{});
      EXPECT_TRUE(eventually([&] { return inside.load() >= kWorkers - 1; }));
    });
  }
}

TEST(WorkStealingDispatcher, MoreActorsThanAQueueHoldsAllRun) {
  std::atomic<std::size_t> handled{0};
  TestSystem system({.worker_count = 1});
  std::vector<Pid> actors;
  for (int i = 0; i < 10'000; ++i) {
    actors.push_back(system.spawn(props_of([&](Context& context) {
      if (context.message<Done>()) ++handled;
    })));
  }
  const Pid busy = system.spawn(test::steered(std::make_shared<test::Diary>()));
  system.in_turn(busy, [&](Context& context) {
    for (const Pid& actor : actors) context.send(actor, Done{});
  });
  EXPECT_TRUE(eventually([&] { return handled.load() == actors.size(); }));
  EXPECT_TRUE(is_conserved(system));
}

TEST(WorkStealingDispatcher, StopsAndEndsItsThreads) {
  ActorSystem system({.worker_count = 3});
  EXPECT_TRUE(system.dispatcher().stop(test::give_up_at()));
  // Again, because the destructor does so, too.
  EXPECT_TRUE(system.dispatcher().stop(test::give_up_at()));
}

TEST(WorkStealingDispatcher, MayBeStoppedBeforeItsThreadsHaveBegun) {
  for (int i = 0; i < 100; ++i) {
    ActorSystem system({.worker_count = 2});
  }
}

TEST(WorkStealingDispatcher, TwoInOneProcessKeepApart) {
  std::set<std::thread::id> threads;
  TestSystem one({.address = "n1:1", .worker_count = 1});
  TestSystem two({.address = "n2:1", .worker_count = 1});
  const Pid here = one.spawn(test::steered(std::make_shared<test::Diary>()));
  const Pid there = two.spawn(props_of([&](Context& context) {
    threads.insert(std::this_thread::get_id());
    if (context.message<Done>()) context.respond(Done{});
  }));
  one.in_turn(here, [&](Context&) { (void)two->send(there, Number{1}); });
  EXPECT_EQ(two->ask(there, Done{}, test::kPatience).outcome, Answer::Outcome::answered);
  EXPECT_EQ(threads.size(), 1u);
}

TEST(WorkStealingDispatcher, AStuckTurnLeavesTheActorsOfAnotherSystemToTheirOwnWorkers) {
  constexpr int kCount = 1'000;
  TestSystem here({.address = "n1:1", .worker_count = 2});
  TestSystem there({.address = "n2:1", .worker_count = 2});
  const Pid sender = here.spawn(test::steered(std::make_shared<test::Diary>()));
  for (int round = 0; round < 10; ++round) {
    Gate began;
    Gate go_on;
    std::atomic<int> handled{0};
    std::atomic<int> strays{0};
    const Pid counter = there.spawn(props_of([&](Context& context) {
      if (&context.system() != &*there) ++strays;
      if (context.message<Done>()) {
        began.open();
        (void)go_on.wait();
      }
      if (context.message<Number>()) ++handled;
    }));
    (void)there->send(counter, Done{});
    ASSERT_TRUE(began.wait());
    here.in_turn(sender, [&](Context&) {
      for (int i = 0; i < kCount; ++i) (void)here->send(counter, Number{i});
      go_on.open();
      EXPECT_TRUE(eventually([&] { return handled.load() == kCount; }));
    });
    there.stop(counter);
    EXPECT_EQ(strays.load(), 0);
  }
}

}  // namespace
}  // namespace nexus::core
