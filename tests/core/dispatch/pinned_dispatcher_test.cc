#include "core/dispatch/pinned_dispatcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/bound_actors.h"

namespace nexus::core {
namespace {

using test::eventually;
using test::kPatience;
using test::Number;
using test::TestSystem;

Props with(std::shared_ptr<DispatcherFactory> dispatcher, Props props) {
  props.dispatcher = std::move(dispatcher);
  return props;
}
// Answers with the thread that it runs on.
Props tells_thread(std::shared_ptr<DispatcherFactory> dispatcher) {
  return with(std::move(dispatcher), props_of([](Context& context) {
                if (context.message<Number>()) context.respond(std::this_thread::get_id());
              }));
}
std::thread::id thread_of(TestSystem& system, const Pid& actor) {
  const Answer answer = system->ask(actor, Number{0}, kPatience);
  EXPECT_EQ(answer.outcome, Answer::Outcome::answered);
  return answer.outcome == Answer::Outcome::answered ? *answer.message->get<std::thread::id>()
                                                     : std::thread::id{};
}

TEST(PinnedDispatcher, L1_EachActorHasAThreadOfItsOwnAndAlwaysTheSame) {
  TestSystem system;
  auto pinned = std::make_shared<PinnedDispatcher>();
  const Pid pool_actor = system.spawn(tells_thread(nullptr));
  std::set<std::thread::id> threads{thread_of(system, pool_actor)};
  std::vector<Pid> actors;
  for (int i = 0; i < 4; ++i) actors.push_back(system.spawn(tells_thread(pinned)));
  for (const Pid& actor : actors) {
    const std::thread::id own = thread_of(system, actor);
    EXPECT_TRUE(threads.insert(own).second);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(thread_of(system, actor), own);
  }
}

TEST(PinnedDispatcher, L2_TheSpawnFailsWhenNoThreadIsLeft) {
  TestSystem system;
  auto pinned = std::make_shared<PinnedDispatcher>(PinnedDispatcher::Options{2});
  const Pid first = system.spawn(tells_thread(pinned));
  (void)system.spawn(tells_thread(pinned));
  const Result<Pid> third = system->spawn(share(tells_thread(pinned)));
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, Errc::resource_exhausted);
  system.stop(first);
  // The thread ends a moment after its actor.
  EXPECT_TRUE(eventually([&] { return system->spawn(share(tells_thread(pinned))).ok(); }));
}

TEST(PinnedDispatcher, L2_AThreadEndsWithItsActorHoweverOftenTheCellIsUsedAgain) {
  TestSystem system;
  auto pinned = std::make_shared<PinnedDispatcher>(PinnedDispatcher::Options{8});
  for (int i = 0; i < 300; ++i) {
    const Pid actor = *test::spawn_patiently(system, tells_thread(pinned));
    EXPECT_NE(thread_of(system, actor), std::thread::id{});
    system->stop(actor);
  }
}

TEST(PinnedDispatcher, GivesBackTheThreadOfAnActorThatCannotBegin) {
  TestSystem system;
  auto pinned = std::make_shared<PinnedDispatcher>(PinnedDispatcher::Options{1});
  (void)system.spawn_named(test::steered(std::make_shared<test::Diary>()), "taken");
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(eventually([&] {
      return system->spawn_named(share(tells_thread(pinned)), "taken").error().code ==
             Errc::already_exists;
    }));
  }
}

TEST(PinnedDispatcher, IsTheDispatcherOfAWholeSystem) {
  TestSystem system({.dispatcher = std::make_shared<PinnedDispatcher>()});
  EXPECT_NE(thread_of(system, system.spawn(tells_thread(nullptr))),
            thread_of(system, system.spawn(tells_thread(nullptr))));
  EXPECT_TRUE(system->shutdown(kPatience));
}

TEST(PinnedDispatcher, KeepsOrderAndLosesNothing) {
  test::expect_order_and_conservation(std::make_shared<PinnedDispatcher>());
}

TEST(PinnedDispatcher, SurvivesChurn) { test::expect_churn(std::make_shared<PinnedDispatcher>()); }

}  // namespace
}  // namespace nexus::core
