#include "core/actor/context_decorator.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Diary;
using test::expect_next;
using test::new_diary;
using test::Number;
using test::TestSystem;

ReceiveMiddleware noting(std::shared_ptr<Diary> diary, std::string name) {
  return [=](Context& context, const ReceiveNext& next) {
    diary->push(name + " before " + test::describe(context));
    next(context);
    diary->push(name + " after");
  };
}

TEST(ContextDecorator, CD1_TheFirstIsTheOutermost) {
  auto diary = new_diary();
  TestSystem system;
  Props props = test::steered(diary);
  props.decorators = {on_receive(noting(diary, "a")), on_receive(noting(diary, "b"))};
  const Pid actor = system.spawn(std::move(props));
  expect_next(*diary, {"a before started", "b before started", "started", "b after", "a after"});
  (void)system->send(actor, Number{1});
  expect_next(*diary, {"a before number 1", "b before number 1", "number 1", "b after", "a after"});
}

TEST(ContextDecorator, CD3_WhatIsNotHandedOnDoesNotHappen) {
  auto diary = new_diary();
  TestSystem system;
  Props props = test::steered(diary);
  props.decorators = {on_receive([](Context& context, const ReceiveNext& next) {
    const auto* number = context.message<Number>();
    if (number != nullptr && number->value < 0) return context.respond(Number{0});
    next(context);
  })};
  const Pid actor = system.spawn(std::move(props));
  const Answer answer = system->ask(actor, Number{-1}, test::kPatience);
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_EQ(answer.message->get<Number>()->value, 0);
  (void)system->send(actor, Number{1});
  expect_next(*diary, {"started", "number 1"});
}

TEST(ContextDecorator, CD3_WhatItThrowsIsAFailureOfTheActor) {
  auto diary = new_diary();
  TestSystem system;
  Props props = test::steered(diary);
  props.decorators = {on_receive([](Context& context, const ReceiveNext& next) {
    const auto* number = context.message<Number>();
    if (number != nullptr && number->value < 0) throw std::runtime_error("negative");
    next(context);
  })};
  const Pid actor = system.spawn(std::move(props));
  (void)system->send(actor, Number{-1});
  (void)system->send(actor, Number{1});
  expect_next(*diary, {"started", "restarting", "started", "number 1"});
}

TEST(ContextDecorator, SeesAllThatTheActorSends) {
  auto diary = new_diary();
  auto target_diary = new_diary();
  TestSystem system;
  const Pid target = system.spawn(test::steered(target_diary));
  Props props = props_of([=](Context& context) {
    const auto* number = context.message<Number>();
    if (number == nullptr) return;
    switch (number->value) {
      case 1:
        return context.send(target, Number{10});
      case 2:
        return context.respond(Number{20});
      case 3:
        return context.forward(target);
      default:
        return context.ask(target, Touch{}, test::kPatience,
                           [=](Context&, Answer) { diary->push("answer"); });
    }
  });
  props.decorators = {
      on_send([=](Context&, const Pid& to, EnvelopePtr envelope, const SendNext& next) {
        diary->push("out " + std::string(to == target ? "to target" : "elsewhere"));
        next(to, std::move(envelope));
      })};
  const Pid actor = system.spawn(std::move(props));
  (void)system->send(actor, Number{1});
  expect_next(*diary, {"out to target"});
  EXPECT_EQ(system->ask(actor, Number{2}, test::kPatience).outcome, Answer::Outcome::answered);
  expect_next(*diary, {"out elsewhere"});
  (void)system->send(actor, Number{3});
  expect_next(*diary, {"out to target"});
  (void)system->send(actor, Number{4});
  expect_next(*diary, {"out to target", "answer"});
  expect_next(*target_diary, {"started", "number 10", "number 3"});
}

TEST(ContextDecorator, MayChangeWhereAMessageGoesAndWhatChildrenAre) {
  auto diary = new_diary();
  auto child_diary = new_diary();
  TestSystem system;
  Props props = test::steered(diary);
  props.decorators = {on_spawn(
      [=](Context&, PropsPtr, const std::string& id, const SpawnNext& next) -> Result<Pid> {
        if (id.ends_with("/forbidden")) return Error{Errc::permission_denied, "no", "NO"};
        return next(share(test::steered(child_diary)), id);
      })};
  const Pid actor = system.spawn(std::move(props));
  system.in_turn(actor, [&](Context& context) {
    EXPECT_EQ(context.spawn_named(share(test::steered(diary)), "forbidden").error().reason, "NO");
    EXPECT_TRUE(context.spawn(test::steered(diary)).ok());
  });
  expect_next(*child_diary, {"started"});
}

// Counts over restarts, and shares what it knows with the actor.
class Counting final : public ContextDecorator {
 public:
  struct Count {
    int value = 0;
  };
  void receive(Context& context, const ReceiveNext& next) override {
    if (context.store().find<Count>() == nullptr) context.store().set(Count{});
    ++context.store().find<Count>()->value;
    next(context);
  }
};

TEST(ContextDecorator, CD2_EachActorHasItsOwnForAllItsRestarts) {
  auto diary = new_diary();
  TestSystem system;
  const auto spawn = [&] {
    Props props = test::steered(diary);
    props.decorators = {[] { return std::make_unique<Counting>(); }};
    return system.spawn(std::move(props));
  };
  const auto count_of = [&](const Pid& actor) {
    int count = 0;
    system.in_turn(
        actor, [&](Context& context) { count = context.store().find<Counting::Count>()->value; });
    return count;
  };
  const Pid one = spawn();
  const Pid other = spawn();
  EXPECT_EQ(count_of(one), 2);
  (void)system->send(one, test::Fail{"boom"});
  // Fail, Restarting, Started and the look itself.
  EXPECT_EQ(count_of(one), 6);
  EXPECT_EQ(count_of(other), 2);
}

TEST(ContextDecorator, OneThatCannotBeMadeIsAFailureOfTheStart) {
  auto diary = new_diary();
  auto tries = std::make_shared<std::atomic<int>>(0);
  TestSystem system;
  Props props = test::steered(diary);
  props.decorators = {[=]() -> std::unique_ptr<ContextDecorator> {
    if (tries->fetch_add(1) == 0) throw std::runtime_error("not yet");
    return std::make_unique<Counting>();
  }};
  (void)system.spawn(std::move(props));
  expect_next(*diary, {"started"});
  EXPECT_EQ(tries->load(), 2);
}

}  // namespace
}  // namespace nexus::core
