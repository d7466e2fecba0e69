#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using test::expect_next;
using test::new_diary;
using test::Number;
using test::TestSystem;

TEST(Schedule, SendsOnceAndNotBeforeItsTime) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(test::steered(diary));
  Instant begin;
  system.in_turn(actor, [&](Context& context) {
    begin = context.system().clock().now();
    (void)context.schedule_once(milliseconds(10), context.self(), Number{1});
  });
  expect_next(*diary, {"started", "number 1"});
  EXPECT_GE(system->clock().now() - begin, milliseconds(10));
  EXPECT_EQ(system->timers().waiting_count(), 0u);
}

TEST(Schedule, MessagesOfOneDelayArriveInTheOrderOfTheCalls) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(test::steered(diary));
  expect_next(*diary, {"started"});
  for (int i = 0; i < 100; ++i) (void)system->schedule_once(milliseconds(5), actor, Number{i});
  for (int i = 0; i < 100; ++i) expect_next(*diary, {"number " + std::to_string(i)});
  system.in_turn(actor, [&](Context& context) {
    for (int i = 0; i < 100; ++i) {
      (void)context.schedule_once(milliseconds(5), context.self(), Number{i});
    }
  });
  for (int i = 0; i < 100; ++i) expect_next(*diary, {"number " + std::to_string(i)});
}

TEST(Schedule, RepeatsUntilItIsCancelled) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(test::steered(diary));
  ScheduleId id{};
  system.in_turn(actor, [&](Context& context) {
    id = context.schedule_repeatedly(milliseconds(1), milliseconds(2), context.self(), Number{1});
  });
  expect_next(*diary, {"started", "number 1", "number 1", "number 1"});
  system.in_turn(actor, [&](Context& context) {
    EXPECT_TRUE(context.cancel_schedule(id));
    EXPECT_FALSE(context.cancel_schedule(id));
  });
  EXPECT_EQ(system->timers().waiting_count(), 0u);
}

TEST(Schedule, SkipsTheBeatsThatTheActorMissed) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(test::steered(diary));
  system.in_turn(actor, [&](Context& context) {
    (void)context.schedule_repeatedly(milliseconds(1), milliseconds(1), context.self(), Number{1});
    const Instant begin = context.system().clock().now();
    while (context.system().clock().now() - begin < milliseconds(100)) {
    }
  });
  std::size_t after = 0;
  system.in_turn(actor, [&](Context&) { after = diary->size(); });
  EXPECT_LE(after, 3u) << "100 beats were missed, not saved up";
}

TEST(Schedule, EndsWithTheActorAndWithItsRestart) {
  auto diary = new_diary();
  auto target_diary = new_diary();
  TestSystem system;
  const Pid target = system.spawn(test::steered(target_diary));
  for (const bool restart : {true, false}) {
    const Pid actor = system.spawn(test::steered(diary));
    system.in_turn(actor, [&](Context& context) {
      (void)context.schedule_repeatedly(hours(1), hours(1), target, Number{1});
      (void)context.schedule_once(hours(1), target, Number{2});
    });
    EXPECT_EQ(system->timers().waiting_count(), 2u);
    if (restart) {
      (void)system->send(actor, test::Fail{"boom"});
      system.in_turn(actor, [](Context&) {});
    } else {
      system.stop(actor);
    }
    EXPECT_EQ(system->timers().waiting_count(), 0u);
  }
}

TEST(Schedule, OneTooManyIsRefused) {
  TestSystem system;
  const Pid actor = system.spawn(test::steered(new_diary()));
  system.in_turn(actor, [&](Context& context) {
    ScheduleId first{};
    for (std::size_t i = 0; i < ActorTimers::kScheduleCountMax; ++i) {
      const ScheduleId id = context.schedule_once(hours(1), context.self(), Number{1});
      EXPECT_NE(id, ScheduleId::none);
      if (i == 0) first = id;
    }
    EXPECT_EQ(context.schedule_once(hours(1), context.self(), Number{1}), ScheduleId::none);
    EXPECT_TRUE(context.cancel_schedule(first));
    EXPECT_NE(context.schedule_once(hours(1), context.self(), Number{1}), ScheduleId::none);
  });
}

TEST(Schedule, OfTheSystemSendsToAnyActor) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(test::steered(diary));
  (void)system->schedule_once(milliseconds(2), actor, Number{1});
  const Timers::Id never = system->schedule_once(hours(1), actor, Number{2});
  expect_next(*diary, {"started", "number 1"});
  EXPECT_TRUE(system->cancel_schedule(never));
  EXPECT_FALSE(system->cancel_schedule(never));
}

}  // namespace
}  // namespace nexus::core
