#include "core/dispatch/single_thread.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/dispatch/blocking_pool.h"
#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Done;
using test::Gate;
using test::kPatience;
using test::Number;
using test::TestSystem;

Props echo() {
  return props_of([](Context& context) {
    if (const auto* number = context.message<Number>()) context.respond(*number);
  });
}

class OneThread : public testing::Test {
 protected:
  std::shared_ptr<SingleThread> thread = std::make_shared<SingleThread>();
};

TEST_F(OneThread, RunsEverythingWhenItIsToldTo) {
  std::set<std::thread::id> threads;
  std::vector<int> seen;
  TestSystem system({.dispatcher = thread});
  const Pid actor = system.spawn(props_of([&](Context& context) {
    threads.insert(std::this_thread::get_id());
    if (const auto* number = context.message<Number>()) seen.push_back(number->value);
  }));
  for (int i = 0; i < 5; ++i) (void)system->send(actor, Number{i});
  EXPECT_TRUE(seen.empty());
  EXPECT_GT(thread->run_until_idle(), 0u);
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(threads, (std::set{std::this_thread::get_id()}));
  EXPECT_EQ(thread->run_until_idle(), 0u);
}

TEST_F(OneThread, B1_AskRunsTheActorsMeanwhile) {
  TestSystem system({.dispatcher = thread});
  const Pid last = system.spawn(echo());
  const Pid first = system.spawn(props_of([&](Context& context) {
    if (context.message<Number>()) context.forward(last);
  }));
  const Answer answer = system->ask(first, Number{7}, kPatience);
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_EQ(answer.message->get<Number>()->value, 7);
}

TEST_F(OneThread, B1_AnAskThatNobodyAnswersEndsAtItsDeadline) {
  TestSystem system({.dispatcher = thread});
  const Pid silent = system.spawn(props_of([](Context&) {}));
  EXPECT_EQ(system->ask(silent, Number{1}, std::chrono::milliseconds(5)).outcome,
            Answer::Outcome::deadline);
}

// Each actor of a chain asks the next from inside its turn.
Props asks_next(std::shared_ptr<std::vector<Pid>> chain, std::size_t at) {
  return props_of([chain, at](Context& context) {
    if (context.message<Number>() == nullptr) return;
    if (at + 1 == chain->size()) return context.respond(Number{1});
    Answer answer = context.system().ask((*chain)[at + 1], Number{0}, kPatience);
    if (answer.outcome == Answer::Outcome::answered) {
      context.respond(Number{answer.message->get<Number>()->value + 1});
    } else {
      context.respond(Number{-1'000});
    }
  });
}

TEST_F(OneThread, B1_TurnsMayWaitInsideEachOther) {
  TestSystem system({.dispatcher = thread});
  auto chain = std::make_shared<std::vector<Pid>>();
  for (std::size_t i = 0; i < SingleThread::kNestedMax; ++i) {
    chain->push_back(system.spawn(asks_next(chain, i)));
  }
  const Answer answer = system->ask(chain->front(), Number{0}, kPatience);
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_EQ(answer.message->get<Number>()->value, static_cast<int>(SingleThread::kNestedMax));
}

TEST_F(OneThread, B1_WhatWouldNestTooDeepIsCancelled) {
  TestSystem system({.dispatcher = thread});
  auto chain = std::make_shared<std::vector<Pid>>();
  for (std::size_t i = 0; i < SingleThread::kNestedMax + 5; ++i) {
    chain->push_back(system.spawn(asks_next(chain, i)));
  }
  const Answer answer = system->ask(chain->front(), Number{0}, kPatience);
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_LT(answer.message->get<Number>()->value, 0);
  thread->run_until_idle();
}

TEST_F(OneThread, B2_AnActorThatAsksItselfWaitsForItsDeadline) {
  TestSystem system({.dispatcher = thread});
  Answer::Outcome outcome = Answer::Outcome::answered;
  const Pid actor = system.spawn(props_of([&](Context& context) {
    if (context.message<Done>() == nullptr) return;
    outcome = context.system().ask(context.self(), Number{1}, std::chrono::milliseconds(5)).outcome;
  }));
  (void)system->send(actor, Done{});
  thread->run_until_idle();
  EXPECT_EQ(outcome, Answer::Outcome::deadline);
}

TEST_F(OneThread, AnActorMayEndInATurnInsideAnothers) {
  TestSystem system({.dispatcher = thread});
  const Pid other = system.spawn(echo());
  const Pid asked = system.spawn(echo());
  const Pid asker = system.spawn(props_of([&](Context& context) {
    if (context.message<Done>() == nullptr) return;
    context.stop(other);
    EXPECT_EQ(context.system().ask(asked, Number{1}, kPatience).outcome, Answer::Outcome::answered);
  }));
  (void)system->send(asker, Done{});
  (void)system->send(asker, Done{});
  thread->run_until_idle();
  EXPECT_EQ(asker.cell()->processed_count(), 2u);
  EXPECT_NE(other.cell()->generation(), other.generation());
}

TEST_F(OneThread, B1_ShutdownRunsTheActorsToTheirEnd) {
  int stopped = 0;
  {
    TestSystem system({.dispatcher = thread});
    const Props child = props_of([&](Context& context) {
      if (context.message<Stopped>()) ++stopped;
    });
    for (int i = 0; i < 3; ++i) {
      (void)system.spawn(props_of([&, child](Context& context) {
        if (context.message<Started>()) (void)context.spawn(child);
        if (context.message<Stopped>()) ++stopped;
      }));
    }
    EXPECT_TRUE(system->shutdown(kPatience));
  }
  EXPECT_EQ(stopped, 6);
  EXPECT_EQ(thread->run_until_idle(), 0u);
}

TEST_F(OneThread, RunsWhatOtherThreadsSendWhileItWaits) {
  TestSystem system({.dispatcher = thread});
  const Pid actor = system.spawn(echo());
  Answer answer{Answer::Outcome::cancelled};
  Gate answered;
  std::thread other([&] {
    answer = system->ask(actor, Number{3}, kPatience);
    answered.open();
  });
  const SteadyClock clock;
  const Instant deadline = test::give_up_at();
  while (answer.outcome != Answer::Outcome::answered && clock.now() < deadline) {
    thread->run_for(std::chrono::milliseconds(1));
    if (actor.cell()->processed_count() > 0) {
      EXPECT_TRUE(answered.wait());
      break;
    }
  }
  other.join();
  EXPECT_EQ(answer.outcome, Answer::Outcome::answered);
}

TEST_F(OneThread, RunsTheActorsOfSeveralSystems) {
  TestSystem one({.address = "n1:1", .dispatcher = thread});
  TestSystem two({.address = "n2:1", .dispatcher = thread});
  const Pid there = two.spawn(echo());
  const Pid here = one.spawn(props_of([&](Context& context) {
    if (const auto* number = context.message<Number>()) {
      context.respond(*two->ask(there, *number, kPatience).message->get<Number>());
    }
  }));
  const Answer answer = one->ask(here, Number{9}, kPatience);
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_EQ(answer.message->get<Number>()->value, 9);
}

TEST_F(OneThread, RunsTheActorsThatAreBoundToItBesideAPool) {
  std::thread::id ran_on;
  TestSystem system;
  Props bound = props_of([&](Context& context) {
    ran_on = std::this_thread::get_id();
    if (const auto* number = context.message<Number>()) context.respond(*number);
  });
  bound.dispatcher = thread;
  const Pid here = system.spawn(std::move(bound));
  const Pid there = system.spawn(props_of([&](Context& context) {
    if (context.message<Number>()) context.forward(here);
  }));
  EXPECT_EQ(system->ask(there, Number{1}, kPatience).outcome, Answer::Outcome::answered);
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_TRUE(system->shutdown(kPatience));
}

TEST_F(OneThread, B3_AFloodedActorStarvesNoOther) {
  TestSystem system({.dispatcher = thread});
  const Pid flooded = system.spawn(props_of([](Context& context) {
    if (context.message<Number>()) context.send(context.self(), Number{1});
  }));
  for (int i = 0; i < 1'000; ++i) (void)system->send(flooded, Number{i});
  const Pid other = system.spawn(echo());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(system->ask(other, Number{i}, kPatience).outcome, Answer::Outcome::answered);
  }
}

TEST_F(OneThread, TheLawOfConservationHolds) {
  TestSystem system({.dispatcher = thread});
  const Pid actor = system.spawn(props_of([&](Context& context) {
    const auto* number = context.message<Number>();
    if (number == nullptr || number->value == 0) return;
    for (int i = 0; i < 3; ++i) context.send(context.self(), Number{number->value - 1});
  }));
  (void)system->send(actor, Number{8});
  thread->run_until_idle();
  const auto counters = system->registry().counters();
  EXPECT_EQ(counters.accepted, 9841u);
  EXPECT_EQ(counters.accepted, counters.processed + counters.dead_lettered);
}

}  // namespace
}  // namespace nexus::core
