#include "core/dispatch/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Done;
using test::eventually;
using test::Gate;
using test::Number;
using test::TestSystem;

TEST(Worker, IsKnownOnItsOwnThreadOnly) {
  EXPECT_EQ(Worker::current(), nullptr);
  TestSystem system;
  const Pid actor = system.spawn(test::steered(std::make_shared<test::Diary>()));
  system.in_turn(actor, [&](Context& context) {
    ASSERT_NE(Worker::current(), nullptr);
    EXPECT_EQ(&Worker::current()->system(), &context.system());
  });
}

// A worker that a test drives by hand, with cells of actors that never run by themselves.
class ByHand : public testing::Test {
 protected:
  ActorCell& idle_cell() {
    const Pid pid = system.spawn(props_of([](Context&) {}));
    EXPECT_TRUE(eventually([&] { return pid.cell()->mailbox().owner() == kIdle; }));
    return *pid.cell();
  }
  Worker::Append append(ActorCell& cell, int number, Lane lane = Lane::user) {
    EnvelopePtr envelope = make_envelope(Number{number});
    envelope->set_target_generation(cell.generation());
    return worker.append(cell, envelope, lane, false);
  }

  TestSystem system;
  DoorCounters counters;
  Worker worker{kLastWorker, *system, system->registry(), counters};
};

TEST_F(ByHand, K2_TheNewestGoesFirstAndPushesTheOlderToTheRing) {
  ActorCell& a = idle_cell();
  ActorCell& b = idle_cell();
  ActorCell& c = idle_cell();
  for (ActorCell* cell : {&a, &b, &c}) EXPECT_EQ(append(*cell, 1), Worker::Append::appended);
  EXPECT_EQ(worker.backlog(), 3u);
  for (ActorCell* cell : {&c, &a, &b}) {
    EXPECT_EQ(worker.take_next(), cell);
    EXPECT_EQ(cell->mailbox().owner(), kLastWorker);
    cell->run(worker, 100);
    EXPECT_EQ(cell->mailbox().owner(), kIdle);
  }
  EXPECT_EQ(worker.take_next(), nullptr);
  EXPECT_EQ(counters.processed.get(), 3u);
}

TEST_F(ByHand, K2_AChainThroughTheSlotLetsTheRingHaveItsTurn) {
  ActorCell& waiting = idle_cell();
  ActorCell& chain = idle_cell();
  EXPECT_EQ(append(waiting, 1), Worker::Append::appended);
  int turns = 0;
  for (;; ++turns) {
    EXPECT_EQ(append(chain, 1), Worker::Append::appended);
    ActorCell* cell = worker.take_next();
    cell->run(worker, 100);
    if (cell == &waiting) break;
  }
  EXPECT_EQ(turns, 63);
  worker.take_next()->run(worker, 100);
}

TEST_F(ByHand, K1_ACellOfAnotherOwnerIsNotTaken) {
  ActorCell& cell = idle_cell();
  ASSERT_EQ(cell.mailbox().claim(7), Mailbox::Claim::claimed);
  EXPECT_EQ(append(cell, 1), Worker::Append::not_mine);
  EXPECT_EQ(worker.backlog(), 0u);
  EXPECT_TRUE(cell.mailbox().try_release(7));
}

TEST_F(ByHand, HandsOutTheLastOfTheRing) {
  std::vector<ActorCell*> cells;
  for (int i = 0; i < 5; ++i) {
    cells.push_back(&idle_cell());
    EXPECT_EQ(append(*cells.back(), 1), Worker::Append::appended);
  }
  std::vector<ActorCell*> handed_out;
  worker.hand_out(2, handed_out);
  EXPECT_EQ(handed_out, (std::vector<ActorCell*>{cells[3], cells[2]}));
  for (ActorCell* cell : handed_out) {
    EXPECT_EQ(cell->mailbox().owner(), kQueued);
    cell->mailbox().adopt(worker.id());
    cell->run(worker, 100);
  }
  while (ActorCell* cell = worker.take_next()) cell->run(worker, 100);
}

// One thread sends and runs as the worker does; another rescues all the time and gives back through a queue of its own.
TEST_F(ByHand, K3_ARescuerIsAlone) {
  constexpr int kRounds = 20'000;
  std::vector<ActorCell*> cells;
  for (int i = 0; i < 16; ++i) cells.push_back(&idle_cell());
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> rescued_count{0};
  Mutex mutex{"worker_test"};
  std::vector<ActorCell*> queued;
  std::thread rescuer([&] {
    std::vector<ActorCell*> rescued;
    while (!over.load()) {
      (void)worker.rescue(rescued);
      rescued_count += rescued.size();
      MutexLock lock(mutex);
      queued.insert(queued.end(), rescued.begin(), rescued.end());
      rescued.clear();
    }
  });
  std::uint64_t sent = 0;
  const auto adopt_and_run = [&] {
    std::vector<ActorCell*> taken;
    {
      MutexLock lock(mutex);
      taken.swap(queued);
    }
    for (ActorCell* cell : taken) {
      cell->mailbox().adopt(worker.id());
      cell->run(worker, 100);
    }
    while (ActorCell* cell = worker.take_next()) cell->run(worker, 100);
  };
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < 4; ++i) {
      ActorCell& cell = *cells[(static_cast<std::size_t>(round) + i) % cells.size()];
      EnvelopePtr envelope = make_envelope(Number{round});
      envelope->set_target_generation(cell.generation());
      if (worker.append(cell, envelope, Lane::user, false) == Worker::Append::appended) ++sent;
    }
    if (round % 8 == 0) adopt_and_run();
  }
  over.store(true);
  rescuer.join();
  adopt_and_run();
  adopt_and_run();
  EXPECT_EQ(counters.processed.get(), sent);
  for (ActorCell* cell : cells) EXPECT_EQ(cell->mailbox().owner(), kIdle);
}

}  // namespace
}  // namespace nexus::core
