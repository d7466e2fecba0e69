#include "core/dispatch/blocking_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/bound_actors.h"

namespace nexus::core {
namespace {

using test::Done;
using test::eventually;
using test::Gate;
using test::kPatience;
using test::Number;
using test::TestSystem;

std::shared_ptr<BlockingPool> pool_of(std::uint32_t thread_count_max,
                                      Duration idle_timeout = std::chrono::seconds(10)) {
  return std::make_shared<BlockingPool>(
      BlockingPool::Options{.thread_count_max = thread_count_max, .idle_timeout = idle_timeout});
}

// Blocks in its turn until the gate is open.
Props blocker(std::shared_ptr<DispatcherFactory> pool, Gate& gate, std::atomic<int>& inside) {
  Props props = props_of([&](Context& context) {
    if (context.message<Done>() == nullptr) return;
    ++inside;
    EXPECT_TRUE(gate.wait());
    --inside;
  });
  props.dispatcher = std::move(pool);
  return props;
}

TEST(BlockingPool, L3_ABlockedActorDelaysNoOther) {
  Gate gate;
  std::atomic<int> inside{0};
  // One worker: with a single blocked turn of its own nothing would run.
  TestSystem system({.worker_count = 1});
  const auto pool = pool_of(8);
  for (int i = 0; i < 8; ++i) {
    (void)system->send(system.spawn(blocker(pool, gate, inside)), Done{});
  }
  EXPECT_TRUE(eventually([&] { return inside.load() == 8; }));
  const Pid other = system.spawn(props_of([](Context& context) {
    if (context.message<Number>()) context.respond(Done{});
  }));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(system->ask(other, Number{i}, kPatience).outcome, Answer::Outcome::answered);
  }
  EXPECT_EQ(inside.load(), 8);
  gate.open();
}

TEST(BlockingPool, L4_HasNoMoreThreadsThanItMayAndServesAllInTheirOrder) {
  Gate gate;
  std::atomic<int> inside{0};
  std::atomic<int> inside_max{0};
  std::atomic<int> handled{0};
  TestSystem system;
  const auto pool = pool_of(3);
  for (int i = 0; i < 20; ++i) {
    Props props = props_of([&](Context& context) {
      if (context.message<Done>() == nullptr) return;
      const int now = ++inside;
      int before = inside_max.load();
      while (before < now && !inside_max.compare_exchange_weak(before, now)) {
      }
      EXPECT_TRUE(gate.wait());
      --inside;
      ++handled;
    });
    props.dispatcher = pool;
    (void)system->send(system.spawn(std::move(props)), Done{});
  }
  EXPECT_TRUE(eventually([&] { return inside.load() == 3; }));
  gate.open();
  EXPECT_TRUE(eventually([&] { return handled.load() == 20; }));
  EXPECT_EQ(inside_max.load(), 3);
}

TEST(BlockingPool, L4_AFloodedActorStarvesNoOther) {
  TestSystem system;
  const auto pool = pool_of(1);
  Props endless = props_of([](Context& context) {
    if (context.message<Number>()) context.send(context.self(), Number{1});
  });
  endless.dispatcher = pool;
  const Pid flooded = system.spawn(std::move(endless));
  for (int i = 0; i < 1'000; ++i) (void)system->send(flooded, Number{i});
  Props polite = props_of([](Context& context) {
    if (context.message<Done>()) context.respond(Done{});
  });
  polite.dispatcher = pool;
  const Pid other = system.spawn(std::move(polite));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(system->ask(other, Done{}, kPatience).outcome, Answer::Outcome::answered);
  }
}

TEST(BlockingPool, L5_IdleThreadsEndAndNewOnesAreStartedWhenNeeded) {
  std::set<std::thread::id> threads;
  Mutex mutex{"blocking_pool_test"};
  TestSystem system;
  const auto pool = pool_of(4, Duration::zero());
  std::atomic<int> together{0};
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> inside{0};
    std::vector<Pid> actors;
    for (int i = 0; i < 4; ++i) {
      Props props = props_of([&](Context& context) {
        if (context.message<Done>() == nullptr) return;
        ++inside;
        // All four have a thread at the same time, again in each round.
        EXPECT_TRUE(eventually([&] { return inside.load() == 4; }));
        const MutexLock lock(mutex);
        threads.insert(std::this_thread::get_id());
        ++together;
      });
      props.dispatcher = pool;
      actors.push_back(system.spawn(std::move(props)));
      (void)system->send(actors.back(), Done{});
    }
    EXPECT_TRUE(eventually([&] { return together.load() == 4 * (round + 1); }));
    for (const Pid& actor : actors) system.stop(actor);
  }
  EXPECT_GE(threads.size(), 4u);
}

TEST(BlockingPool, IsTheDispatcherOfAWholeSystem) {
  TestSystem system({.dispatcher = pool_of(2)});
  const Pid echo = system.spawn(props_of([](Context& context) {
    if (context.message<Done>()) context.respond(Done{});
  }));
  EXPECT_EQ(system->ask(echo, Done{}, kPatience).outcome, Answer::Outcome::answered);
  EXPECT_TRUE(system->shutdown(kPatience));
}

TEST(BlockingPool, ShutdownSaysWhenATurnDoesNotEnd) {
  Gate gate;
  std::atomic<int> inside{0};
  TestSystem system;
  (void)system->send(system.spawn(blocker(pool_of(1), gate, inside)), Done{});
  EXPECT_TRUE(eventually([&] { return inside.load() == 1; }));
  EXPECT_FALSE(system->shutdown(Duration::zero()));
  gate.open();
}

TEST(BlockingPool, MayBeSharedBySystemsThatEndOneAfterTheOther) {
  const auto pool = pool_of(2);
  for (int i = 0; i < 10; ++i) {
    TestSystem system;
    Props props = props_of([](Context& context) {
      if (context.message<Done>()) context.respond(Done{});
    });
    props.dispatcher = pool;
    const Pid actor = system.spawn(std::move(props));
    EXPECT_EQ(system->ask(actor, Done{}, kPatience).outcome, Answer::Outcome::answered);
  }
}

TEST(BlockingPool, ASystemHasALimitedNumberOfDispatchers) {
  TestSystem system;
  for (std::size_t i = 1; i <= ActorSystem::kDispatcherCountMax; ++i) {
    Props props = props_of([](Context&) {});
    props.dispatcher = pool_of(1);
    EXPECT_EQ(system->spawn(share(std::move(props))).ok(), i < ActorSystem::kDispatcherCountMax);
  }
}

TEST(BlockingPool, KeepsOrderAndLosesNothing) { test::expect_order_and_conservation(pool_of(4)); }

TEST(BlockingPool, SurvivesChurn) { test::expect_churn(pool_of(4)); }

}  // namespace
}  // namespace nexus::core
