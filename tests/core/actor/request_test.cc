// Asking and answering: by actors and from outside, with payloads, notices, time-outs and full mailboxes.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <stdexcept>
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
using test::Fail;
using test::Gate;
using test::kPatience;
using test::Number;
using test::steered;
using test::TestSystem;
using Outcome = Answer::Outcome;

constexpr Duration kShort = std::chrono::milliseconds(20);

std::shared_ptr<Diary> new_diary() { return std::make_shared<Diary>(); }

Props doubler() {
  return props_of([](Context& context) {
    if (const auto* number = context.message<Number>()) context.respond(Number{2 * number->value});
  });
}

std::string text_of(const Answer& answer) {
  static const std::map<Outcome, std::string> kNames = {
      {Outcome::answered, "answered"},         {Outcome::no_such_actor, "no_such_actor"},
      {Outcome::mailbox_full, "mailbox_full"}, {Outcome::link_failed, "link_failed"},
      {Outcome::bad_payload, "bad_payload"},   {Outcome::failed, "failed"},
      {Outcome::deadline, "deadline"},         {Outcome::cancelled, "cancelled"},
      {Outcome::overloaded, "overloaded"}};
  std::string text = kNames.at(answer.outcome);
  if (answer.message != nullptr && answer.message->is<Number>()) {
    text += " " + std::to_string(answer.message->get<Number>()->value);
  }
  return text;
}

// An actor that is in a turn until this dies or sets it free.
class Busy {
 public:
  explicit Busy(TestSystem& system, std::uint32_t user_count_max = 0) {
    Props props = steered(new_diary());
    props.mailbox_user_count_max = user_count_max;
    pid = system.spawn(std::move(props));
    auto entered = std::make_shared<Gate>();
    (void)system->send(pid, Do{[entered, leave = leave_](Context&) {
                         entered->open();
                         (void)leave->wait();
                       }});
    EXPECT_TRUE(entered->wait());
  }
  ~Busy() { set_free(); }
  void set_free() { leave_->open(); }

  Pid pid;

 private:
  const std::shared_ptr<Gate> leave_ = std::make_shared<Gate>();
};

TEST(Ask, FromOutsideBringsTheAnswer) {
  TestSystem system;
  const Pid actor = system.spawn(doubler());
  for (int i = 0; i < 1'000; ++i) {
    const Answer answer = system->ask(actor, Number{i}, kPatience);
    ASSERT_EQ(text_of(answer), "answered " + std::to_string(2 * i));
    EXPECT_TRUE(answer.started);
  }
  EXPECT_EQ(system->futures().open_count(), 0u);
}

TEST(Ask, MayWaitForEver) {
  TestSystem system;
  const Pid actor = system.spawn(doubler());
  EXPECT_EQ(text_of(system->ask(actor, Number{1}, Duration::max())), "answered 2");
}

TEST(Ask, ByManyThreadsMixesNothingUp) {
  TestSystem system;
  const Pid actor = system.spawn(doubler());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t * 10'000; i < t * 10'000 + 500; ++i) {
        EXPECT_EQ(text_of(system->ask(actor, Number{i}, kPatience)),
                  "answered " + std::to_string(2 * i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(test::is_conserved(system));
}

TEST(Ask, OfWhatIsMissingFailsAtOnce) {
  TestSystem system;
  const Pid stopped = system.spawn(doubler());
  system.stop(stopped);
  for (const Pid& missing :
       {stopped, Pid{}, Pid::of_name(system->address(), "nobody"), Pid::of_name("far:1", "x")}) {
    const Answer answer = system->ask(missing, Number{1}, kPatience);
    EXPECT_EQ(text_of(answer), "no_such_actor") << missing.to_string();
    EXPECT_FALSE(answer.started);
  }
}

TEST(Ask, OfAnActorThatStopsBeforeItsTurnFails) {
  TestSystem system;
  Busy busy(system);
  std::thread opener([&] {
    EXPECT_TRUE(eventually([&] { return busy.pid.cell()->mailbox_count() >= 1; }));
    system->stop(busy.pid);
    busy.set_free();
  });
  EXPECT_EQ(text_of(system->ask(busy.pid, Number{1}, kPatience)), "no_such_actor");
  opener.join();
}

TEST(Ask, TheDeadlineTellsQueuedFromStarted) {
  TestSystem system;
  Busy busy(system);
  const Answer queued = system->ask(busy.pid, Number{1}, kShort);
  EXPECT_EQ(text_of(queued), "deadline");
  EXPECT_FALSE(queued.started);
  busy.set_free();
  const Pid silent = system.spawn(steered(new_diary()));
  const Answer started = system->ask(silent, Number{1}, kShort);
  EXPECT_EQ(text_of(started), "deadline");
  EXPECT_TRUE(started.started);
}

TEST(Ask, AnAnswerThatComesTooLateIsADeadLetter) {
  TestSystem system;
  Pid asker;
  const Pid actor = system.spawn(props_of([&](Context& context) {
    if (context.message<Number>()) asker = context.sender();
    if (context.message<Done>()) context.send(asker, Number{1});
  }));
  EXPECT_EQ(text_of(system->ask(actor, Number{1}, kShort)), "deadline");
  (void)system->send(actor, Done{});
  EXPECT_TRUE(eventually(
      [&] { return system->dead_letters().count(DeadLetterReason::no_such_request) == 1; }));
}

TEST(Ask, OnlyTheFirstAnswerCounts) {
  TestSystem system;
  const Pid actor = system.spawn(props_of([](Context& context) {
    if (!context.message<Number>()) return;
    context.respond(Number{1});
    context.respond(Number{2});
  }));
  EXPECT_EQ(text_of(system->ask(actor, Number{0}, kPatience)), "answered 1");
  EXPECT_TRUE(eventually(
      [&] { return system->dead_letters().count(DeadLetterReason::no_such_request) == 1; }));
}

TEST(Ask, AFailureOfTheTargetIsReportedAtOnce) {
  TestSystem system;
  const Pid actor = system.spawn(steered(new_diary()));
  const Answer answer = system->ask(actor, Fail{"boom"}, kPatience);
  EXPECT_EQ(text_of(answer), "failed");
  EXPECT_EQ(answer.detail, "boom");
  EXPECT_TRUE(answer.started);
}

TEST(Ask, AFullMailboxIsReportedAtOnce) {
  TestSystem system;
  Busy busy(system, 1);
  EXPECT_EQ(system->send(busy.pid, Number{1}), Delivered::mailbox);
  EXPECT_EQ(text_of(system->ask(busy.pid, Number{2}, kPatience)), "mailbox_full");
  busy.set_free();
}

TEST(Ask, MoreThanTheLimitAreNotSent) {
  TestSystem system({.futures = {.open_count_max = 1}});
  const Pid actor = system.spawn(doubler());
  const Pid first = system->futures().open(test::give_up_at(), [](Answer) {});
  EXPECT_EQ(text_of(system->ask(actor, Number{1}, kPatience)), "overloaded");
  EXPECT_TRUE(system->futures().cancel(first));
  EXPECT_EQ(text_of(system->ask(actor, Number{1}, kPatience)), "answered 2");
}

// Asks in an actor's turn, and notes what comes back in the actor's diary.
void ask_in_turn(TestSystem& system, const Pid& asker, const std::shared_ptr<Diary>& diary,
                 const Pid& target, EnvelopePtr question, Duration timeout) {
  auto shared = std::make_shared<EnvelopePtr>(std::move(question));
  system.in_turn(asker, [=](Context& context) {
    context.ask_envelope(target, std::move(*shared), timeout,
                         [diary](Context& later, Answer answer) {
                           EXPECT_TRUE(later.sender().empty());
                           diary->push(text_of(answer));
                         });
  });
}

TEST(ContextAsk, TheAnswerComesInATurnOfTheAsker) {
  TestSystem system;
  auto diary = new_diary();
  const Pid asker = system.spawn(steered(diary));
  const Pid actor = system.spawn(doubler());
  ask_in_turn(system, asker, diary, actor, make_envelope(Number{21}), kPatience);
  expect_next(*diary, {"started", "answered 42"});
}

TEST(ContextAsk, EveryOtherOutcomeComesTheSameWay) {
  TestSystem system({.futures = {.open_count_max = 1}});
  auto diary = new_diary();
  const Pid asker = system.spawn(steered(diary));
  ask_in_turn(system, asker, diary, Pid{}, make_envelope(Number{1}), kPatience);
  expect_next(*diary, {"started", "no_such_actor"});
  const Pid silent = system.spawn(steered(new_diary()));
  ask_in_turn(system, asker, diary, silent, make_envelope(Number{1}), kShort);
  expect_next(*diary, {"deadline"});
  Busy busy(system, 1);
  EXPECT_EQ(system->send(busy.pid, Number{1}), Delivered::mailbox);
  ask_in_turn(system, asker, diary, busy.pid, make_envelope(Number{1}), kPatience);
  expect_next(*diary, {"mailbox_full"});
  busy.set_free();
  const Pid open = system->futures().open(test::give_up_at(), [](Answer) {});
  ask_in_turn(system, asker, diary, silent, make_envelope(Number{1}), kPatience);
  expect_next(*diary, {"overloaded"});
  system->futures().close();
  ask_in_turn(system, asker, diary, silent, make_envelope(Number{1}), kPatience);
  expect_next(*diary, {"cancelled"});
}

TEST(ContextAsk, AFailureInTheContinuationIsAFailureOfTheAsker) {
  TestSystem system;
  auto diary = new_diary();
  const Pid asker = system.spawn(steered(diary));
  const Pid actor = system.spawn(doubler());
  system.in_turn(asker, [&](Context& context) {
    context.ask(actor, Number{1}, kPatience,
                [](Context&, Answer) { throw std::runtime_error("in the continuation"); });
  });
  expect_next(*diary, {"started", "restarting", "started"});
}

TEST(ContextAsk, AContinuationMayForwardButHasNothingToForward) {
  TestSystem system;
  auto diary = new_diary();
  const Pid asker = system.spawn(steered(diary));
  const Pid actor = system.spawn(doubler());
  auto kept = std::make_shared<int>(5);
  system.in_turn(asker, [&](Context& context) {
    context.ask(actor, Number{1}, kPatience, [diary, kept](Context& later, Answer) {
      later.forward(later.self());
      // What the continuation owns is still there.
      diary->push("kept " + std::to_string(*kept));
    });
  });
  kept.reset();
  expect_next(*diary, {"started", "kept 5"});
  (void)system->send(asker, Number{2});
  expect_next(*diary, {"number 2"});
}

TEST(ContextAsk, AnAnswerForTheObjectBeforeARestartIsDropped) {
  TestSystem system;
  auto diary = new_diary();
  const Pid asker = system.spawn(steered(diary));
  Busy busy(system);
  system.in_turn(asker, [&](Context& context) {
    context.ask(busy.pid, Do{[](Context& target) { target.respond(Number{1}); }}, kPatience,
                [diary](Context&, Answer) { diary->push("answer for the old object"); });
  });
  (void)system->send(asker, Fail{"boom"});
  expect_next(*diary, {"started", "restarting", "started"});
  busy.set_free();
  ASSERT_TRUE(eventually([&] { return system->futures().open_count() == 0; }));
  system.in_turn(asker, [](Context&) {});
  (void)system->send(asker, Done{});
  expect_next(*diary, {"done"});
}

TEST(ContextAsk, AnAnswerWaitsWhileTheAskerIsSuspended) {
  Gate decide;
  TestSystem system;
  auto diary = new_diary();
  Props props = steered(new_diary());
  props.strategy = std::make_shared<OneForOneStrategy>(
      OneForOneStrategy::Options{.decider = [&](const Failure&) {
        (void)decide.wait();
        return Directive::resume;
      }});
  const Pid parent = system.spawn(std::move(props));
  const Pid asker = system.spawn_child(parent, steered(diary));
  const Pid actor = system.spawn(doubler());
  (void)system->send(asker, Do{[&](Context& context) {
                       context.ask(actor, Number{4}, kPatience, [diary](Context&, Answer answer) {
                         diary->push(text_of(answer));
                       });
                       throw std::runtime_error("suspended");
                     }});
  expect_next(*diary, {"started"});
  ASSERT_TRUE(eventually([&] { return actor.cell()->processed_count() == 1; }));
  EXPECT_EQ(diary->size(), 0u);
  decide.open();
  expect_next(*diary, {"answered 8"});
}

TEST(Respond, WithoutASenderIsADeadLetter) {
  TestSystem system;
  const Pid actor = system.spawn(doubler());
  (void)system->send(actor, Number{1});
  EXPECT_TRUE(
      eventually([&] { return system->dead_letters().count(DeadLetterReason::no_sender) == 1; }));
}

TEST(Request, TheAnswerIsAMessageOfItsOwn) {
  TestSystem system;
  auto diary = new_diary();
  const Pid asker = system.spawn(steered(diary));
  const Pid actor = system.spawn(doubler());
  system.in_turn(asker, [&](Context& context) { context.request(actor, Number{4}); });
  expect_next(*diary, {"started", "number 8"});
}

TEST(Forward, KeepsTheSenderAndHeaders) {
  TestSystem system;
  const Pid actor = system.spawn(props_of([](Context& context) {
    if (!context.message<Number>()) return;
    ASSERT_EQ(context.headers().size(), 1u);
    context.respond(Number{std::stoi(context.headers()[0].second)});
  }));
  const Pid middle = system.spawn(props_of([actor](Context& context) {
    if (context.message<Number>()) context.forward(actor);
  }));
  EnvelopePtr question = make_envelope(Number{1});
  question->set_headers({{"n", "17"}});
  EXPECT_EQ(text_of(system->ask_envelope(middle, std::move(question), kPatience)), "answered 17");
}

// Payloads: a client speaks text, the actor speaks Number.

Props with_codec(Props props) {
  props.read_payload = [](const Payload& payload) -> Result<EnvelopePtr> {
    if (payload.data.empty()) return Error{Errc::invalid_argument, "a number is missing"};
    if (payload.data == "throw") throw std::runtime_error("the reader threw");
    return make_envelope(Number{std::stoi(payload.data)});
  };
  props.write_payload = [](const Envelope& envelope,
                           const std::string& content_type) -> Result<Payload> {
    const auto* number = envelope.get<Number>();
    if (number == nullptr) return Error{Errc::internal, "not a number"};
    return Payload{{}, content_type, std::to_string(number->value)};
  };
  return props;
}

TEST(Payloads, AreReadForTheActorAndWrittenForTheClient) {
  TestSystem system;
  const Pid actor = system.spawn(with_codec(doubler()));
  const Answer answer = system->ask(actor, Payload{{}, "text/plain", "21"}, kPatience);
  ASSERT_EQ(answer.outcome, Outcome::answered);
  const auto* payload = answer.message->get<Payload>();
  ASSERT_NE(payload, nullptr);
  EXPECT_EQ(payload->data, "42");
  EXPECT_EQ(payload->content_type, "text/plain");
  // A typed question gets a typed answer.
  EXPECT_EQ(text_of(system->ask(actor, Number{4}, kPatience)), "answered 8");
}

TEST(Payloads, ABadOneIsTheClientsFaultAndNotAFailure) {
  TestSystem system;
  const Pid actor = system.spawn(with_codec(doubler()));
  const Answer answer = system->ask(actor, Payload{}, kPatience);
  EXPECT_EQ(text_of(answer), "bad_payload");
  EXPECT_EQ(answer.detail, "a number is missing");
  EXPECT_FALSE(answer.started);
  EXPECT_EQ(actor.cell()->restart_count(), 0u);
  (void)system->send(actor, Payload{});
  EXPECT_EQ(text_of(system->ask(actor, Number{4}, kPatience)), "answered 8");
}

TEST(Payloads, AReaderThatThrowsIsAFailure) {
  TestSystem system;
  const Pid actor = system.spawn(with_codec(doubler()));
  const Answer answer = system->ask(actor, Payload{{}, {}, "throw"}, kPatience);
  EXPECT_EQ(text_of(answer), "failed");
  EXPECT_EQ(answer.detail, "the reader threw");
  EXPECT_TRUE(eventually([&] { return actor.cell()->restart_count() == 1; }));
}

TEST(Payloads, AnAnswerThatCannotBeWrittenGoesAsItIs) {
  TestSystem system;
  const Pid actor = system.spawn(with_codec(props_of([](Context& context) {
    if (context.message<Number>()) context.respond(Done{});
  })));
  const Answer answer = system->ask(actor, Payload{{}, "text/plain", "1"}, kPatience);
  ASSERT_EQ(answer.outcome, Outcome::answered);
  EXPECT_TRUE(answer.message->is<Done>());
}

TEST(Payloads, WithoutAReaderReachTheActorAsTheyAre) {
  TestSystem system;
  const Pid actor = system.spawn(props_of([](Context& context) {
    if (const auto* payload = context.message<Payload>())
      context.respond(Payload::json(payload->data));
  }));
  const Answer answer = system->ask(actor, Payload::json("{}"), kPatience);
  ASSERT_EQ(answer.outcome, Outcome::answered);
  EXPECT_EQ(answer.message->get<Payload>()->data, "{}");
}

}  // namespace
}  // namespace nexus::core
