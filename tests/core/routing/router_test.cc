#include "core/routing/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
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
using test::Queue;
using test::share;
using test::steered;
using test::TestSystem;

using Outcome = Answer::Outcome;

// Who handled which number, in order.
using Handled = Queue<std::pair<Pid, int>>;

PropsPtr noting(Handled& handled) {
  return share(props_of([&](Context& context) {
    if (const auto* number = context.message<Number>()) {
      handled.push({context.self(), number->value});
    } else if (const auto* fail = context.message<Fail>()) {
      throw std::runtime_error(fail->why);
    }
  }));
}

std::shared_ptr<const SupervisionStrategy> always(Directive directive) {
  return std::make_shared<OneForOneStrategy>(OneForOneStrategy::Options{
      .restart_count_max = 100, .decider = [directive](const Failure&) { return directive; }});
}

std::vector<Pid> routees_of(TestSystem& system, const Pid& router) {
  const Answer answer = system->ask(router, GetRoutees{}, kPatience);
  EXPECT_EQ(answer.outcome, Outcome::answered);
  if (answer.message == nullptr || !answer.message->is<Routees>()) return {};
  return answer.message->get<Routees>()->routees;
}

// Waits until the router has exactly these.
bool has_routees(TestSystem& system, const Pid& router, std::size_t count) {
  return eventually([&] { return routees_of(system, router).size() == count; });
}

// The actors that handle the next `count` numbers, in the order in which they are sent.
std::vector<Pid> who_handles(TestSystem& system, Handled& handled, const Pid& router, int count) {
  std::vector<Pid> who(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) (void)system->send(router, Number{i});
  for (int i = 0; i < count; ++i) {
    const auto next = handled.pop();
    EXPECT_TRUE(next.has_value());
    if (next) who[static_cast<std::size_t>(next->second)] = next->first;
  }
  return who;
}

std::optional<std::uint64_t> number_key(const Envelope& envelope) {
  const auto* number = envelope.get<Number>();
  if (number == nullptr) return std::nullopt;
  if (number->value < 0) throw std::runtime_error("no key below zero");
  return hash_key(number->value);
}

// Counts its copies; too large for a small node.
struct Heavy {
  explicit Heavy(std::atomic<int>& c) : copies(&c) {}
  Heavy(const Heavy& other) : copies(other.copies) { ++*copies; }
  Heavy(Heavy&& other) noexcept : copies(other.copies) {}
  std::atomic<int>* copies;
  char padding[64]{};
};
struct Brittle {
  Brittle() = default;
  Brittle(const Brittle&) { throw std::runtime_error("brittle"); }
  Brittle(Brittle&&) noexcept {}
};

TEST(Router, G1_ARouteeGetsTheVeryMessageWithSenderAndHeaders) {
  Queue<const void*> messages;
  std::atomic<int> copies{0};
  TestSystem system;
  auto asker_diary = std::make_shared<Diary>();
  const Pid asker = system.spawn(steered(asker_diary));
  const PropsPtr routee = share(props_of([&](Context& context) {
    if (context.message<Heavy>() == nullptr) return;
    EXPECT_EQ(context.sender(), asker);
    EXPECT_EQ(context.headers(), (Headers{{"key", "value"}}));
    messages.push(context.envelope().message());
    context.respond(Done{});
  }));
  for (const RoutingStateFactory& routing :
       {round_robin_routing(), random_routing(1), broadcast_routing(),
        consistent_hash_routing([](const Envelope&) { return std::optional<std::uint64_t>(1); })}) {
    const Pid router = system.spawn(pool_router({.routing = routing, .routee = routee}));
    EnvelopePtr envelope = make_envelope(Heavy(copies));
    envelope->set_sender(asker);
    envelope->set_headers({{"key", "value"}});
    const void* message = envelope->message();
    (void)system->registry().send_user(router, std::move(envelope));
    EXPECT_EQ(messages.pop(), message);
  }
  EXPECT_EQ(copies.load(), 0);
  expect_next(*asker_diary, {"started", "done", "done", "done", "done"});
  EXPECT_TRUE(is_conserved(system));
}

TEST(Router, G1_KeepsTheOrderOfASender) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(pool_router({.routee = noting(handled), .routee_count = 3}));
  constexpr int kCount = 3'000;
  for (int i = 0; i < kCount; ++i) (void)system->send(router, Number{i});
  std::map<std::string, int> last;
  for (int i = 0; i < kCount; ++i) {
    const auto next = handled.pop();
    ASSERT_TRUE(next.has_value());
    const auto [at, is_first] = last.try_emplace(next->first.to_string(), next->second);
    if (is_first) continue;
    ASSERT_EQ(next->second, at->second + 3);
    at->second = next->second;
  }
  EXPECT_EQ(last.size(), 3u);
}

TEST(Router, RoundRobinTakesEachInTurn) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(pool_router({.routee = noting(handled), .routee_count = 3}));
  const std::vector<Pid> routees = routees_of(system, router);
  ASSERT_EQ(routees.size(), 3u);
  EXPECT_EQ(
      who_handles(system, handled, router, 6),
      (std::vector<Pid>{routees[0], routees[1], routees[2], routees[0], routees[1], routees[2]}));
}

TEST(Router, RandomFollowsItsSeed) {
  Handled handled;
  TestSystem system;
  RandomState expected(5);
  const Pid router = system.spawn(
      pool_router({.routing = random_routing(5), .routee = noting(handled), .routee_count = 4}));
  const std::vector<Pid> routees = routees_of(system, router);
  for (const Pid& routee : routees) expected.add({routee});
  for (const Pid& who : who_handles(system, handled, router, 50)) {
    EXPECT_EQ(who, routees[expected.choose(*make_envelope(Done{})).index]);
  }
}

TEST(Router, ConsistentHashSendsAKeyToOneRoutee) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(pool_router({.routing = consistent_hash_routing(number_key),
                                               .routee = noting(handled),
                                               .routee_count = 4}));
  const std::vector<Pid> who = who_handles(system, handled, router, 100);
  EXPECT_EQ(who_handles(system, handled, router, 100), who);
  const std::set<std::string> all = [&] {
    std::set<std::string> names;
    for (const Pid& pid : who) names.insert(pid.to_string());
    return names;
  }();
  EXPECT_EQ(all.size(), 4u);
}

TEST(Router, ConsistentHashMovesOnlyTheKeysOfARouteeThatIsRemoved) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(pool_router({.routing = consistent_hash_routing(number_key),
                                               .routee = noting(handled),
                                               .routee_count = 5}));
  const std::vector<Pid> before = who_handles(system, handled, router, 500);
  const Pid gone = routees_of(system, router)[1];
  (void)system->send(router, RemoveRoutee{gone});
  const std::vector<Pid> after = who_handles(system, handled, router, 500);
  int moved_count = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i] == gone, before[i] != after[i]);
    moved_count += before[i] != after[i];
  }
  EXPECT_NEAR(moved_count, 100, 40);
}

TEST(Router, G2_AMessageWithoutAKeyIsRefused) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(
      pool_router({.routing = consistent_hash_routing(number_key), .routee = noting(handled)}));
  EXPECT_EQ(system->ask(router, Done{}, kPatience).outcome, Outcome::bad_payload);
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::unreadable), 1u);
  EXPECT_TRUE(is_conserved(system));
}

TEST(Router, G2_AKeyFunctionThatThrowsHarmsOnlyItsMessage) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(
      pool_router({.routing = consistent_hash_routing(number_key), .routee = noting(handled)}));
  for (int i = 0; i < 30; ++i) (void)system->send(router, Number{-1});
  EXPECT_EQ(who_handles(system, handled, router, 1), routees_of(system, router));
  EXPECT_EQ(router.cell()->restart_count(), 0u);
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::unreadable), 30u);
}

TEST(Router, G2_WithoutRouteesAMessageIsADeadLetterOfNobody) {
  Queue<DeadLetter> letters;
  TestSystem system;
  const auto subscription = system->events().subscribe<DeadLetter>(
      [&](const DeadLetter& letter) { letters.push(letter); });
  for (const RoutingStateFactory& routing : {round_robin_routing(), broadcast_routing()}) {
    const Pid router = system.spawn_named(group_router({.routing = routing}), "empty");
    EXPECT_EQ(system->ask(router, Number{1}, kPatience).outcome, Outcome::no_such_actor);
    const auto letter = letters.pop();
    ASSERT_TRUE(letter.has_value());
    EXPECT_EQ(letter->target.id(), "empty/$routee");
    EXPECT_EQ(letter->reason, DeadLetterReason::no_such_actor);
    EXPECT_EQ(letter->message_name, "nexus::test::Number");
    system.stop(router);
  }
  const Pid unnamed = system.spawn(group_router({}));
  EXPECT_EQ(system->ask(unnamed, Number{1}, kPatience).outcome, Outcome::no_such_actor);
  EXPECT_TRUE(is_conserved(system));
}

TEST(Router, BroadcastReachesAllAndCopiesForAllButOne) {
  Queue<Pid> reached;
  std::atomic<int> copies{0};
  TestSystem system;
  auto asker_diary = std::make_shared<Diary>();
  const Pid asker = system.spawn(steered(asker_diary));
  const PropsPtr routee = share(props_of([&](Context& context) {
    if (context.message<Heavy>() == nullptr) return;
    EXPECT_EQ(context.sender(), asker);
    EXPECT_EQ(context.headers(), (Headers{{"key", "value"}}));
    reached.push(context.self());
  }));
  const auto send_to = [&](const Pid& router, EnvelopePtr envelope) {
    envelope->set_sender(asker);
    envelope->set_headers({{"key", "value"}});
    (void)system->registry().send_user(router, std::move(envelope));
    std::set<std::string> all;
    for (int i = 0; i < 4; ++i) all.insert(reached.pop().value_or(Pid{}).to_string());
    EXPECT_EQ(all.size(), 4u);
  };
  send_to(system.spawn(
              pool_router({.routing = broadcast_routing(), .routee = routee, .routee_count = 4})),
          make_envelope(Heavy(copies)));
  EXPECT_EQ(copies.load(), 3);
  // By message, whatever the strategy.
  send_to(system.spawn(pool_router({.routee = routee, .routee_count = 4})),
          make_envelope(BroadcastMessage::of(Heavy(copies))));
  EXPECT_EQ(copies.load(), 6);
  EXPECT_TRUE(is_conserved(system));
}

TEST(Router, G2_WhatCannotBeCopiedIsRefusedUnlessThereIsOneRoutee) {
  Queue<int> seen;
  TestSystem system;
  const PropsPtr routee = share(props_of([&](Context& context) {
    if (const auto* box = context.message<std::unique_ptr<int>>()) {
      seen.push(**box);
      context.respond(Done{});
    }
  }));
  const Pid router = system.spawn(
      pool_router({.routing = broadcast_routing(), .routee = routee, .routee_count = 2}));
  EXPECT_EQ(system->ask(router, std::make_unique<int>(1), kPatience).outcome, Outcome::bad_payload);
  EXPECT_EQ(system->ask(router, BroadcastMessage::of(std::make_unique<int>(2)), kPatience).outcome,
            Outcome::bad_payload);
  EXPECT_EQ(system->ask(router, BroadcastMessage{}, kPatience).outcome, Outcome::bad_payload);
  EXPECT_EQ(seen.size(), 0u);
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::unreadable), 3u);
  (void)system->send(router, AdjustPoolSize{-1});
  EXPECT_EQ(system->ask(router, std::make_unique<int>(3), kPatience).outcome, Outcome::answered);
  EXPECT_EQ(seen.pop(), 3);
  EXPECT_TRUE(is_conserved(system));
}

TEST(Router, G2_AMessageWhoseCopyingThrowsReachesNobody) {
  std::atomic<int> seen{0};
  TestSystem system;
  const PropsPtr routee = share(props_of([&](Context& context) {
    if (context.message<Brittle>() != nullptr) ++seen;
  }));
  const Pid router = system.spawn(
      pool_router({.routing = broadcast_routing(), .routee = routee, .routee_count = 3}));
  EXPECT_EQ(system->ask(router, Brittle{}, kPatience).outcome, Outcome::bad_payload);
  EXPECT_EQ(routees_of(system, router).size(), 3u);
  EXPECT_EQ(router.cell()->restart_count(), 0u);
  EXPECT_EQ(seen.load(), 0);
}

TEST(Group, SendsToActorsThatItIsGivenByHandleOrName) {
  Handled handled;
  TestSystem system;
  const Pid first = *system->spawn_named(noting(handled), "first");
  const Pid second = *system->spawn_named(noting(handled), "second");
  const Pid router = system.spawn(
      group_router({.routees = {first, Pid::of_name(system->address(), "second"), first}}));
  EXPECT_EQ(routees_of(system, router), (std::vector<Pid>{first, second}));
  EXPECT_EQ(who_handles(system, handled, router, 3), (std::vector<Pid>{first, second, first}));
}

TEST(Group, RouteesAreAddedAndRemovedWhileItRuns) {
  Handled handled;
  TestSystem system;
  const Pid first = *system->spawn_named(noting(handled), "first");
  const Pid second = *system->spawn_named(noting(handled), "second");
  const Pid router = system.spawn(group_router({}));
  (void)system->send(router, AddRoutee{first});
  (void)system->send(router, AddRoutee{Pid::of_name(system->address(), "second")});
  (void)system->send(router, AddRoutee{second});
  (void)system->send(router, AddRoutee{Pid{}});
  (void)system->send(router, AddRoutee{router});
  EXPECT_EQ(routees_of(system, router), (std::vector<Pid>{first, second}));
  (void)system->send(router, RemoveRoutee{Pid::of_name(system->address(), "first")});
  (void)system->send(router, RemoveRoutee{first});
  EXPECT_EQ(routees_of(system, router), std::vector<Pid>{second});
  EXPECT_EQ(who_handles(system, handled, router, 2), (std::vector<Pid>{second, second}));
  // It is out of the group, no more.
  (void)system->send(first, Number{7});
  EXPECT_EQ(handled.pop(), std::pair(first, 7));
  EXPECT_TRUE(eventually([&] { return first.cell()->watcher_count() == 0; }));
}

TEST(Group, G3_ARouteeThatStoppedIsTakenOut) {
  Handled handled;
  TestSystem system;
  const Pid first = *system->spawn(noting(handled));
  const Pid second = *system->spawn_named(noting(handled), "second");
  const Pid gone = *system->spawn(noting(handled));
  system.stop(gone);
  const Pid router =
      system.spawn(group_router({.routees = {first, gone, Pid::of_name(system->address(), "nobody"),
                                             Pid::of_name(system->address(), "second")}}));
  EXPECT_TRUE(has_routees(system, router, 2));
  system.stop(second);
  EXPECT_TRUE(has_routees(system, router, 1));
  EXPECT_EQ(who_handles(system, handled, router, 2), (std::vector<Pid>{first, first}));
}

TEST(Group, G5_LeavesItsRouteesAloneWhenItStops) {
  Handled handled;
  TestSystem system;
  const Pid routee = *system->spawn(noting(handled));
  const Pid router = system.spawn(group_router({.routees = {routee}}));
  EXPECT_EQ(routees_of(system, router).size(), 1u);
  system.stop(router);
  (void)system->send(routee, Number{1});
  EXPECT_EQ(handled.pop(), std::pair(routee, 1));
}

TEST(Group, HasNoSizeToAdjust) {
  TestSystem system;
  const Pid router = system.spawn(group_router({}));
  EXPECT_EQ(system->ask(router, AdjustPoolSize{1}, kPatience).outcome, Outcome::bad_payload);
}

TEST(Group, TakesNoMoreRouteesThanItsLimit) {
  Handled handled;
  TestSystem system;
  std::vector<Pid> actors;
  for (int i = 0; i < 4; ++i) actors.push_back(*system->spawn(noting(handled)));
  const Pid router = system.spawn(
      group_router({.routees = {actors[0], actors[1], actors[2]}, .routee_count_max = 2}));
  (void)system->send(router, AddRoutee{actors[3]});
  EXPECT_EQ(routees_of(system, router), (std::vector<Pid>{actors[0], actors[1]}));
}

TEST(Pool, GrowsAndShrinks) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(
      pool_router({.routee = noting(handled), .routee_count = 2, .routee_count_max = 5}));
  const std::vector<Pid> first = routees_of(system, router);
  ASSERT_EQ(first.size(), 2u);
  (void)system->send(router, AdjustPoolSize{2});
  const std::vector<Pid> grown = routees_of(system, router);
  ASSERT_EQ(grown.size(), 4u);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), grown.begin()));
  (void)system->send(router, AdjustPoolSize{-3});
  EXPECT_EQ(routees_of(system, router), std::vector<Pid>{first[0]});
  for (std::size_t i = 1; i < grown.size(); ++i) system.await_gone(grown[i]);
  (void)system->send(router, AdjustPoolSize{100});
  EXPECT_EQ(routees_of(system, router).size(), 5u);
  (void)system->send(router, AdjustPoolSize{INT32_MIN});
  EXPECT_TRUE(routees_of(system, router).empty());
  EXPECT_TRUE(eventually([&] { return router.cell()->child_count() == 0; }));
}

TEST(Pool, ARouteeThatIsTakenOutHandlesWhatItWasSent) {
  Gate leave;
  Queue<int> seen;
  TestSystem system;
  const PropsPtr routee = share(props_of([&](Context& context) {
    if (const auto* number = context.message<Number>()) {
      EXPECT_TRUE(leave.wait());
      seen.push(number->value);
    }
  }));
  const Pid router = system.spawn(pool_router({.routee = routee}));
  for (int i = 0; i < 5; ++i) (void)system->send(router, Number{i});
  (void)system->send(router, AdjustPoolSize{-1});
  EXPECT_TRUE(routees_of(system, router).empty());
  leave.open();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(seen.pop(), i);
  EXPECT_TRUE(eventually([&] { return router.cell()->child_count() == 0; }));
  EXPECT_EQ(system->dead_letters().door_count(), 0u);
}

TEST(Pool, G5_StopsItsRouteesButNotThoseOfOthers) {
  Handled handled;
  TestSystem system;
  const Pid guest = *system->spawn(noting(handled));
  const Pid router = system.spawn(pool_router({.routee = noting(handled), .routee_count = 2}));
  const std::vector<Pid> own = routees_of(system, router);
  (void)system->send(router, AddRoutee{guest});
  EXPECT_EQ(routees_of(system, router).size(), 3u);
  // A guest does not count as part of the pool's size.
  (void)system->send(router, AdjustPoolSize{-1});
  EXPECT_EQ(routees_of(system, router), (std::vector<Pid>{own[0], guest}));
  system.stop(router);
  for (const Pid& routee : own) system.await_gone(routee);
  (void)system->send(guest, Number{1});
  EXPECT_EQ(handled.pop(), std::pair(guest, 1));
}

TEST(Pool, RemovesARouteeOfItsOwnByStoppingIt) {
  Handled handled;
  TestSystem system;
  const Pid guest = *system->spawn(noting(handled));
  const Pid router = system.spawn(pool_router({.routee = noting(handled), .routee_count = 2}));
  const std::vector<Pid> own = routees_of(system, router);
  (void)system->send(router, AddRoutee{guest});
  (void)system->send(router, RemoveRoutee{own[0]});
  (void)system->send(router, RemoveRoutee{guest});
  (void)system->send(router, RemoveRoutee{Pid::of_name("far:1", "stranger")});
  EXPECT_EQ(routees_of(system, router), std::vector<Pid>{own[1]});
  system.await_gone(own[0]);
  (void)system->send(guest, Number{1});
  EXPECT_EQ(handled.pop(), std::pair(guest, 1));
}

TEST(Pool, G4_ARouteeThatTheStrategyRestartsStays) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(pool_router(
      {.routee = noting(handled), .routee_count = 2, .strategy = always(Directive::restart)}));
  const std::vector<Pid> routees = routees_of(system, router);
  (void)system->send(routees[0], Fail{"boom"});
  EXPECT_TRUE(eventually([&] { return routees[0].cell()->restart_count() == 1; }));
  EXPECT_EQ(routees_of(system, router), routees);
  EXPECT_EQ(who_handles(system, handled, router, 2), routees);
}

TEST(Pool, G4_ARouteeThatTheStrategyStopsIsTakenOut) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(pool_router(
      {.routee = noting(handled), .routee_count = 3, .strategy = always(Directive::stop)}));
  const std::vector<Pid> routees = routees_of(system, router);
  (void)system->send(routees[1], Fail{"boom"});
  EXPECT_TRUE(has_routees(system, router, 2));
  EXPECT_EQ(routees_of(system, router), (std::vector<Pid>{routees[0], routees[2]}));
}

TEST(Pool, G4_ARouteeWhoseStrategyThrowsIsTakenOut) {
  Handled handled;
  TestSystem system;
  const auto throws = std::make_shared<OneForOneStrategy>(
      OneForOneStrategy::Options{.decider = [](const Failure&) -> Directive { throw 7; }});
  const Pid router =
      system.spawn(pool_router({.routee = noting(handled), .routee_count = 2, .strategy = throws}));
  (void)system->send(routees_of(system, router)[0], Fail{"boom"});
  EXPECT_TRUE(has_routees(system, router, 1));
}

TEST(Pool, G4_ARouteeThatStoppedByItselfIsReplacedInItsPlace) {
  Handled handled;
  TestSystem system;
  const Pid router = system.spawn(pool_router({.routing = consistent_hash_routing(number_key),
                                               .routee = noting(handled),
                                               .routee_count = 3}));
  const std::vector<Pid> before = routees_of(system, router);
  const std::vector<Pid> who = who_handles(system, handled, router, 60);
  system->poison(before[1]);
  std::vector<Pid> after;
  EXPECT_TRUE(eventually([&] {
    after = routees_of(system, router);
    return after[1] != before[1];
  }));
  EXPECT_EQ(after, (std::vector<Pid>{before[0], after[1], before[2]}));
  std::vector<Pid> expected = who;
  std::replace(expected.begin(), expected.end(), before[1], after[1]);
  EXPECT_EQ(who_handles(system, handled, router, 60), expected);
}

TEST(Pool, G4_RouteesThatStopTooOftenAreNotReplacedForEver) {
  std::atomic<int> started{0};
  TestSystem system;
  const PropsPtr routee = share(props_of([&](Context& context) {
    if (context.message<Started>() == nullptr) return;
    ++started;
    context.stop(context.self());
  }));
  const Pid router = system.spawn(pool_router({.routee = routee,
                                               .routee_count = 2,
                                               .replacement_count_max = 5,
                                               .replacement_window = std::chrono::hours(1)}));
  EXPECT_TRUE(has_routees(system, router, 0));
  EXPECT_EQ(started.load(), 7);
  // It can be told to try again.
  (void)system->send(router, AdjustPoolSize{1});
  EXPECT_TRUE(eventually([&] { return started.load() == 8; }));
  EXPECT_TRUE(has_routees(system, router, 0));
}

TEST(Pool, G4_ARetiredRouteeThatFailsOnItsWayOutIsNoNews) {
  Gate leave;
  TestSystem system;
  const PropsPtr routee = share(props_of([&](Context& context) {
    if (context.message<Number>() == nullptr) return;
    EXPECT_TRUE(leave.wait());
    throw std::runtime_error("boom");
  }));
  const Pid router = system.spawn(
      pool_router({.routee = routee, .routee_count = 2, .strategy = always(Directive::stop)}));
  const std::vector<Pid> routees = routees_of(system, router);
  (void)system->send(routees[1], Number{1});
  (void)system->send(router, AdjustPoolSize{-1});
  EXPECT_EQ(routees_of(system, router), std::vector<Pid>{routees[0]});
  leave.open();
  system.await_gone(routees[1]);
  EXPECT_EQ(routees_of(system, router), std::vector<Pid>{routees[0]});
}

TEST(Pool, G6_BeginsAnewAfterARestart) {
  Handled handled;
  TestSystem system;
  // A root actor is restarted by the guardian.
  const Pid router = system.spawn(pool_router(
      {.routee = noting(handled), .routee_count = 2, .strategy = always(Directive::escalate)}));
  (void)system->send(router, AdjustPoolSize{3});
  const std::vector<Pid> before = routees_of(system, router);
  ASSERT_EQ(before.size(), 5u);
  (void)system->send(before[0], Fail{"boom"});
  EXPECT_TRUE(eventually([&] { return router.cell()->restart_count() == 1; }));
  for (const Pid& routee : before) system.await_gone(routee);
  EXPECT_TRUE(has_routees(system, router, 2));
  const std::vector<Pid> after = routees_of(system, router);
  EXPECT_EQ(who_handles(system, handled, router, 2), after);
}

TEST(Pool, IsSmallerWhenTheNodeHasNoRoom) {
  Handled handled;
  TestSystem system({.worker_count = 2, .cells = {.actor_count_max = 4}});
  const Pid router = system.spawn(pool_router({.routee = noting(handled), .routee_count = 10}));
  EXPECT_EQ(routees_of(system, router).size(), 3u);
}

TEST(Pool, ResizesUnderLoadWithoutLosingAMessage) {
  std::atomic<int> handled{0};
  TestSystem system({.worker_count = 4});
  const PropsPtr routee = share(props_of([&](Context& context) {
    if (context.message<Number>() != nullptr) ++handled;
  }));
  const Pid router = system.spawn(pool_router({.routee = routee, .routee_count = 4}));
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < 50; ++i) (void)system->send(router, Number{i});
    (void)system->send(router, AdjustPoolSize{round % 2 == 0 ? 3 : -3});
  }
  EXPECT_TRUE(eventually([&] { return handled.load() == kRounds * 50; }));
  EXPECT_EQ(routees_of(system, router).size(), 4u);
  EXPECT_EQ(system->dead_letters().door_count(), 0u);
  EXPECT_TRUE(is_conserved(system));
}

}  // namespace
}  // namespace nexus::core
