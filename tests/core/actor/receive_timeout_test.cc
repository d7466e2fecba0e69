#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using std::chrono::milliseconds;
using test::Diary;
using test::Do;
using test::expect_next;
using test::new_diary;
using test::Number;
using test::TestSystem;

struct Poll : NotInfluenceReceiveTimeout {};

// When a timeout came, and when the turn before it ended at the earliest.
struct Firing {
  Instant begin;
  Instant end;
};

TEST(ReceiveTimeout, IsNeverEarlyAndComesOncePerIdlePeriod) {
  auto firings = std::make_shared<test::Queue<Firing>>();
  TestSystem system;
  const Pid actor = system.spawn(props_of([=, last = Instant{}](Context& context) mutable {
    const Instant now = context.system().clock().now();
    if (context.message<Started>() != nullptr) {
      context.set_receive_timeout(milliseconds(20));
      EXPECT_EQ(context.receive_timeout(), milliseconds(20));
    } else if (context.message<ReceiveTimeout>() != nullptr) {
      return firings->push({last, now});
    }
    last = now;
  }));
  for (int i = 0; i < 5; ++i) {
    const auto firing = firings->pop();
    ASSERT_TRUE(firing.has_value());
    EXPECT_GE(firing->end - firing->begin, milliseconds(20));
    EXPECT_EQ(firings->size(), 0u);
    (void)system->send(actor, Number{i});
  }
}

TEST(ReceiveTimeout, MessagesPutItOffAndPollsDoNot) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(props_of([=](Context& context) {
    if (context.message<Started>() != nullptr) context.set_receive_timeout(milliseconds(30));
    if (context.message<ReceiveTimeout>() != nullptr) diary->push("timeout");
  }));
  // As long as messages come there is none, as soon as only polls come there is one.
  const SteadyClock clock;
  const Instant busy_until = clock.now() + milliseconds(120);
  Instant last_sent{};
  bool was_slow = false;
  while (clock.now() < busy_until) {
    const Instant now = clock.now();
    was_slow = was_slow || (last_sent != Instant{} && now - last_sent > milliseconds(25));
    last_sent = now;
    (void)system->ask(actor, Touch{}, test::kPatience);
  }
  EXPECT_TRUE(was_slow || diary->size() == 0);
  EXPECT_TRUE(test::eventually([&] {
    (void)system->send(actor, Poll{});
    return diary->size() > 0;
  }));
}

TEST(ReceiveTimeout, CanBeSetAgainAndCancelledInItsOwnHandler) {
  auto diary = new_diary();
  TestSystem system;
  (void)system.spawn(props_of([=, count = 0](Context& context) mutable {
    if (context.message<Started>() != nullptr) context.set_receive_timeout(milliseconds(2));
    if (context.message<Number>() != nullptr) diary->push("number");
    if (context.message<ReceiveTimeout>() == nullptr) return;
    diary->push("timeout " + std::to_string(++count));
    if (count < 10) context.set_receive_timeout(milliseconds(count % 3 + 1));
    if (count == 10) {
      context.cancel_receive_timeout();
      EXPECT_EQ(context.receive_timeout(), Duration::zero());
      context.schedule_once(milliseconds(30), context.self(), Number{1});
    }
  }));
  for (int i = 1; i <= 10; ++i) expect_next(*diary, {"timeout " + std::to_string(i)});
  // Ten periods later none has come.
  expect_next(*diary, {"number"});
}

TEST(ReceiveTimeout, EndsWithARestart) {
  auto diary = new_diary();
  TestSystem system;
  const Pid actor = system.spawn(test::steered(diary));
  system.in_turn(actor, [](Context& context) { context.set_receive_timeout(milliseconds(20)); });
  (void)system->send(actor, test::Fail{"boom"});
  system.in_turn(actor, [](Context& context) {
    EXPECT_EQ(context.receive_timeout(), Duration::zero());
    context.schedule_once(milliseconds(60), context.self(), Number{1});
  });
  expect_next(*diary, {"started", "restarting", "started", "number 1"});
}

TEST(ReceiveTimeout, LeavesNothingInTheWheelWhenTheActorStops) {
  TestSystem system;
  auto diary = new_diary();
  for (int i = 0; i < 100; ++i) {
    const Pid actor = system.spawn(test::steered(diary));
    system.in_turn(actor, [](Context& context) {
      for (int k = 0; k < 100; ++k) {
        context.set_receive_timeout(std::chrono::hours(1 + k % 3));
        context.cancel_receive_timeout();
      }
      context.set_receive_timeout(std::chrono::hours(1));
      (void)context.schedule_repeatedly(std::chrono::hours(1), std::chrono::hours(1),
                                        context.self(), Number{1});
    });
    EXPECT_LE(system->timers().waiting_count(), 2u);
    system.stop(actor);
  }
  EXPECT_EQ(system->timers().waiting_count(), 0u);
}

TEST(ReceiveTimeout, AMillionActorsHaveOneAtOnce) {
  // Sanitizers are slower, and take many times the memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kCount = 50'000;
#else
  constexpr int kCount = 1'000'000;
#endif
  auto fired = std::make_shared<std::atomic<int>>(0);
  auto early = std::make_shared<std::atomic<int>>(0);
  TestSystem system;
  const PropsPtr props = share(props_of([=, began = Instant{}](Context& context) mutable {
    if (context.message<Started>() != nullptr) {
      began = context.system().clock().now();
      context.set_receive_timeout(milliseconds(200));
    } else if (context.message<ReceiveTimeout>() != nullptr) {
      if (context.system().clock().now() - began < milliseconds(200)) early->fetch_add(1);
      fired->fetch_add(1);
    }
  }));
  for (int i = 0; i < kCount; ++i) ASSERT_TRUE(system->spawn(props).ok());
  EXPECT_TRUE(test::eventually([&] { return fired->load() == kCount; })) << fired->load();
  EXPECT_EQ(early->load(), 0);
}

}  // namespace
}  // namespace nexus::core
