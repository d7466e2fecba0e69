#include "core/actor_system.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using std::chrono::milliseconds;
using test::Diary;
using test::Do;
using test::Done;
using test::eventually;
using test::expect_next;
using test::Gate;
using test::is_conserved;
using test::kPatience;
using test::Number;
using test::share;
using test::steered;
using test::TestSystem;

TEST(Shutdown, StopsAllActorsChildrenFirst) {
  TestSystem system;
  auto diary = std::make_shared<Diary>();
  const Pid parent = system.spawn(steered(diary));
  (void)system.spawn_child(parent, props_of([diary](Context& context) {
                             if (context.message<Stopped>()) diary->push("child stopped");
                           }));
  EXPECT_TRUE(system->shutdown(kPatience));
  expect_next(*diary, {"started", "stopping", "child stopped", "stopped"});
  EXPECT_EQ(system->cells().live_count(), 0u);
}

TEST(Shutdown, StopsManyActorsInTheMidstOfWork) {
  std::atomic<int> stopped{0};
  TestSystem system;
  for (int i = 0; i < 1'000; ++i) {
    const Pid actor = system.spawn(props_of([&](Context& context) {
      if (context.message<Stopped>()) ++stopped;
      if (context.message<Number>()) context.send(context.self(), Number{1});
    }));
    (void)system->send(actor, Number{1});
  }
  EXPECT_TRUE(system->shutdown(kPatience));
  EXPECT_EQ(stopped.load(), 1'000);
  EXPECT_TRUE(is_conserved(system));
}

TEST(Shutdown, WithAStuckActorGivesUpAfterItsPatience) {
  Gate entered;
  Gate leave;
  std::optional<TestSystem> system(std::in_place);
  const Pid stuck = system->spawn(steered(std::make_shared<Diary>()));
  (void)(*system)->send(stuck, Do{[&](Context&) {
                          entered.open();
                          (void)leave.wait();
                        }});
  ASSERT_TRUE(entered.wait());
  EXPECT_FALSE((*system)->shutdown(milliseconds(10)));
  // The destructor waits for the turn to end.
  std::atomic<bool> destroyed{false};
  std::thread destroyer([&] {
    system.reset();
    destroyed.store(true);
  });
  EXPECT_FALSE(destroyed.load());
  leave.open();
  destroyer.join();
}

TEST(Shutdown, RefusesNewActors) {
  TestSystem system;
  EXPECT_TRUE(system->shutdown(kPatience));
  for (const Result<Pid>& actor :
       {system->spawn(share(steered(std::make_shared<Diary>()))),
        system->spawn_named(share(steered(std::make_shared<Diary>())), "late")}) {
    ASSERT_FALSE(actor.ok());
    EXPECT_EQ(actor.error().code, Errc::unavailable);
    EXPECT_EQ(actor.error().reason, "DRAINING");
  }
  EXPECT_TRUE(system->registry().find("late").empty());
  EXPECT_EQ(system->cells().live_count(), 0u);
}

TEST(Shutdown, CancelsRequestsThatWait) {
  TestSystem system;
  const Pid silent = system.spawn(steered(std::make_shared<Diary>()));
  std::thread asker([&] {
    const Answer answer = system->ask(silent, Number{1}, kPatience);
    EXPECT_EQ(answer.outcome, Answer::Outcome::cancelled);
  });
  EXPECT_TRUE(eventually([&] { return silent.cell()->processed_count() == 1; }));
  EXPECT_TRUE(system->shutdown(kPatience));
  asker.join();
  EXPECT_EQ(system->ask(silent, Number{1}, kPatience).outcome, Answer::Outcome::cancelled);
}

TEST(Shutdown, MayRaceWithSpawnsSendsAndTimers) {
  for (int round = 0; round < 20; ++round) {
    TestSystem system;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&] {
        while (!stop.load()) {
          const Result<Pid> actor = system->spawn(share(props_of([](Context& context) {
            if (!context.message<Started>()) return;
            const auto child = context.spawn(props_of([](Context&) {}));
            context.ask(*child, Touch{}, milliseconds(1), [](Context&, Answer) {});
          })));
          if (actor.ok()) (void)system->send(*actor, Number{1});
        }
      });
    }
    EXPECT_TRUE(eventually([&] { return system->cells().live_count() > 20; }));
    EXPECT_TRUE(system->shutdown(kPatience));
    stop.store(true);
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(is_conserved(system));
  }
}

TEST(Shutdown, WithoutItTheDestructorDropsWhatIsLeft) {
  auto witness = std::make_shared<int>();
  {
    TestSystem system;
    const Pid actor = system.spawn(props_of([witness](Context&) {}));
    for (int i = 0; i < 1'000; ++i) (void)system->send(actor, std::shared_ptr<int>(witness));
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(SystemActors, MayHaveAnyIdAndASecondName) {
  TestSystem system;
  const Pid actor =
      *system->spawn_system(share(steered(std::make_shared<Diary>())), "$sys/activator");
  EXPECT_TRUE(system->registry().add("activator", actor));
  EXPECT_EQ(system->registry().find("$sys/activator"), actor);
  EXPECT_EQ(system->registry().find("activator"), actor);
  EXPECT_EQ(actor.id(), "$sys/activator");
}

TEST(Extensions, HoldOneObjectOfEachTypeForAllOfASystem) {
  struct Prices {
    int value;
  };
  TestSystem system;
  TestSystem other;
  EXPECT_EQ(system->extensions().find<Prices>(), nullptr);
  system->extensions().set(std::make_shared<Prices>(Prices{1}));
  system->extensions().set(std::make_shared<int>(7));
  const Pid actor = system.spawn(steered(std::make_shared<Diary>()));
  system.in_turn(actor, [](Context& context) {
    const auto prices = context.system().extensions().find<Prices>();
    ASSERT_NE(prices, nullptr);
    EXPECT_EQ(prices->value, 1);
    context.system().extensions().set(std::make_shared<Prices>(Prices{2}));
    // Who holds the former keeps it.
    EXPECT_EQ(prices->value, 1);
  });
  EXPECT_EQ(system->extensions().find<Prices>()->value, 2);
  EXPECT_EQ(*system->extensions().find<int>(), 7);
  EXPECT_EQ(other->extensions().find<Prices>(), nullptr);
}

TEST(Extensions, EndWithTheSystem) {
  auto witness = std::make_shared<int>();
  {
    TestSystem system;
    system->extensions().set(witness);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

// Threads send to, stop, fail and spawn again a handful of actors all at once.
TEST(Stress, SendsRaceWithStopsRestartsAndRespawns) {
  constexpr int kSlots = 16;
  std::atomic<int> strays{0};
  std::atomic<int> spawned{0};
  std::atomic<int> ended{0};
  TestSystem system({.worker_count = 3, .cells = {.resting_count = 4}});
  struct Slot {
    Mutex mutex{"test_slot"};
    Pid pid GUARDED_BY(mutex);
    int life GUARDED_BY(mutex) = 0;
  };
  std::vector<Slot> slots(kSlots);
  const auto spawn = [&](int slot, int life) {
    ++spawned;
    Props props = props_of([&, slot, life](Context& context) {
      if (context.message<Stopped>()) ++ended;
      const auto* number = context.message<Number>();
      if (number == nullptr) return;
      if (number->value != life * kSlots + slot) ++strays;
      if (life % 7 == 3) throw std::runtime_error("boom");
      (void)context.spawn(props_of([](Context&) {}));
    });
    return slot % 2 == 0
               ? *system->spawn(share(std::move(props)))
               : *system->spawn_named(share(std::move(props)),
                                      "s" + std::to_string(slot) + "-" + std::to_string(life));
  };
  for (int s = 0; s < kSlots; ++s) {
    MutexLock lock(slots[static_cast<std::size_t>(s)].mutex);
    slots[static_cast<std::size_t>(s)].pid = spawn(s, 0);
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 8'000; ++i) {
        const int s = (i * 5 + t) % kSlots;
        Slot& slot = slots[static_cast<std::size_t>(s)];
        Pid pid;
        int life = 0;
        {
          MutexLock lock(slot.mutex);
          if (i % 10 == t) {
            system->stop(slot.pid);
            slot.pid = spawn(s, ++slot.life);
          }
          pid = slot.pid;
          life = slot.life;
        }
        (void)system->send(pid, Number{life * kSlots + s});
        if (i % 50 == 0) (void)pid.to_string();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(strays.load(), 0);
  EXPECT_TRUE(system->shutdown(kPatience));
  EXPECT_EQ(ended.load(), spawned.load());
  EXPECT_TRUE(is_conserved(system));
  EXPECT_EQ(system->cells().live_count(), 0u);
}

}  // namespace
}  // namespace nexus::core
