// What happens to an actor, its mailbox and its children when it fails.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>

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
using test::Number;
using test::share;
using test::steered;
using test::TestSystem;

std::shared_ptr<Diary> new_diary() { return std::make_shared<Diary>(); }

std::shared_ptr<const SupervisionStrategy> always(Directive directive) {
  return std::make_shared<OneForOneStrategy>(OneForOneStrategy::Options{
      .restart_count_max = 100, .decider = [directive](const Failure&) { return directive; }});
}

Props supervising(std::shared_ptr<Diary> diary,
                  std::shared_ptr<const SupervisionStrategy> strategy) {
  Props props = steered(std::move(diary));
  props.strategy = std::move(strategy);
  return props;
}

class ThrowingStrategy final : public SupervisionStrategy {
 public:
  explicit ThrowingStrategy(bool std_exception) : std_exception_(std_exception) {}
  Verdict decide(const Failure&, const RestartStatistics&, Instant) const override {
    if (std_exception_) throw std::runtime_error("undecided");
    throw 7;
  }

 private:
  const bool std_exception_;
};

TEST(Failure, ARestartKeepsTheMailboxAndDropsTheFailingMessage) {
  Gate leave;
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  (void)system->send(actor, Do{[&](Context&) { EXPECT_TRUE(leave.wait()); }});
  (void)system->send(actor, Number{1});
  (void)system->send(actor, Fail{"boom"});
  (void)system->send(actor, Number{2});
  leave.open();
  expect_next(*diary, {"started", "number 1", "restarting", "started", "number 2"});
  EXPECT_EQ(actor.cell()->restart_count(), 1u);
}

TEST(Failure, ARestartMakesANewObject) {
  std::atomic<int> made{0};
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(Props([&] {
    ++made;
    return std::make_unique<test::SteeredActor>(diary);
  }));
  (void)system->send(actor, Fail{"boom"});
  expect_next(*diary, {"started", "restarting", "started"});
  EXPECT_EQ(made.load(), 2);
}

TEST(Failure, ARestartStopsTheChildrenFirst) {
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  system.in_turn(actor, [&](Context& context) {
    for (int i = 0; i < 20; ++i) {
      (void)*context.spawn(props_of([diary](Context& child) {
        if (child.message<Stopped>()) diary->push("child stopped");
      }));
    }
  });
  (void)system->send(actor, Fail{"boom"});
  (void)system->send(actor, Done{});
  expect_next(*diary, {"started", "restarting"});
  for (int i = 0; i < 20; ++i) expect_next(*diary, {"child stopped"});
  expect_next(*diary, {"started"});
  // Their Terminated still reach the new object, in their place among the other messages.
  int terminated = 0;
  bool done = false;
  while (terminated < 20 || !done) {
    const auto line = diary->pop();
    ASSERT_TRUE(line.has_value());
    terminated += line->starts_with("terminated ");
    done = done || *line == "done";
  }
  system.in_turn(actor, [](Context& context) { EXPECT_TRUE(context.children().empty()); });
}

TEST(Failure, AfterTooManyRestartsTheActorStops) {
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn(supervising(
      new_diary(),
      std::make_shared<OneForOneStrategy>(OneForOneStrategy::Options{.restart_count_max = 2})));
  const Pid child = system.spawn_child(parent, steered(diary));
  for (int i = 0; i < 3; ++i) (void)system->send(child, Fail{"boom"});
  (void)system->send(child, Number{1});
  expect_next(*diary,
              {"started", "restarting", "started", "restarting", "started", "stopping", "stopped"});
  EXPECT_TRUE(
      eventually([&] { return system->dead_letters().count(DeadLetterReason::stopped) == 1; }));
}

TEST(Failure, TheGuardianRestartsARootActorTenTimesAndThenStopsIt) {
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  for (int i = 0; i < 20; ++i) (void)system->send(actor, Fail{"boom"});
  for (int i = 0; i < 10; ++i) expect_next(*diary, {"started", "restarting"});
  expect_next(*diary, {"started", "stopping", "stopped"});
}

TEST(Failure, ResumeGoesOnWithTheSameObject) {
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn(supervising(new_diary(), always(Directive::resume)));
  const Pid child = system.spawn_child(parent, steered(diary));
  (void)system->send(child, Fail{"boom"});
  (void)system->send(child, Number{1});
  expect_next(*diary, {"started", "number 1"});
  EXPECT_EQ(child.cell()->restart_count(), 0u);
}

TEST(Failure, StopStopsTheChildAndTellsTheParent) {
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn_named(supervising(diary, always(Directive::stop)), "p");
  const Pid child = system.spawn_child(parent, steered(new_diary()), "c");
  (void)system->send(child, Fail{"boom"});
  expect_next(*diary, {"started", "terminated p/c stopped"});
}

TEST(Failure, EscalatedToARestartStopsTheChild) {
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn_named(supervising(diary, always(Directive::escalate)), "p");
  const Pid child = system.spawn_child(parent, steered(new_diary()), "c");
  (void)system->send(child, Fail{"boom"});
  expect_next(*diary, {"started", "restarting", "started", "terminated p/c stopped"});
  system.await_gone(child);
}

TEST(Failure, EscalatedToAResumeResumesTheChildToo) {
  TestSystem system;
  auto diary = new_diary();
  const Pid root = system.spawn(supervising(new_diary(), always(Directive::resume)));
  const Pid parent =
      system.spawn_child(root, supervising(new_diary(), always(Directive::escalate)));
  const Pid child = system.spawn_child(parent, steered(diary));
  for (int i = 0; i < 3; ++i) {
    (void)system->send(child, Fail{"boom"});
    (void)system->send(child, Number{i});
  }
  expect_next(*diary, {"started", "number 0", "number 1", "number 2"});
}

TEST(Failure, AChildThatFailsWhileItsParentRestartsDoesNotHoldTheParentUp) {
  TestSystem system({.worker_count = 4});
  for (int round = 0; round < 200; ++round) {
    auto diary = new_diary();
    const Pid root = system.spawn(supervising(new_diary(), always(Directive::restart)));
    const Pid parent = system.spawn_child(root, supervising(diary, always(Directive::escalate)));
    std::vector<Pid> children;
    for (int i = 0; i < 4; ++i)
      children.push_back(system.spawn_child(parent, steered(new_diary())));
    for (const Pid& child : children) (void)system->send(child, Fail{"boom"});
    (void)system->send(parent, Done{});
    for (;;) {
      const auto line = diary->pop();
      ASSERT_TRUE(line.has_value()) << "the parent hangs in round " << round;
      if (*line == "done") break;
    }
    // Once more, after the dust has settled.
    for (const Pid& child : children) system.await_gone(child);
    system.in_turn(parent, [](Context&) {});
    system.stop(root);
  }
}

TEST(Failure, AStrategyThatThrowsStopsTheChild) {
  TestSystem system;
  for (const bool std_exception : {true, false}) {
    const Pid parent =
        system.spawn(supervising(new_diary(), std::make_shared<ThrowingStrategy>(std_exception)));
    const Pid child = system.spawn_child(parent, steered(new_diary()));
    (void)system->send(child, Fail{"boom"});
    system.await_gone(child);
    system.in_turn(parent, [](Context&) {});
  }
}

TEST(Failure, AnyExceptionIsAFailure) {
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  (void)system->send(actor, Do{[](Context&) { throw 7; }});
  (void)system->send(actor, Number{1});
  expect_next(*diary, {"started", "restarting", "started", "number 1"});
}

TEST(Failure, TheStrategyIsToldReasonAndMessage) {
  TestSystem system;
  auto diary = new_diary();
  auto strategy = std::make_shared<OneForOneStrategy>(
      OneForOneStrategy::Options{.decider = [diary](const Failure& failure) {
        diary->push(failure.child.id() + " " + failure.message_name + " " + failure.reason);
        return Directive::resume;
      }});
  const Pid parent = system.spawn_named(supervising(new_diary(), strategy), "p");
  const Pid child = system.spawn_child(parent, steered(new_diary()), "c");
  (void)system->send(child, Fail{"boom"});
  (void)system->send(child, Do{[](Context& context) {
                       context.forward(context.self());
                       throw std::runtime_error("late");
                     }});
  expect_next(*diary, {"p/c nexus::test::Fail boom", "p/c (forwarded) late"});
}

TEST(Failure, InStartedCountsLikeAnyOther) {
  std::atomic<int> failures_left{3};
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(props_of([&, diary](Context& context) {
    diary->push(test::describe(context));
    if (context.message<Started>() && failures_left.fetch_sub(1) > 0)
      throw std::runtime_error("no");
  }));
  (void)system->send(actor, Number{1});
  expect_next(*diary, {"started", "restarting", "started", "restarting", "started", "restarting",
                       "started", "number 1"});
}

TEST(Failure, AProducerThatFailsIsTriedAgain) {
  std::atomic<int> tries{0};
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(Props([&]() -> std::unique_ptr<Actor> {
    switch (++tries) {
      case 1:
        throw std::runtime_error("no");
      case 2:
        return nullptr;
      case 3:
        throw 7;
      default:
        return std::make_unique<test::SteeredActor>(diary);
    }
  }));
  (void)system->send(actor, Number{1});
  expect_next(*diary, {"started", "number 1"});
  EXPECT_EQ(tries.load(), 4);
}

TEST(Failure, AProducerThatAlwaysFailsEndsTheActor) {
  TestSystem system;
  const Pid actor =
      system.spawn(Props([]() -> std::unique_ptr<Actor> { throw std::runtime_error("no"); }));
  system.await_gone(actor);
}

TEST(Failure, WithoutAnObjectToResumeTheActorIsMadeAnew) {
  std::atomic<int> tries{0};
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn(supervising(new_diary(), always(Directive::resume)));
  const Pid child = system.spawn_child(parent, Props([&]() -> std::unique_ptr<Actor> {
                                         if (++tries <= 2) throw std::runtime_error("no");
                                         return std::make_unique<test::SteeredActor>(diary);
                                       }));
  (void)system->send(child, Number{1});
  expect_next(*diary, {"started", "number 1"});
}

TEST(Failure, AFailedActorCanBeStopped) {
  // Nobody decides: the parent is in a turn.
  Gate entered;
  Gate leave;
  TestSystem system;
  auto diary = new_diary();
  const Pid parent = system.spawn(steered(new_diary()));
  const Pid child = system.spawn_child(parent, steered(diary));
  expect_next(*diary, {"started"});
  (void)system->send(parent, Do{[&](Context&) {
                       entered.open();
                       EXPECT_TRUE(leave.wait());
                     }});
  ASSERT_TRUE(entered.wait());
  (void)system->send(child, Fail{"boom"});
  (void)system->send(child, Number{1});
  system->stop(child);
  expect_next(*diary, {"stopping", "stopped"});
  leave.open();
  system.await_gone(child);
}

TEST(Failure, StopDuringARestartWins) {
  Gate leave;
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  const Pid child = system.spawn_child(actor, props_of([&](Context& context) {
                                         if (context.message<Stopping>()) (void)leave.wait();
                                       }));
  (void)system->send(actor, Fail{"boom"});
  expect_next(*diary, {"started", "restarting"});
  system->stop(actor);
  expect_next(*diary, {"stopping"});
  leave.open();
  expect_next(*diary, {"stopped"});
  system.await_gone(actor);
}

TEST(Failure, AnActorMayStopItselfAndThrow) {
  TestSystem system;
  auto diary = new_diary();
  const Pid actor = system.spawn(steered(diary));
  (void)system->send(actor, Do{[](Context& context) {
                       context.stop(context.self());
                       throw std::runtime_error("and now this");
                     }});
  expect_next(*diary, {"started", "stopping", "stopped"});
}

// Asks while it is told that it will be replaced; the answer must not reach the next object, nor this one after its end.
class AsksWhileRestarting final : public Actor {
 public:
  AsksWhileRestarting(Pid answerer, std::shared_ptr<std::atomic<int>> answers)
      : answerer_(std::move(answerer)), answers_(std::move(answers)) {}
  void receive(Context& context) override {
    if (context.message<test::Fail>() != nullptr) throw std::runtime_error("on purpose");
    if (context.message<Restarting>() == nullptr) return;
    context.ask(answerer_, test::Number{1}, std::chrono::seconds(10),
                [this](Context&, Answer) { answers_->fetch_add(1); });
  }

 private:
  const Pid answerer_;
  const std::shared_ptr<std::atomic<int>> answers_;
};

TEST(Failure, AnAskOfTheLastTurnBeforeARestartIsAnsweredToNobody) {
  TestSystem system;
  const Pid answerer = system.spawn(props_of([](Context& context) {
    if (context.message<test::Number>() != nullptr) context.respond(test::Number{2});
  }));
  auto answers = std::make_shared<std::atomic<int>>(0);
  const Pid actor = system.spawn(props<AsksWhileRestarting>(answerer, answers));
  (void)system->send(actor, test::Fail{"now"});
  ASSERT_TRUE(test::eventually([&] { return actor.cell()->restart_count() == 1; }));
  ASSERT_TRUE(test::eventually([&] { return system->futures().open_count() == 0; }));
  system.stop(actor);
  EXPECT_EQ(answers->load(), 0);
}

TEST(Failure, AllForOneRestartsTheSiblingsToo) {
  TestSystem system;
  auto parent_diary = new_diary();
  const Pid parent = system.spawn(supervising(parent_diary, std::make_shared<AllForOneStrategy>()));
  auto one_diary = new_diary();
  auto other_diary = new_diary();
  const Pid one = system.spawn_child(parent, steered(one_diary));
  const Pid other = system.spawn_child(parent, steered(other_diary));
  (void)system->send(one, Fail{"boom"});
  expect_next(*one_diary, {"started", "restarting", "started"});
  expect_next(*other_diary, {"started", "restarting", "started"});
  (void)system->send(other, Number{1});
  expect_next(*other_diary, {"number 1"});
}

TEST(Failure, ABackoffDelaysTheRestartAndKeepsTheMailbox) {
  using std::chrono::milliseconds;
  TestSystem system;
  auto parent_diary = new_diary();
  const Pid parent = system.spawn(supervising(
      parent_diary,
      std::make_shared<ExponentialBackoffStrategy>(ExponentialBackoffStrategy::Options{
          .backoff = {.min = milliseconds(20), .max = milliseconds(40), .jitter = 0.0}})));
  auto diary = new_diary();
  const Pid child = system.spawn_child(parent, steered(diary));
  const Instant begin = system->clock().now();
  (void)system->send(child, Fail{"boom"});
  (void)system->send(child, Number{1});
  expect_next(*diary, {"started", "restarting", "started", "number 1"});
  EXPECT_GE(system->clock().now() - begin, milliseconds(20));
}

// Two children fail, and each time all are to be restarted after a while: the first restart is the answer to both.
TEST(Failure, ADelayedRestartIsOnlyForTheObjectThatItWasDecidedAbout) {
  struct AllAfterAWhile final : SupervisionStrategy {
    Verdict decide(const Failure&, const RestartStatistics&, Instant) const override {
      Verdict verdict{Directive::restart, std::chrono::milliseconds(200)};
      verdict.all_children = true;
      return verdict;
    }
  };
  TestSystem system;
  const Pid parent = system.spawn(supervising(new_diary(), std::make_shared<AllAfterAWhile>()));
  auto one_diary = new_diary();
  auto other_diary = new_diary();
  const Pid one = system.spawn_child(parent, steered(one_diary));
  const Pid other = system.spawn_child(parent, steered(other_diary));
  // Both failures are there before the parent decides about the first.
  system.in_turn(parent, [&](Context&) {
    for (const Pid& child : {one, other}) {
      (void)system->send(child, Fail{"boom"});
      EXPECT_TRUE(eventually([&] {
        return child.cell()->processed_count() == 1 && child.cell()->mailbox().owner() == kIdle;
      }));
    }
  });
  expect_next(*one_diary, {"started", "restarting", "started"});
  expect_next(*other_diary, {"started", "restarting", "started"});
  EXPECT_TRUE(eventually([&] { return system->timers().waiting_count() == 0; }));
  for (const Pid& child : {one, other}) {
    system.in_turn(child, [](Context&) {});
    EXPECT_EQ(child.cell()->restart_count(), 1u);
  }
}

TEST(Failure, AStopDuringTheBackoffWins) {
  TestSystem system;
  auto diary = new_diary();
  Props props = steered(diary);
  props.guardian_strategy =
      std::make_shared<ExponentialBackoffStrategy>(ExponentialBackoffStrategy::Options{
          .backoff = {.min = std::chrono::hours(1), .max = std::chrono::hours(2)},
          .reset_after = std::chrono::hours(3)});
  const Pid actor = system.spawn(std::move(props));
  (void)system->send(actor, Fail{"boom"});
  system.stop(actor);
  expect_next(*diary, {"started", "stopping", "stopped"});
}

TEST(Failure, SeveralChildrenThatFailAtOnceAreOneFailureOfTheParent) {
  TestSystem system({.worker_count = 1});
  auto diary = new_diary();
  const Pid parent = system.spawn(supervising(diary, always(Directive::escalate)));
  std::vector<Pid> children;
  for (int i = 0; i < 11; ++i) children.push_back(system.spawn_child(parent, steered(new_diary())));
  system.in_turn(parent, [&](Context& context) {
    for (const Pid& child : children) context.send(child, Fail{"boom"});
  });
  expect_next(*diary, {"started", "restarting"});
  while (true) {
    const auto line = diary->pop();
    ASSERT_TRUE(line.has_value());
    if (*line == "started") break;
  }
  system.in_turn(parent, [](Context&) {});
  EXPECT_EQ(parent.cell()->restart_count(), 1u);
}

TEST(Failure, TheEventNamesTheMessageAndTheDirective) {
  TestSystem system;
  auto events = std::make_shared<test::Queue<SupervisionEvent>>();
  const auto subscription = system->events().subscribe<SupervisionEvent>(
      [=](const SupervisionEvent& event) { events->push(event); });
  Props props = steered(new_diary());
  props.guardian_strategy = always(Directive::stop);
  const Pid root = system.spawn(std::move(props));
  (void)system->send(root, Fail{"boom"});
  const auto event = events->pop();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->child, root);
  EXPECT_EQ(event->reason, "boom");
  EXPECT_EQ(event->message_name, "nexus::test::Fail");
  EXPECT_EQ(event->directive, Directive::stop);
  system.await_gone(root);
}

}  // namespace
}  // namespace nexus::core
