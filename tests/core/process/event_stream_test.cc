#include "core/process/event_stream.h"

#include <gtest/gtest.h>

#include <atomic>
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
using test::Gate;
using test::Number;
using test::steered;
using test::TestSystem;

struct Opened {
  int number;
};
struct Closed {};

TEST(EventStream, HandsEachEventToThoseWhoWantItsType) {
  EventStream events;
  std::vector<int> opened;
  int closed = 0;
  const auto first =
      events.subscribe<Opened>([&](const Opened& event) { opened.push_back(event.number); });
  const auto second =
      events.subscribe<Opened>([&](const Opened& event) { opened.push_back(10 * event.number); });
  const auto third = events.subscribe<Closed>([&](const Closed&) { ++closed; });
  events.publish(Opened{1});
  events.publish(Opened{2});
  events.publish(Closed{});
  EXPECT_EQ(opened, (std::vector<int>{1, 10, 2, 20}));
  EXPECT_EQ(closed, 1);
}

TEST(EventStream, WantsWhatSomebodyHasSubscribedTo) {
  EventStream events;
  EXPECT_FALSE(events.wants<Opened>());
  const auto subscription = events.subscribe<Opened>([](const Opened&) {});
  EXPECT_TRUE(events.wants<Opened>());
}

TEST(EventStream, ASubscriptionEndsWhenItDies) {
  EventStream events;
  int seen = 0;
  auto witness = std::make_shared<int>();
  auto subscription = events.subscribe<Closed>([&seen, witness](const Closed&) { ++seen; });
  events.publish(Closed{});
  subscription.reset();
  events.publish(Closed{});
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(EventStream, AHandlerMaySubscribeUnsubscribeAndPublish) {
  EventStream events;
  int outer = 0;
  int inner = 0;
  EventStream::Subscription late;
  EventStream::Subscription self;
  self = events.subscribe<Opened>([&](const Opened& event) {
    ++outer;
    if (event.number == 1) {
      late = events.subscribe<Opened>([&](const Opened&) { ++inner; });
      events.publish(Opened{2});
    } else {
      self.reset();
    }
  });
  events.publish(Opened{1});
  EXPECT_EQ(outer, 2);
  EXPECT_EQ(inner, 1);
  events.publish(Opened{3});
  EXPECT_EQ(outer, 2);
  EXPECT_EQ(inner, 2);
}

TEST(EventStream, E2_AHandlerMayEndTheSubscriptionOfOneThatHasNotHadItsTurn) {
  EventStream events;
  int seen = 0;
  EventStream::Subscription second;
  const auto first = events.subscribe<Closed>([&](const Closed&) { second.reset(); });
  second = events.subscribe<Closed>([&](const Closed&) { ++seen; });
  const auto third = events.subscribe<Closed>([&](const Closed&) { ++seen; });
  events.publish(Closed{});
  EXPECT_EQ(seen, 1);
}

TEST(EventStream, E2_WhatAHandlerOwnsLivesUntilItReturns) {
  EventStream events;
  EventStream::Subscription self;
  auto owned = std::make_shared<int>(7);
  const std::weak_ptr<int> witness = owned;
  int seen = 0;
  self = events.subscribe<Closed>([&self, &seen, owned = std::move(owned)](const Closed&) {
    self.reset();
    seen = *owned;
  });
  events.publish(Closed{});
  EXPECT_EQ(seen, 7);
  EXPECT_TRUE(witness.expired());
}

TEST(EventStream, E3_WhatAHandlerThrowsIsLoggedAndStopsNobodyElse) {
  std::vector<std::string> lines;
  const Log log({.level = LogLevel::info, .format = LogFormat::text, .node = {}},
                [&](std::string_view line) { lines.emplace_back(line); });
  ActorSystem system({.worker_count = 1, .log = log});
  EventStream& events = system.events();
  int seen = 0;
  const auto throws =
      events.subscribe<Closed>([](const Closed&) { throw std::runtime_error("ow"); });
  const auto throws_int = events.subscribe<Closed>([](const Closed&) { throw 7; });
  const auto undecided =
      events.subscribe<Closed>([&](const Closed&) { ++seen; },
                               [](const Closed&) -> bool { throw std::runtime_error("hm"); });
  const auto steady = events.subscribe<Closed>([&](const Closed&) { ++seen; });
  events.publish(Closed{});
  events.publish(Closed{});
  EXPECT_EQ(seen, 2);
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_NE(lines[0].find("event handler threw"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("Closed"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("reason=ow"), std::string::npos) << lines[0];
  EXPECT_NE(lines[2].find("reason=hm"), std::string::npos) << lines[2];
}

TEST(EventStream, APredicateChoosesAmongTheEventsOfAType) {
  EventStream events;
  std::vector<int> even;
  const auto subscription =
      events.subscribe<Opened>([&](const Opened& event) { even.push_back(event.number); },
                               [](const Opened& event) { return event.number % 2 == 0; });
  for (int i = 1; i <= 4; ++i) events.publish(Opened{i});
  EXPECT_EQ(even, (std::vector<int>{2, 4}));
}

TEST(EventStream, E4_AnActorGetsEventsAsMessages) {
  TestSystem system;
  auto diary = std::make_shared<Diary>();
  const Pid actor = system.spawn(steered(diary));
  auto subscription = system->events().subscribe<Number>(
      actor, [](const Number& number) { return number.value > 1; });
  for (int i = 1; i <= 3; ++i) system->events().publish(Number{i});
  expect_next(*diary, {"started", "number 2", "number 3"});
  subscription.reset();
  system->events().publish(Number{4});
  (void)system->send(actor, Done{});
  expect_next(*diary, {"done"});
}

TEST(EventStream, E4_AnActorThatHasStoppedGetsNoMoreEvents) {
  TestSystem system;
  const Pid actor = system.spawn(steered(std::make_shared<Diary>()));
  const auto subscription = system->events().subscribe<Number>(actor);
  system.stop(actor);
  system->events().publish(Number{1});
  EXPECT_EQ(system->dead_letters().door_count(), 0u);
}

TEST(EventStream, E5_ADeadLetterThatTwoFloodedActorsHaveNoRoomForIsNoEvent) {
  Gate leave;
  std::atomic<int> seen{0};
  TestSystem system;
  std::vector<EventStream::Subscription> subscriptions;
  subscriptions.push_back(
      system->events().subscribe<DeadLetter>([&](const DeadLetter&) { ++seen; }));
  std::vector<Pid> flooded;
  for (int i = 0; i < 2; ++i) {
    Gate entered;
    Props props = steered(std::make_shared<Diary>());
    props.mailbox_user_count_max = 1;
    flooded.push_back(system.spawn(std::move(props)));
    (void)system->send(flooded.back(), Do{[&](Context&) {
                         entered.open();
                         EXPECT_TRUE(leave.wait());
                       }});
    ASSERT_TRUE(entered.wait());
    (void)system->send(flooded.back(), Done{});
    subscriptions.push_back(system->events().subscribe<DeadLetter>(flooded.back()));
  }
  (void)system->send(Pid{}, Number{1});
  EXPECT_EQ(seen.load(), 1);
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::mailbox_full), 2u);
  leave.open();
}

TEST(EventStream, SubscribersComeAndGoWhileOthersPublish) {
  EventStream events;
  std::atomic<int> steady{0};
  const auto subscription = events.subscribe<Closed>([&](const Closed&) { ++steady; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) events.publish(Closed{});
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) {
        auto seen = std::make_shared<std::atomic<int>>(0);
        const auto brief = events.subscribe<Closed>([seen](const Closed&) { ++*seen; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(steady.load(), 10'000);
}

}  // namespace
}  // namespace nexus::core
