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
  EXPECT_EQ(turns, 1);
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
    Worker::Rescued rescued;
    while (!over.load()) {
      (void)worker.rescue(rescued);
      rescued_count += rescued.cells.size();
      MutexLock lock(mutex);
      queued.insert(queued.end(), rescued.cells.begin(), rescued.cells.end());
      rescued.cells.clear();
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

// The worker is in a turn and sends to a cell of another.
class Holding : public ByHand {
 protected:
  static constexpr OwnerId kOther = 7;
  static constexpr std::uint32_t kFrom = 2;

  Holding() {
    worker.hold_from(kFrom);
    worker.begin_turn(idle_cell());
  }
  ~Holding() override {
    worker.end_turn();
    while (ActorCell* next = worker.take_next()) next->run(worker, 100);
    EXPECT_EQ(system->registry().counters().dead_lettered, 0u);
  }

  ActorCell& cell_of_another() {
    ActorCell& cell = idle_cell();
    EXPECT_EQ(cell.mailbox().claim(kOther), Mailbox::Claim::claimed);
    return cell;
  }
  bool hold(ActorCell& cell, int number) {
    EnvelopePtr envelope = make_envelope(Number{number});
    envelope->set_target_generation(cell.generation());
    return worker.hold(cell, envelope);
  }
  // Past what is held.
  void push(ActorCell& cell, int number) {
    EXPECT_TRUE(cell.mailbox().reserve_place());
    EnvelopePtr envelope = make_envelope(Number{number});
    envelope->set_target_generation(cell.generation());
    EXPECT_EQ(cell.mailbox().push(envelope, Lane::user), Mailbox::Push::pushed);
  }
  // As the other worker.
  static std::vector<int> take_all(ActorCell& cell) {
    Mailbox& mailbox = cell.mailbox();
    mailbox.take_pushed(kOther);
    std::vector<int> numbers;
    while (EnvelopePtr envelope = mailbox.pop_user()) {
      numbers.push_back(envelope->get<Number>()->value);
    }
    mailbox.publish_counts();
    return numbers;
  }
};

TEST_F(Holding, K4_HoldsOnlyForWhatIsFarBehindAndOnlyInATurn) {
  ActorCell& cell = cell_of_another();
  EXPECT_FALSE(hold(cell, 1));
  push(cell, 1);
  EXPECT_FALSE(hold(cell, 2));
  push(cell, 2);
  EXPECT_TRUE(hold(cell, 3));
  EXPECT_TRUE(hold(cell, 4));
  EXPECT_EQ(take_all(cell), (std::vector{1, 2}));
  // Now it is not far behind any more, but what is held must not be overtaken.
  EXPECT_TRUE(hold(cell, 5));
  worker.end_turn();
  EXPECT_EQ(take_all(cell), (std::vector{3, 4, 5}));
  EXPECT_EQ(cell.mailbox().user_count_approx(), 0u) << "places kept";

  push(cell, 1);
  push(cell, 2);
  EXPECT_FALSE(hold(cell, 3)) << "in no turn";
  EXPECT_EQ(take_all(cell), (std::vector{1, 2}));
  EXPECT_TRUE(cell.mailbox().try_release(kOther));
}

TEST_F(Holding, K4_AFullChainLeavesAtOnce) {
  ActorCell& cell = cell_of_another();
  push(cell, -2);
  push(cell, -1);
  constexpr int kCount = 2 * Outbox::kCountMax + 1;
  for (int i = 0; i < kCount; ++i) EXPECT_TRUE(hold(cell, i));
  EXPECT_EQ(take_all(cell).size(), 2u + 2 * Outbox::kCountMax);
  EXPECT_EQ(cell.mailbox().user_count_approx(), Outbox::kCountMax);
  worker.send_held(cell);
  EXPECT_EQ(take_all(cell), std::vector{kCount - 1});
  EXPECT_EQ(cell.mailbox().user_count_approx(), 0u);
  EXPECT_TRUE(cell.mailbox().try_release(kOther));
}

TEST_F(Holding, K4_WhatIsHeldComesBeforeWhatIsAppendedAfterAClaim) {
  ActorCell& cell = cell_of_another();
  push(cell, 1);
  push(cell, 2);
  EXPECT_TRUE(hold(cell, 3));
  EXPECT_EQ(take_all(cell), (std::vector{1, 2}));
  EXPECT_TRUE(cell.mailbox().try_release(kOther));
  EXPECT_EQ(append(cell, 4), Worker::Append::appended);
  EXPECT_FALSE(worker.holds_some());
  EXPECT_EQ(cell.mailbox().user_count(), 2u);
  EXPECT_EQ(cell.mailbox().front_user().get<Number>()->value, 3);
}

TEST_F(Holding, K4_ARescuerSendsWhatIsHeld) {
  ActorCell& busy = cell_of_another();
  ActorCell& idle = cell_of_another();
  for (ActorCell* cell : {&busy, &idle}) {
    push(*cell, 1);
    push(*cell, 2);
    EXPECT_TRUE(hold(*cell, 3));
    EXPECT_EQ(take_all(*cell), (std::vector{1, 2}));
  }
  EXPECT_TRUE(idle.mailbox().try_release(kOther));
  Worker::Rescued rescued;
  EXPECT_TRUE(worker.rescue(rescued));
  EXPECT_FALSE(worker.holds_some());
  EXPECT_EQ(rescued.cells, std::vector{&idle});
  EXPECT_TRUE(rescued.turned_away.empty());
  EXPECT_EQ(idle.mailbox().owner(), kQueued);
  idle.mailbox().adopt(kOther);
  for (ActorCell* cell : {&busy, &idle}) {
    EXPECT_EQ(take_all(*cell), std::vector{3});
    EXPECT_TRUE(cell->mailbox().try_release(kOther));
  }
}

TEST_F(Holding, K4_WhatIsHeldForOneActorOfACellIsNotJoinedByWhatIsForTheNext) {
  ActorCell& cell = cell_of_another();
  push(cell, 1);
  push(cell, 2);
  EXPECT_TRUE(hold(cell, 3));
  EnvelopePtr for_the_next = make_envelope(Number{4});
  EXPECT_FALSE(worker.hold_more(cell, cell.generation() + 1, for_the_next));
  EXPECT_NE(for_the_next, nullptr) << "goes the usual way, through its limit";
  EXPECT_FALSE(worker.holds_some());
  EXPECT_EQ(take_all(cell), (std::vector{1, 2, 3}));
  EXPECT_TRUE(cell.mailbox().try_release(kOther));
}

TEST_F(Holding, ASmallMailboxIsNotHeldFor) {
  Props props = props_of([](Context&) {});
  props.mailbox_user_count_max = 1000;
  const Pid pid = system.spawn(std::move(props));
  EXPECT_TRUE(eventually([&] { return pid.cell()->mailbox().owner() == kIdle; }));
  ActorCell& cell = *pid.cell();
  ASSERT_EQ(cell.mailbox().claim(kOther), Mailbox::Claim::claimed);
  push(cell, 1);
  push(cell, 2);
  EXPECT_FALSE(hold(cell, 3));
  EXPECT_EQ(take_all(cell), (std::vector{1, 2}));
  EXPECT_TRUE(cell.mailbox().try_release(kOther));
}

TEST_F(ByHand, K4_WhatIsHeldForAnActorThatEndsIsADeadLetter) {
  for (const bool by_rescuer : {false, true}) {
    ActorCell& cell = idle_cell();
    const Pid pid = Pid::of_cell(cell, cell.generation());
    ASSERT_EQ(cell.mailbox().claim(7), Mailbox::Claim::claimed);
    worker.hold_from(0);
    worker.begin_turn(idle_cell());
    for (int i = 0; i < 3; ++i) {
      EnvelopePtr envelope = make_envelope(Number{i});
      envelope->set_target_generation(cell.generation());
      EXPECT_TRUE(worker.hold(cell, envelope));
    }
    EXPECT_TRUE(cell.mailbox().try_release(7));
    system.stop(pid);
    // The end of the actor is seen a moment before its mailbox turns senders away.
    ASSERT_TRUE(eventually([&] { return cell.mailbox().owner() == kDead; }));
    const auto before = system->registry().counters().dead_lettered;
    if (by_rescuer) {
      Worker::Rescued rescued;
      EXPECT_TRUE(worker.rescue(rescued));
      ASSERT_EQ(rescued.turned_away.size(), 1u);
      EXPECT_EQ(rescued.turned_away[0].cell, &cell);
      system->registry().turn_away(cell, std::move(rescued.turned_away[0].envelopes));
    }
    worker.end_turn();
    EXPECT_EQ(system->registry().counters().dead_lettered, before + 3);
    EXPECT_EQ(cell.mailbox().user_count_approx(), 0u);
  }
}

}  // namespace
}  // namespace nexus::core
