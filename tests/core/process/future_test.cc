#include "core/process/future.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using std::chrono::milliseconds;
using test::expect_next;
using test::new_diary;
using test::Number;
using test::TestSystem;
using Outcome = Answer::Outcome;

TEST(Future, FU2_ThenRunsOnWhoeverComesSecond) {
  for (const bool answered_first : {true, false}) {
    Promise promise;
    Future future = promise.future();
    int got = 0;
    const auto then = [&](Answer answer) { got = answer.message->get<Number>()->value; };
    if (answered_first) promise.answer(Number{7});
    EXPECT_EQ(future.is_done(), answered_first);
    std::move(future).then(then);
    EXPECT_EQ(got, answered_first ? 7 : 0);
    if (!answered_first) promise.answer(Number{7});
    EXPECT_EQ(got, 7);
  }
}

TEST(Future, FU1_APromiseThatIsDroppedCancels) {
  auto promise = std::make_unique<Promise>();
  Future future = promise->future();
  promise.reset();
  EXPECT_EQ(std::move(future).wait().outcome, Outcome::cancelled);
}

TEST(Future, FU3_TheTwoSidesMayMeetAtAnyMoment) {
  for (int round = 0; round < 2000; ++round) {
    Promise promise;
    Future future = promise.future();
    std::thread other(
        [promise = std::move(promise), round]() mutable { promise.answer(Number{round}); });
    if (round % 2 == 0) {
      EXPECT_EQ(std::move(future).wait().message->get<Number>()->value, round);
    } else {
      std::atomic<int> got{-1};
      std::move(future).then([&](Answer answer) { got = answer.message->get<Number>()->value; });
      other.join();
      EXPECT_EQ(got.load(), round);
      continue;
    }
    other.join();
  }
}

TEST(Future, PipesItsMessageToAnActor) {
  auto diary = new_diary();
  TestSystem system;
  const Pid target = system.spawn(test::steered(diary));
  Promise one;
  Promise two;
  one.future().pipe_to(*system, target);
  two.future().pipe_to(*system, target);
  one.answer(Number{1});
  two.complete({.outcome = Outcome::deadline});
  expect_next(*diary, {"started", "number 1", "nexus::core::FutureFailed"});
}

TEST(Future, FU4_MayOutliveTheSystem) {
  auto diary = new_diary();
  Promise piped;
  Promise awaited;
  {
    TestSystem system;
    const Pid actor = system.spawn(test::steered(diary));
    piped.future().pipe_to(*system, actor);
    system.in_turn(actor, [&](Context& context) {
      context.reenter_after(awaited.future(), [](Context&, Answer) { FAIL(); });
    });
  }
  piped.answer(Number{1});
  awaited.answer(Number{2});
  expect_next(*diary, {"started"});
}

class Reenter : public testing::Test {
 protected:
  // An actor that answers each Number when the promise of that moment is kept.
  Pid spawn() {
    return system_.spawn(props_of([this](Context& context) {
      if (context.message<Number>() != nullptr) {
        Promise promise;
        Future future = promise.future();
        promises_.push(std::move(promise));
        context.reenter_after(std::move(future), [](Context& again, Answer answer) {
          const int sum = again.message<Number>()->value + answer.message->get<Number>()->value;
          again.respond(Number{sum});
        });
        EXPECT_EQ(context.children().size(), 0u);
      } else if (context.message<test::Fail>() != nullptr) {
        throw std::runtime_error("boom");
      }
    }));
  }

  test::Queue<Promise> promises_;
  TestSystem system_;
};

TEST_F(Reenter, RunsInATurnWithTheMessageOfBefore) {
  const Pid actor = spawn();
  Future one = system_->request(actor, Number{1}, test::kPatience);
  Future two = system_->request(actor, Number{2}, test::kPatience);
  auto first = promises_.pop();
  auto second = promises_.pop();
  // The actor is free meanwhile, and the two may end in any order.
  EXPECT_EQ(system_->ask(actor, Touch{}, test::kPatience).outcome, Outcome::answered);
  second->answer(Number{20});
  EXPECT_EQ(std::move(two).wait().message->get<Number>()->value, 22);
  first->answer(Number{10});
  EXPECT_EQ(std::move(one).wait().message->get<Number>()->value, 11);
}

TEST_F(Reenter, AnActorThatWaitsForAsManyFuturesAsItMayLeavesItsMessagesWaiting) {
  constexpr std::uint32_t kMore = 10;
  const Pid actor = spawn();
  for (std::uint32_t i = 0; i < Context::kAwaitedCountMax + kMore; ++i) {
    (void)system_->send(actor, Number{1});
  }
  const auto waits = [&](std::uint32_t count) {
    return test::eventually([&] { return actor.cell()->mailbox_count() == count; });
  };
  EXPECT_TRUE(waits(kMore));
  EXPECT_EQ(promises_.size(), Context::kAwaitedCountMax);
  promises_.pop()->answer(Number{1});
  EXPECT_TRUE(waits(kMore - 1));
  EXPECT_EQ(promises_.size(), Context::kAwaitedCountMax);
  // The next object waits for none.
  system_->registry().send_system(actor, make_envelope(Restart{}));
  EXPECT_TRUE(waits(0));
}

TEST_F(Reenter, DoesNotHappenAfterARestart) {
  const Pid actor = spawn();
  Future one = system_->request(actor, Number{1}, test::kPatience);
  auto first = promises_.pop();
  (void)system_->send(actor, test::Fail{});
  EXPECT_EQ(system_->ask(actor, Touch{}, test::kPatience).outcome, Outcome::answered);
  first->answer(Number{10});
  EXPECT_EQ(system_->ask(actor, Touch{}, test::kPatience).outcome, Outcome::answered);
  // The message is not lost silently.
  EXPECT_EQ(std::move(one).wait().outcome, Outcome::no_such_actor);
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::stopped), 1u);
  EXPECT_TRUE(is_conserved(system_));
}

TEST(StopFuture, AnswersWhenTheActorHasStopped) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(test::steered(diary));
  const Answer answer = system->stop_future(actor, test::kPatience).wait();
  ASSERT_EQ(answer.outcome, Outcome::answered);
  EXPECT_EQ(answer.message->get<Terminated>()->who, actor);
  EXPECT_EQ(answer.message->get<Terminated>()->why, TerminatedReason::stopped);
  expect_next(*diary, {"started", "stopping", "stopped"});
}

// The watcher's time is over while it tells that the actor has stopped.
TEST(StopFuture, WhoseTimeIsOverWhileItAnswersAnswersOnce) {
  TestSystem system;
  for (int i = 0; i < 20; ++i) {
    const Pid actor = system.spawn(test::steered(new_diary()));
    test::Gate leave;
    (void)system->send(actor, test::Do{[&](Context&) { EXPECT_TRUE(leave.wait()); }});
    std::atomic<int> answer_count{0};
    system->stop_future(actor, Duration::zero()).then([&](Answer) {
      ++answer_count;
      // Due after the receive timeout of the watcher, and behind it on the timer thread.
      test::Gate timeout_is_sent;
      (void)system->timers().schedule(system->clock().now() + milliseconds(1),
                                      [&] { timeout_is_sent.open(); });
      EXPECT_TRUE(timeout_is_sent.wait());
    });
    leave.open();
    EXPECT_TRUE(test::eventually([&] { return system->cells().live_count() == 0; }));
    EXPECT_EQ(answer_count.load(), 1);
  }
}

TEST(StopFuture, PoisonWaitsForTheMailbox) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(test::steered(diary));
  test::Gate leave;
  (void)system->send(actor, test::Do{[&](Context&) { EXPECT_TRUE(leave.wait()); }});
  (void)system->send(actor, Number{1});
  Future gone = system->poison_future(actor, test::kPatience);
  leave.open();
  EXPECT_EQ(std::move(gone).wait().outcome, Outcome::answered);
  expect_next(*diary, {"started", "number 1", "stopping", "stopped"});
}

TEST(StopFuture, SaysWhenThereIsNobodyAndWhenItTakesTooLong) {
  TestSystem system;
  const Pid stopped = system.spawn(test::steered(new_diary()));
  system.stop(stopped);
  const Answer nobody = system->stop_future(stopped, test::kPatience).wait();
  ASSERT_EQ(nobody.outcome, Outcome::answered);
  EXPECT_EQ(nobody.message->get<Terminated>()->why, TerminatedReason::not_found);

  test::Gate leave;
  const Pid busy = system.spawn(test::steered(new_diary()));
  (void)system->send(busy, test::Do{[&](Context&) { EXPECT_TRUE(leave.wait()); }});
  EXPECT_EQ(system->stop_future(busy, milliseconds(5)).wait().outcome, Outcome::deadline);
  leave.open();
}

}  // namespace
}  // namespace nexus::core
