#include "core/actor/coroutine_actor.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using test::Diary;
using test::expect_next;
using test::is_conserved;
using test::kPatience;
using test::new_diary;
using test::Number;
using test::TestSystem;
using Outcome = Answer::Outcome;

// Notes when a coroutine is destroyed.
struct Local {
  ~Local() { diary->push("local gone"); }
  std::shared_ptr<Diary> diary;
};

// For each Number asks the backend for its double, and answers with that plus one.
class Front final : public CoroutineActor {
 public:
  Front(Pid backend, Turns turns, std::shared_ptr<Diary> diary)
      : CoroutineActor(turns), backend_(std::move(backend)), diary_(std::move(diary)) {}

 private:
  Task<> handle(Turn& turn) override {
    if (turn.message<test::Fail>() != nullptr) throw std::runtime_error("at once");
    const auto* number = turn.message<Number>();
    if (number == nullptr) co_return;
    Local local{diary_};
    const int value = number->value;
    diary_->push("begin " + std::to_string(value));
    const int doubled = co_await twice(turn, value);
    diary_->push("end " + std::to_string(value));
    if (doubled < 0) throw std::runtime_error("negative");
    EXPECT_EQ(turn.message<Number>()->value, value);
    turn.respond(Number{doubled + 1});
  }

  Task<int> twice(Turn& turn, int value) {
    const Answer answer = co_await turn.ask(backend_, Number{value}, kPatience);
    if (answer.outcome != Outcome::answered) throw std::runtime_error("no answer");
    co_return answer.message->get<Number>()->value;
  }

  const Pid backend_;
  const std::shared_ptr<Diary> diary_;
};

class CoroutineActors : public testing::Test {
 protected:
  // Answers Numbers only when release() lets it, in the order in which they came.
  Pid spawn_backend() {
    return system_.spawn(props_of([this](Context& context) {
      if (context.message<Number>() != nullptr) asked_.push(context.take_message());
    }));
  }
  Pid spawn_front(Turns turns) {
    return system_.spawn(props<Front>(spawn_backend(), turns, diary_));
  }
  void release(EnvelopePtr asked) {
    const int value = asked->get<Number>()->value;
    (void)system_->send(asked->sender(), Number{2 * value});
  }

  test::Queue<EnvelopePtr> asked_;
  std::shared_ptr<Diary> diary_ = new_diary();
  TestSystem system_;
};

TEST_F(CoroutineActors, CO1_WaitingTurnsComeOneAfterTheOther) {
  const Pid front = spawn_front(Turns::waiting);
  Future one = system_->request(front, Number{1}, kPatience);
  Future two = system_->request(front, Number{2}, kPatience);
  release(std::move(*asked_.pop()));
  release(std::move(*asked_.pop()));
  EXPECT_EQ(std::move(one).wait().message->get<Number>()->value, 3);
  EXPECT_EQ(std::move(two).wait().message->get<Number>()->value, 5);
  expect_next(*diary_, {"begin 1", "end 1", "local gone", "begin 2", "end 2", "local gone"});
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(CoroutineActors, CO1_ReentrantTurnsOverlap) {
  const Pid front = spawn_front(Turns::reentrant);
  Future one = system_->request(front, Number{1}, kPatience);
  auto first = asked_.pop();
  Future two = system_->request(front, Number{2}, kPatience);
  release(std::move(*asked_.pop()));
  EXPECT_EQ(std::move(two).wait().message->get<Number>()->value, 5);
  release(std::move(*first));
  EXPECT_EQ(std::move(one).wait().message->get<Number>()->value, 3);
  expect_next(*diary_, {"begin 1", "begin 2", "end 2", "local gone", "end 1", "local gone"});
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(CoroutineActors, CO1_AnOrderToStopComesThroughAndEndsTheCoroutine) {
  const Pid front = spawn_front(Turns::waiting);
  Future one = system_->request(front, Number{1}, hours(1));
  auto asked = asked_.pop();
  system_.stop(front);
  expect_next(*diary_, {"begin 1", "local gone"});
  release(std::move(*asked));
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(CoroutineActors, CO2_ARestartEndsTheCoroutines) {
  const Pid front = spawn_front(Turns::reentrant);
  Future one = system_->request(front, Number{1}, hours(1));
  auto asked = asked_.pop();
  (void)system_->send(front, test::Fail{});
  expect_next(*diary_, {"begin 1", "local gone"});
  release(std::move(*asked));
  Future two = system_->request(front, Number{2}, kPatience);
  release(std::move(*asked_.pop()));
  EXPECT_EQ(std::move(two).wait().message->get<Number>()->value, 5);
  EXPECT_EQ(std::move(one).wait().outcome, Outcome::no_such_actor);
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(CoroutineActors, CO3_AFailureInALaterTurnIsOneOfTheActor) {
  const Pid front = spawn_front(Turns::waiting);
  Future one = system_->request(front, Number{-1}, kPatience);
  Future two = system_->request(front, Number{2}, kPatience);
  release(std::move(*asked_.pop()));
  const Answer failed = std::move(one).wait();
  EXPECT_EQ(failed.outcome, Outcome::failed);
  EXPECT_EQ(failed.detail, "negative");
  // The next message is for the new object.
  release(std::move(*asked_.pop()));
  EXPECT_EQ(std::move(two).wait().message->get<Number>()->value, 5);
  EXPECT_EQ(front.cell()->restart_count(), 1u);
}

TEST_F(CoroutineActors, CO3_AnExceptionOfANestedTaskComesOutWhereItIsAwaited) {
  const Pid front = spawn_front(Turns::waiting);
  Future one = system_->request(front, Number{1}, kPatience);
  auto asked = asked_.pop();
  (void)system_->send((*asked)->sender(), DeadLetterResponse{});
  EXPECT_EQ(std::move(one).wait().detail, "no answer");
}

// Waits in the middle of one lifecycle message.
template <typename Lifecycle>
class WaitsIn final : public CoroutineActor {
  Task<> handle(Turn& turn) override {
    if (turn.message<Lifecycle>() != nullptr) (void)co_await turn.pause(hours(1));
    if (turn.message<test::Fail>() != nullptr) throw std::runtime_error("boom");
    if (turn.message<test::Do>() != nullptr) turn.message<test::Do>()->run(turn.context());
    if (turn.message<Number>() != nullptr) turn.respond(Number{1});
  }
};

TEST_F(CoroutineActors, CO5_WaitingWhileStoppingHoldsNothingUp) {
  const Pid actor = system_.spawn(props<WaitsIn<Stopping>>());
  (void)system_.spawn_child(actor, test::steered(diary_));
  system_.stop(actor);
  expect_next(*diary_, {"started", "stopping", "stopped"});
}

TEST_F(CoroutineActors, CO5_WaitingWhileRestartingDoesNotHoldTheNextObjectUp) {
  const Pid actor = system_.spawn(props<WaitsIn<Restarting>>());
  (void)system_->send(actor, test::Fail{});
  EXPECT_EQ(system_->ask(actor, Number{0}, kPatience).outcome, Outcome::answered);
}

TEST(CoroutineActorEnds, APendingPauseEndsWithTheSystem) {
  TestSystem system;
  const Pid actor = system.spawn(props<WaitsIn<Number>>());
  (void)system->send(actor, Number{1});
  const Pid other = system.spawn(props<WaitsIn<Number>>());
  (void)system->send(other, Number{1});
  EXPECT_TRUE(test::eventually([&] { return system->timers().waiting_count() >= 2; }));
  system.stop(actor);
}

TEST(CoroutineActorEnds, ARefusedAskDoesNotResumeTheObjectBeforeARestart) {
  class Asker final : public CoroutineActor {
    Task<> handle(Turn& turn) override {
      if (turn.message<Number>() == nullptr) co_return;
      turn.context().system().registry().send_system(turn.self(), make_envelope(Restart{}));
      (void)co_await turn.ask(turn.self(), Number{1}, kPatience);
      ADD_FAILURE() << "the object before the restart went on";
    }
  };
  TestSystem system(ActorSystem::Options{.futures = {.open_count_max = 0}});
  const Pid actor = system.spawn(props<Asker>());
  (void)system->send(actor, Number{1});
  EXPECT_TRUE(test::eventually([&] { return actor.cell()->restart_count() == 1; }));
}

TEST(CoroutineActorEnds, AnAskThatWasNotSentIsNotAnswered) {
  auto diary = new_diary();
  class Asker final : public CoroutineActor {
   public:
    explicit Asker(std::shared_ptr<Diary> diary) : diary_(std::move(diary)) {}

   private:
    Task<> handle(Turn& turn) override {
      if (turn.message<Number>() == nullptr) co_return;
      bool thrown = false;
      try {
        (void)co_await turn.ask(turn.self(), test::Done{}, milliseconds(5));
      } catch (const std::runtime_error&) {
        thrown = true;
      }
      diary_->push(thrown ? "thrown" : "answered");
    }
    const std::shared_ptr<Diary> diary_;
  };
  TestSystem system;
  Props asker = props<Asker>(diary);
  asker.decorators = {on_send([](Context&, const Pid&, EnvelopePtr, const SendNext&) {
    throw std::runtime_error("not sent");
  })};
  const Pid actor = system.spawn(std::move(asker));
  (void)system->send(actor, Number{1});
  expect_next(*diary, {"thrown"});
  EXPECT_EQ(system->futures().open_count(), 0u);
}

class Sleeper final : public CoroutineActor {
 public:
  explicit Sleeper(std::shared_ptr<test::Queue<Promise>> promises)
      : promises_(std::move(promises)) {}

 private:
  Task<> handle(Turn& turn) override {
    if (turn.message<Number>() == nullptr) co_return;
    const Instant begin = turn.context().system().clock().now();
    co_await turn.pause(milliseconds(5));
    EXPECT_GE(turn.context().system().clock().now() - begin, milliseconds(5));
    Promise promise;
    Future future = promise.future();
    promises_->push(std::move(promise));
    Answer answer = co_await turn.until(std::move(future));
    turn.respond(Number{answer.message->get<Number>()->value});
  }

  const std::shared_ptr<test::Queue<Promise>> promises_;
};

TEST_F(CoroutineActors, MayPauseAndWaitForAnyFuture) {
  auto promises = std::make_shared<test::Queue<Promise>>();
  const Pid actor = system_.spawn(props<Sleeper>(promises));
  Future one = system_->request(actor, Number{1}, kPatience);
  promises->pop()->answer(Number{7});
  EXPECT_EQ(std::move(one).wait().message->get<Number>()->value, 7);
}

// Waits for a promise with each Number, but for at most three at once.
class Waits final : public CoroutineActor {
 public:
  Waits(std::shared_ptr<test::Queue<Promise>> promises, std::shared_ptr<Diary> diary)
      : CoroutineActor(Turns::reentrant, 3),
        promises_(std::move(promises)),
        diary_(std::move(diary)) {}

 private:
  Task<> handle(Turn& turn) override {
    const auto* number = turn.message<Number>();
    if (number == nullptr) co_return;
    const std::string name = std::to_string(number->value);
    diary_->push("begin " + name);
    Promise promise;
    Future future = promise.future();
    promises_->push(std::move(promise));
    (void)co_await turn.until(std::move(future));
    diary_->push("end " + name);
  }

  const std::shared_ptr<test::Queue<Promise>> promises_;
  const std::shared_ptr<Diary> diary_;
};

TEST_F(CoroutineActors, CO1_WhileAsManyWaitAsMayTheNextMessageWaits) {
  auto promises = std::make_shared<test::Queue<Promise>>();
  const Pid actor = system_.spawn(props<Waits>(promises, diary_));
  for (int i = 0; i < 5; ++i) (void)system_->send(actor, Number{i});
  expect_next(*diary_, {"begin 0", "begin 1", "begin 2"});
  EXPECT_TRUE(test::eventually([&] { return actor.cell()->mailbox_count() == 2; }));
  for (const std::vector<std::string>& next : std::vector<std::vector<std::string>>{
           {"end 0", "begin 3"}, {"end 1", "begin 4"}, {"end 2"}, {"end 3"}, {"end 4"}}) {
    EXPECT_EQ(diary_->size(), 0u);
    promises->pop()->complete({.outcome = Outcome::answered});
    expect_next(*diary_, next);
  }
  EXPECT_TRUE(is_conserved(system_));
}

// Asks the backend twice, and tells how each ended.
class AsksTwice final : public CoroutineActor {
 public:
  AsksTwice(Pid backend, Duration timeout, std::shared_ptr<test::Queue<Outcome>> outcomes)
      : backend_(std::move(backend)), timeout_(timeout), outcomes_(std::move(outcomes)) {}

 private:
  Task<> handle(Turn& turn) override {
    const auto* number = turn.message<Number>();
    if (number == nullptr) co_return;
    for (int i = 0; i < 2; ++i) {
      const Answer answer = co_await turn.ask(backend_, Number{i}, timeout_);
      outcomes_->push(answer.outcome);
    }
    turn.respond(Number{0});
  }

  const Pid backend_;
  const Duration timeout_;
  const std::shared_ptr<test::Queue<Outcome>> outcomes_;
};

TEST_F(CoroutineActors, AnAskEndsAtItsTimeout) {
  auto outcomes = std::make_shared<test::Queue<Outcome>>();
  const Pid actor = system_.spawn(props<AsksTwice>(spawn_backend(), milliseconds(5), outcomes));
  Future done = system_->request(actor, Number{1}, kPatience);
  EXPECT_EQ(outcomes->pop(), Outcome::deadline);
  EXPECT_EQ(outcomes->pop(), Outcome::deadline);
  EXPECT_EQ(std::move(done).wait().outcome, Outcome::answered);
  EXPECT_EQ(system_->futures().open_count(), 0u);
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(CoroutineActors, EachAskHasTheDeadlineOfTheMessage) {
  auto outcomes = std::make_shared<test::Queue<Outcome>>();
  const Pid actor = system_.spawn(props<AsksTwice>(spawn_backend(), hours(1), outcomes));
  EnvelopePtr order = make_envelope(Number{1});
  const Instant deadline = system_->clock().now() + milliseconds(200);
  order->set_deadline(deadline);
  (void)system_->registry().send_user(actor, std::move(order));
  for (int i = 0; i < 2; ++i) {
    auto asked = asked_.pop();
    ASSERT_TRUE(asked.has_value());
    EXPECT_EQ((*asked)->deadline(), deadline);
    if (i == 0) release(std::move(*asked));
  }
  EXPECT_EQ(outcomes->pop(), Outcome::answered);
  EXPECT_EQ(outcomes->pop(), Outcome::deadline);
  EXPECT_GE(system_->clock().now(), deadline);
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(CoroutineActors, EachAskHasTheTokenOfTheMessage) {
  auto outcomes = std::make_shared<test::Queue<Outcome>>();
  const Pid actor = system_.spawn(props<AsksTwice>(spawn_backend(), hours(1), outcomes));
  CancellationSource source;
  EnvelopePtr order = make_envelope(Number{1});
  order->set_cancellation(source.token());
  (void)system_->registry().send_user(actor, std::move(order));
  release(std::move(*asked_.pop()));
  EXPECT_EQ(outcomes->pop(), Outcome::answered);
  auto asked = asked_.pop();
  ASSERT_TRUE(asked.has_value());
  EXPECT_TRUE((*asked)->cancellation());
  source.cancel();
  EXPECT_EQ(outcomes->pop(), Outcome::cancelled);
  EXPECT_TRUE(is_conserved(system_));
}

// Many at once, on several workers: for the sanitizers, and for the law of conservation.
TEST_F(CoroutineActors, ThousandsOfOverlappingTurns) {
  const Pid backend = system_.spawn(props_of([](Context& context) {
    if (const auto* number = context.message<Number>()) context.respond(Number{2 * number->value});
  }));
  class Adder final : public CoroutineActor {
   public:
    explicit Adder(Pid b) : CoroutineActor(Turns::reentrant), backend_(std::move(b)) {}

   private:
    Task<> handle(Turn& turn) override {
      const auto* number = turn.message<Number>();
      if (number == nullptr) co_return;
      int sum = number->value;
      for (int i = 0; i < 5; ++i) {
        const Answer answer = co_await turn.ask(backend_, Number{sum}, kPatience);
        sum = answer.message->get<Number>()->value;
      }
      turn.respond(Number{sum});
    }
    const Pid backend_;
  };
  const Pid adder = system_.spawn(props<Adder>(backend));
  std::vector<Future> futures;
  for (int i = 0; i < 5000; ++i) {
    futures.push_back(system_->request(adder, Number{i}, kPatience));
  }
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(std::move(futures[static_cast<std::size_t>(i)]).wait().message->get<Number>()->value,
              32 * i);
  }
  EXPECT_TRUE(is_conserved(system_));
}

}  // namespace
}  // namespace nexus::core
