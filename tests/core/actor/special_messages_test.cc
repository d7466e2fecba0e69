// Messages that the runtime treats in a way of their own: batches, AutoRespond, deadlines and cancellation.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using std::chrono::milliseconds;
using test::expect_next;
using test::is_conserved;
using test::new_diary;
using test::Number;
using test::TestSystem;
using Outcome = Answer::Outcome;

TEST(MessageBatch, IsUnrolledInOrderWithNothingInBetween) {
  auto diary = new_diary();
  TestSystem system;
  test::Gate leave;
  const Pid actor = system.spawn(test::steered(diary));
  (void)system->send(actor, test::Do{[&](Context&) { EXPECT_TRUE(leave.wait()); }});
  MessageBatch batch;
  for (int i = 1; i <= 3; ++i) batch.add(Number{i});
  (void)system->send(actor, std::move(batch));
  (void)system->send(actor, Number{4});
  leave.open();
  expect_next(*diary, {"started", "number 1", "number 2", "number 3", "number 4"});
  EXPECT_TRUE(is_conserved(system));
}

TEST(MessageBatch, KeepsTheSendersOfItsMessagesAndMayBeEmpty) {
  TestSystem system;
  const Pid actor = system.spawn(props_of([](Context& context) {
    if (context.message<Number>() != nullptr) context.respond(Number{2});
  }));
  (void)system->send(actor, MessageBatch{});
  Promise promise;
  Future done = promise.future();
  const Pid sender = system->futures().open(test::give_up_at(),
                                            [promise = std::move(promise)](Answer answer) mutable {
                                              promise.complete(std::move(answer));
                                            });
  MessageBatch batch;
  batch.add(Number{1});
  batch.messages.back()->set_sender(sender);
  (void)system->send(actor, std::move(batch));
  EXPECT_EQ(std::move(done).wait().message->get<Number>()->value, 2);
  EXPECT_TRUE(is_conserved(system));
}

struct Ping {
  int value;
  Number auto_response(const Context&) const { return {value + 1}; }
};

TEST(AutoRespond, AnswersAfterTheActorHasHadTheMessage) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(props_of([=](Context& context) {
    if (const auto* ping = context.message<Ping>())
      diary->push("ping " + std::to_string(ping->value));
  }));
  const Answer answer = system->ask(actor, Ping{1}, test::kPatience);
  ASSERT_EQ(answer.outcome, Outcome::answered);
  EXPECT_EQ(answer.message->get<Number>()->value, 2);
  expect_next(*diary, {"ping 1"});
}

TEST(AutoRespond, DoesNotAnswerForADecoratorThatHeldTheMessageBack) {
  TestSystem system;
  Props props = props_of([](Context&) {});
  props.decorators = {on_receive([](Context& context, const ReceiveNext& next) {
    if (context.message<Ping>() != nullptr) return context.respond(Number{77});
    next(context);
  })};
  const Pid actor = system.spawn(std::move(props));
  EXPECT_EQ(system->ask(actor, Ping{1}, test::kPatience).message->get<Number>()->value, 77);
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::no_such_request), 0u);
}

TEST(MessageBatch, TakesNoMoreRoomThanTheMailboxHas) {
  auto diary = new_diary();
  TestSystem system;
  Props props = test::steered(diary);
  props.mailbox_user_count_max = 10;
  const Pid actor = system.spawn(std::move(props));
  MessageBatch batch;
  for (int i = 0; i < 100; ++i) batch.add(Number{i});
  (void)system->send(actor, std::move(batch));
  EXPECT_TRUE(is_conserved(system));
  EXPECT_GE(system->dead_letters().count(DeadLetterReason::mailbox_full), 89u);
  expect_next(*diary, {"started", "number 0"});
}

TEST(MessageBatch, FindsTheRoomThatTheTurnHasMade) {
  std::atomic<int> handled{0};
  TestSystem system({.worker_count = 1});
  Props props = props_of([&](Context& context) {
    if (context.message<Number>() != nullptr) ++handled;
  });
  props.mailbox_user_count_max = 200;
  const Pid actor = system.spawn(std::move(props));
  const Pid sender = system.spawn(test::steered(new_diary()));
  system.in_turn(sender, [&](Context& context) {
    for (int i = 0; i < 199; ++i) context.send(actor, Number{i});
    MessageBatch batch;
    for (int i = 0; i < 100; ++i) batch.add(Number{i});
    context.send(actor, std::move(batch));
  });
  EXPECT_TRUE(is_conserved(system));
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::mailbox_full), 0u);
  EXPECT_EQ(handled.load(), 299);
}

TEST(AutoRespond, DoesNotAnswerForAnActorThatFails) {
  TestSystem system;
  const Pid actor = system.spawn(props_of([](Context& context) {
    if (context.message<Ping>() != nullptr) throw std::runtime_error("boom");
  }));
  EXPECT_EQ(system->ask(actor, Ping{1}, milliseconds(50)).outcome, Outcome::failed);
}

class Limits : public testing::Test {
 protected:
  // Sends a Number with a mark while the actor is in a long turn.
  template <typename Mark>
  Future ask_behind(const Pid& actor, test::Gate& leave, Mark mark) {
    (void)system_->send(actor, test::Do{[&](Context&) { EXPECT_TRUE(leave.wait()); }});
    EnvelopePtr envelope = make_envelope(Number{1});
    mark(*envelope);
    return system_->request_envelope(actor, std::move(envelope), test::kPatience);
  }

  std::shared_ptr<test::Diary> diary_ = new_diary();
  TestSystem system_;
};

TEST_F(Limits, AMessageWhoseDeadlineIsOverIsNotHandled) {
  const Pid actor = system_.spawn(test::steered(diary_));
  test::Gate leave;
  Future late = ask_behind(actor, leave, [&](Envelope& envelope) {
    envelope.set_deadline(system_->clock().now() - milliseconds(1));
  });
  leave.open();
  EXPECT_EQ(std::move(late).wait().outcome, Outcome::deadline);
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::expired), 1u);
  (void)system_->send(actor, Number{2});
  expect_next(*diary_, {"started", "number 2"});
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(Limits, AMessageThatWasCancelledIsNotHandled) {
  const Pid actor = system_.spawn(test::steered(diary_));
  CancellationSource source;
  test::Gate leave;
  Future cancelled = ask_behind(
      actor, leave, [&](Envelope& envelope) { envelope.set_cancellation(source.token()); });
  source.cancel();
  leave.open();
  EXPECT_EQ(std::move(cancelled).wait().outcome, Outcome::cancelled);
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::cancelled), 1u);
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(Limits, ARunningTurnSeesTheCancellation) {
  auto seen = std::make_shared<test::Queue<bool>>();
  const Pid actor = system_.spawn(props_of([=](Context& context) {
    if (context.message<Number>() == nullptr) return;
    seen->push(context.is_cancelled());
    EXPECT_TRUE(test::eventually([&] { return context.is_cancelled(); }));
    seen->push(true);
  }));
  CancellationSource source;
  EnvelopePtr envelope = make_envelope(Number{1});
  envelope->set_cancellation(source.token());
  (void)system_->registry().send_user(actor, std::move(envelope));
  EXPECT_EQ(seen->pop(), false);
  source.cancel();
  EXPECT_EQ(seen->pop(), true);
}

TEST_F(Limits, AnAskHasTheDeadlineAndTheTokenOfTheMessageThatItServes) {
  struct Seen {
    Instant deadline;
    bool has_token;
  };
  auto seen = std::make_shared<test::Queue<Seen>>();
  auto outcome = std::make_shared<test::Queue<Outcome>>();
  const Pid backend = system_.spawn(props_of([=](Context& context) {
    if (context.message<Number>() == nullptr) return;
    seen->push({context.envelope().deadline(), bool(context.envelope().cancellation())});
  }));
  const Pid front = system_.spawn(props_of([=](Context& context) {
    if (context.message<Number>() == nullptr) return;
    context.ask(backend, Number{2}, test::kPatience,
                [=](Context&, Answer answer) { outcome->push(answer.outcome); });
  }));
  CancellationSource source;
  const Instant deadline = system_->clock().now() + std::chrono::seconds(50);
  EnvelopePtr envelope = make_envelope(Number{1});
  envelope->set_deadline(deadline);
  envelope->set_cancellation(source.token());
  (void)system_->registry().send_user(front, std::move(envelope));
  const auto at_backend = seen->pop();
  ASSERT_TRUE(at_backend.has_value());
  EXPECT_EQ(at_backend->deadline, deadline);
  EXPECT_TRUE(at_backend->has_token);
  source.cancel();
  EXPECT_EQ(outcome->pop(), Outcome::cancelled);
}

TEST_F(Limits, AnAskOfAnAskerThatIsGoneLeavesNothingInTheToken) {
  auto asked = std::make_shared<test::Queue<EnvelopePtr>>();
  const Pid backend = system_.spawn(props_of([=](Context& context) {
    if (context.message<Number>() != nullptr) asked->push(context.take_message());
  }));
  CancellationSource source;
  // What a token is to do about an ask holds one.
  const long before = system_->lifeline().use_count();
  for (const bool stops : {true, false}) {
    const Pid asker = system_.spawn(test::steered(new_diary()));
    EnvelopePtr order = make_envelope(test::Do{[&](Context& context) {
      context.ask(backend, Number{1}, test::kPatience, [](Context&, Answer) {});
    }});
    order->set_cancellation(source.token());
    (void)system_->registry().send_user(asker, std::move(order));
    const auto question = asked->pop();
    ASSERT_TRUE(question.has_value());
    EXPECT_EQ(system_->lifeline().use_count(), before + 1);
    if (stops) {
      system_.stop(asker);
    } else {
      (void)system_->send(asker, test::Fail{"boom"});
      EXPECT_TRUE(test::eventually([&] { return asker.cell()->restart_count() == 1; }));
    }
    (void)system_->send((*question)->sender(), Number{2});
    EXPECT_TRUE(test::eventually([&] { return system_->futures().open_count() == 0; }));
    system_.in_turn(system_.spawn(test::steered(new_diary())), [](Context&) {});
    EXPECT_TRUE(test::eventually([&] { return system_->lifeline().use_count() == before; }));
  }
}

TEST(CancellationToken, CT2_EachCallbackRunsOnceOrIsForgotten) {
  CancellationSource source;
  int count = 0;
  const std::uint64_t forgotten = source.token().on_cancel([&] { count += 100; });
  source.token().on_cancel([&] { ++count; });
  EXPECT_TRUE(source.token().forget(forgotten));
  EXPECT_FALSE(source.token().forget(forgotten));
  EXPECT_FALSE(source.token().cancelled());
  source.cancel();
  source.cancel();
  EXPECT_EQ(count, 1);
  source.token().on_cancel([&] { ++count; });
  EXPECT_EQ(count, 2);
  EXPECT_TRUE(source.token().cancelled());
}

}  // namespace
}  // namespace nexus::core
