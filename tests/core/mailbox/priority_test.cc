// In which order an actor with a priority function gets its messages.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/dispatch/single_thread.h"
#include "core/mailbox/priority_lanes.h"
#include "tests/support/bound_actors.h"

namespace nexus::core {
namespace {

using test::Done;
using test::eventually;
using test::expect_conservation;
using test::Number;
using test::Numbered;
using test::TestSystem;

EnvelopePtr number(int value) { return make_envelope(Number{value}); }
int value_of(const EnvelopePtr& envelope) { return envelope->get<Number>()->value; }

TEST(PriorityLanes, B4_TheLowestNumberLeavesFirstAndEachLevelInItsOrder) {
  PriorityLanes lanes;
  for (int i = 0; i < 12; ++i) lanes.push_back(static_cast<std::uint8_t>(2 - i % 3), number(i));
  std::vector<int> order;
  while (!lanes.empty()) order.push_back(value_of(lanes.pop()));
  EXPECT_EQ(order, (std::vector<int>{2, 5, 8, 11, 1, 4, 7, 10, 0, 3, 6, 9}));
}

TEST(PriorityLanes, B5_NoLevelStarves) {
  PriorityLanes lanes;
  for (int level = 1; level < PriorityLanes::kLevelCount; ++level) {
    lanes.push_back(static_cast<std::uint8_t>(level), number(level));
    lanes.push_back(static_cast<std::uint8_t>(level), number(level));
  }
  std::vector<int> seen(PriorityLanes::kLevelCount);
  constexpr std::uint32_t kBound = PriorityLanes::kOthersEvery * PriorityLanes::kLevelCount;
  lanes.push_back(0, number(0));
  for (std::uint32_t i = 0; i < kBound; ++i) {
    lanes.push_back(0, number(0));
    ++seen[static_cast<std::size_t>(value_of(lanes.pop()))];
  }
  for (std::size_t level = 1; level < seen.size(); ++level) EXPECT_EQ(seen[level], 1);
}

TEST(PriorityLanes, WhatIsLentComesBackToItsPlace) {
  PriorityLanes lanes;
  for (int i = 0; i < 3; ++i) lanes.push_back(4, number(i));
  EnvelopePtr lent = lanes.lend();
  lanes.push_back(4, number(3));
  lanes.push_back(1, number(9));
  lanes.take_back(std::move(lent));
  std::vector<int> order;
  while (!lanes.empty()) order.push_back(value_of(lanes.pop()));
  EXPECT_EQ(order, (std::vector<int>{9, 0, 1, 2, 3}));
}

std::uint8_t tens(const Envelope& envelope) {
  const auto* number = envelope.get<Number>();
  return number == nullptr ? 0 : static_cast<std::uint8_t>(number->value / 10);
}

class Priority : public testing::Test {
 protected:
  Pid spawn(std::function<std::uint8_t(const Envelope&)> priority, std::uint32_t user_count_max = 0,
            MailboxOverflow overflow = MailboxOverflow::reject) {
    Props props = props_of([&](Context& context) {
      if (const auto* number = context.message<Number>()) {
        seen.push_back(number->value);
        if (number->value == fail_at) throw std::runtime_error("asked for");
      }
      if (context.message<Terminated>()) seen.push_back(-1);
      if (context.message<Done>()) context.system().stop(context.self());
    });
    props.priority = std::move(priority);
    props.mailbox_user_count_max = user_count_max;
    props.mailbox_overflow = overflow;
    const Pid actor = system.spawn(std::move(props));
    thread->run_until_idle();
    return actor;
  }
  void send(const Pid& actor, std::vector<int> values) {
    for (const int value : values) (void)system->send(actor, Number{value});
  }
  void TearDown() override {
    thread->run_until_idle();
    expect_conservation(*system);
  }

  std::shared_ptr<SingleThread> thread = std::make_shared<SingleThread>();
  TestSystem system{{.dispatcher = thread}};
  std::vector<int> seen;
  int fail_at = -1;
};

TEST_F(Priority, TheLowestLevelIsHandledFirst) {
  const Pid actor = spawn(tens);
  send(actor, {70, 30, 10, 71, 11, 31, 0});
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{0, 10, 11, 30, 31, 70, 71}));
}

TEST_F(Priority, ALevelOutOfRangeOrAnExceptionIsTheLast) {
  const Pid actor = spawn([](const Envelope& envelope) -> std::uint8_t {
    const int value = envelope.get<Number>()->value;
    if (value == 1) throw std::runtime_error("asked for");
    return value == 2 ? 200 : 0;
  });
  send(actor, {1, 2, 3});
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{3, 1, 2}));
}

TEST_F(Priority, AnOrderToStopComesBehindAllThatWasSentBeforeIt) {
  const Pid actor = spawn(tens);
  send(actor, {70, 10});
  system->poison(actor);
  send(actor, {0});
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{10, 70}));
}

TEST_F(Priority, TerminatedDoesNotOvertakeWhatTheActorSentBefore) {
  const Pid actor = spawn(tens);
  const Pid other = system.spawn(props_of([&](Context& context) {
    if (context.message<Done>() == nullptr) return;
    for (const int value : {70, 40}) context.send(actor, Number{value});
    context.stop(context.self());
  }));
  system->registry().send_system(other, make_envelope(Watch{actor}));
  thread->run_until_idle();
  (void)system->send(other, Done{});
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{40, 70, -1}));
}

TEST_F(Priority, AFailureKeepsTheOrderOfTheRest) {
  const Pid actor = spawn(tens);
  fail_at = 10;
  send(actor, {70, 71, 10, 11, 30});
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{10, 11, 30, 70, 71}));
  EXPECT_EQ(actor.cell()->restart_count(), 1u);
}

TEST_F(Priority, WhatIsLeftWhenTheActorStopsIsDeadLetters) {
  const Pid actor = spawn(tens);
  send(actor, {70, 71, 30});
  (void)system->send(actor, Done{});
  thread->run_until_idle();
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::stopped), 3u);
}

TEST_F(Priority, DropOldestDropsOfTheLastLevelFirst) {
  const Pid actor = spawn(tens, 3, MailboxOverflow::drop_oldest);
  send(actor, {0, 70, 71, 10, 72, 1});
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 10}));
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::mailbox_full), 3u);
}

// All that one actor gets from many, by level and in each sender's order; a system message gets through at once.
TEST(PriorityUnderContention, EachLevelIsInTheOrderOfItsSendersAndNothingIsLost) {
  constexpr std::uint32_t kEach = 10'000;
  constexpr std::uint32_t kSenders = 4;
  TestSystem system({.worker_count = 2});
  std::atomic<std::uint32_t> handled{0};
  std::vector<std::int64_t> last(kSenders * PriorityLanes::kLevelCount, -1);
  Props props = props_of([&](Context& context) {
    const auto* item = context.message<Numbered>();
    if (item == nullptr) return;
    std::int64_t& before =
        last[item->sender * PriorityLanes::kLevelCount + item->number % PriorityLanes::kLevelCount];
    EXPECT_LT(before, item->number);
    before = item->number;
    ++handled;
  });
  props.priority = [](const Envelope& envelope) -> std::uint8_t {
    const auto* item = envelope.get<Numbered>();
    return item == nullptr ? 0 : static_cast<std::uint8_t>(item->number % 8);
  };
  const Pid target = system.spawn(std::move(props));
  for (std::uint32_t sender = 2; sender < kSenders; ++sender) {
    (void)system->send(
        system.spawn(props_of([=, sent = std::make_shared<std::uint32_t>(0)](Context& context) {
          if (context.message<Done>() == nullptr) return;
          for (int i = 0; i < 50 && *sent < kEach; ++i) {
            context.send(target, Numbered{sender, (*sent)++});
          }
          if (*sent < kEach) context.send(context.self(), Done{});
        })),
        Done{});
  }
  std::vector<std::thread> threads;
  for (std::uint32_t sender = 0; sender < 2; ++sender) {
    threads.emplace_back([&, sender] {
      for (std::uint32_t i = 0; i < kEach; ++i) (void)system->send(target, Numbered{sender, i});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(eventually([&] { return handled.load() == kEach * kSenders; }));
  expect_conservation(*system);
  system.stop(target);
}

}  // namespace
}  // namespace nexus::core
