// What is measured of messages and turns, and that it is exact.
#include "core/telemetry/runtime_telemetry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Do;
using test::eventually;
using test::Gate;
using test::Number;
using test::TestSystem;

constexpr Duration kHeld = std::chrono::milliseconds(20);

void spin_for(Duration time) {
  const SteadyClock clock;
  const Instant end = clock.now() + time;
  while (clock.now() < end) {
  }
}

// Does nothing with its messages but what Do says.
Props worker_bee() {
  return props_of([](Context& context) {
    if (const auto* task = context.message<Do>()) task->run(context);
  });
}

class Telemetry : public testing::Test {
 protected:
  Telemetry() : system_(ActorSystem::Options{.worker_count = 1}) {
    system_->telemetry().set_sampling(1);
  }
  RuntimeTelemetry::Snapshot snapshot() { return system_->telemetry().snapshot(); }
  // An actor whose first turn, that of its spawn, is over.
  Pid spawn_idle() {
    const Pid actor = system_.spawn(worker_bee());
    EXPECT_TRUE(eventually([&] { return actor.cell()->mailbox().owner() == kIdle; }));
    return actor;
  }
  // Waits until that many messages have been measured.
  bool measured(std::uint64_t count) {
    return eventually([&] { return snapshot().dwell.count() == count; });
  }

  // Beyond the end of the system: what is measured tells nothing about when a turn has left a gate.
  Gate inside_;
  Gate leave_;
  TestSystem system_;
};

TEST_F(Telemetry, L3_DwellIsTheTimeBehindOtherMessages) {
  const Pid actor = system_.spawn(worker_bee());
  (void)system_->send(actor, Do{[&](Context&) {
                        EXPECT_TRUE(leave_.wait());
                        spin_for(kHeld);
                      }});
  for (int i = 0; i < 10; ++i) (void)system_->send(actor, Number{i});
  leave_.open();
  ASSERT_TRUE(measured(11));
  EXPECT_GE(snapshot().dwell.quantile(0.5), kHeld);
  EXPECT_GE(snapshot().dwell.max(), kHeld);
}

TEST_F(Telemetry, L3_MessagesThatTheOwnerAppendsAreMeasuredToo) {
  const Pid target = system_.spawn(worker_bee());
  const Pid sender = system_.spawn(worker_bee());
  system_.in_turn(sender, [&](Context& context) {
    for (int i = 0; i < 10; ++i) context.send(target, Number{i});
    spin_for(kHeld);
  });
  // The order to the sender is one of them.
  ASSERT_TRUE(measured(11));
  EXPECT_GE(snapshot().dwell.quantile(0.5), kHeld);
}

TEST_F(Telemetry, L3_SystemMessagesAreMeasuredToo) {
  const Pid target = system_.spawn(worker_bee());
  const Pid watcher = system_.spawn(worker_bee());
  system_.in_turn(watcher, [&](Context& context) { context.watch(target); });
  EXPECT_TRUE(measured(2));
}

TEST_F(Telemetry, L3_AForwardedMessageIsMeasuredAtEachMailbox) {
  const Pid target = system_.spawn(worker_bee());
  const Pid between = system_.spawn(props_of([target](Context& context) {
    if (context.message<Number>() != nullptr) context.forward(target);
  }));
  for (int i = 0; i < 10; ++i) (void)system_->send(between, Number{i});
  EXPECT_TRUE(measured(20));
}

TEST_F(Telemetry, L3_AMessageKeepsSenderAndHeadersWhenItIsMeasured) {
  std::atomic<int> right{0};
  const Pid target = system_.spawn(props_of([&](Context& context) {
    if (context.message<Number>() == nullptr) return;
    const Headers& headers = context.headers();
    right += headers.size() == 1 && headers[0].second == "v" && !context.sender().empty() ? 1 : 0;
    context.respond(Number{1});
  }));
  const Pid asker = system_.spawn(props_of([&](Context& context) {
    if (const auto* task = context.message<Do>()) task->run(context);
    right += context.message<Number>() != nullptr ? 1 : 0;
  }));
  system_.in_turn(asker, [&](Context& context) {
    EnvelopePtr envelope = make_envelope(Number{0});
    envelope->set_sender(context.self());
    envelope->set_headers({{"k", "v"}});
    context.deliver(target, std::move(envelope));
  });
  EXPECT_TRUE(eventually([&] { return right.load() == 2; }));
}

TEST_F(Telemetry, L3_WhatAFullMailboxDropsIsNotMeasured) {
  Props props = worker_bee();
  props.mailbox_user_count_max = 3;
  props.mailbox_overflow = MailboxOverflow::drop_oldest;
  const Pid actor = system_.spawn(std::move(props));
  (void)system_->send(actor, Do{[&](Context&) {
                        EXPECT_TRUE(leave_.wait());
                        spin_for(kHeld);
                      }});
  ASSERT_TRUE(eventually([&] { return actor.cell()->processed_count() == 1; }));
  for (int i = 0; i < 10; ++i) (void)system_->send(actor, Number{i});
  leave_.open();
  ASSERT_TRUE(
      eventually([&] { return snapshot().drop_count(DeadLetterReason::mailbox_full) == 7; }));
  EXPECT_TRUE(measured(1 + 3));
  EXPECT_GE(snapshot().dwell.quantile(0.5), kHeld);
}

TEST_F(Telemetry, L3_MessagesThatSlowTheirSenderAreMeasuredToo) {
  Props props = worker_bee();
  props.mailbox_user_count_max = 2;
  props.mailbox_overflow = MailboxOverflow::slow_sender;
  const Pid target = system_.spawn(std::move(props));
  const Pid sender = system_.spawn(worker_bee());
  system_.in_turn(sender, [&](Context& context) {
    for (int i = 0; i < 10; ++i) context.send(target, Number{i});
    spin_for(kHeld);
  });
  // The order to the sender, and the system messages about it: that it is slow, that it may go on, and so again by the timer.
  EXPECT_TRUE(measured(10 + 1 + 3));
  EXPECT_GE(snapshot().dwell.quantile(0.5), kHeld);
}

TEST_F(Telemetry, L3_MessagesByPriorityAreMeasuredOnceEach) {
  Props props = worker_bee();
  props.priority = [](const Envelope& envelope) {
    const auto* number = envelope.get<Number>();
    return static_cast<std::uint8_t>(number == nullptr ? 0 : 7 - number->value % 8);
  };
  const Pid actor = system_.spawn(std::move(props));
  (void)system_->send(actor, Do{[&](Context&) {
                        EXPECT_TRUE(leave_.wait());
                        spin_for(kHeld);
                      }});
  for (int i = 0; i < 100; ++i) (void)system_->send(actor, Number{i});
  leave_.open();
  EXPECT_TRUE(eventually([&] { return actor.cell()->processed_count() == 101; }));
  EXPECT_TRUE(measured(101));
  EXPECT_GE(snapshot().dwell.quantile(0.5), kHeld);
}

TEST_F(Telemetry, L4_LatencyAndTurnTimeOfATurn) {
  const Pid first = spawn_idle();
  const Pid second = spawn_idle();
  system_.in_turn(first, [&](Context& context) {
    context.send(second, Do{[](Context&) { spin_for(kHeld); }});
    spin_for(kHeld);
  });
  ASSERT_TRUE(eventually([&] { return snapshot().turn_time.count() == 2; }));
  // That of `second`, which waited for the turn of `first` to end.
  EXPECT_GE(snapshot().schedule_latency.max(), kHeld);
  EXPECT_GE(snapshot().turn_time.max(), kHeld);
  EXPECT_EQ(snapshot().schedule_latency.count(), 2u);
}

TEST_F(Telemetry, L4_ATurnThatLeavesMessagesBehindMakesTheNextOneWait) {
  const Pid busy = spawn_idle();
  const Pid other = spawn_idle();
  system_.in_turn(other, [&](Context& context) {
    // As many as two turns may hold.
    for (int i = 0; i < 600; ++i) context.send(busy, Number{i});
  });
  ASSERT_TRUE(measured(601));
  // That of `other`, the first of `busy` and those that go on behind it. A turn may also end early because its time is over.
  ASSERT_TRUE(eventually([&] { return snapshot().turn_time.count() >= 3; }));
  EXPECT_GE(snapshot().schedule_latency.count(), 3u);
}

TEST_F(Telemetry, L5_SaysWhatWaitsAndWhatWasDropped) {
  const Pid blocked = system_.spawn(worker_bee());
  (void)system_->send(blocked, Do{[&](Context&) {
                        inside_.open();
                        EXPECT_TRUE(leave_.wait());
                      }});
  ASSERT_TRUE(inside_.wait());
  for (int i = 0; i < 5; ++i) (void)system_->send(blocked, Number{i});
  std::vector<Pid> others;
  for (int i = 0; i < 7; ++i) others.push_back(system_.spawn(worker_bee()));
  // The order that is being handled has not been counted as processed.
  EXPECT_EQ(snapshot().waiting_message_count, 6u);
  EXPECT_EQ(snapshot().waiting_actor_count, 7u);
  leave_.open();
  ASSERT_TRUE(eventually([&] { return snapshot().waiting_message_count == 0; }));
  ASSERT_TRUE(eventually([&] { return snapshot().waiting_actor_count == 0; }));
  system_.stop(blocked);
  (void)system_->send(blocked, Number{1});
  EXPECT_EQ(snapshot().drop_count(DeadLetterReason::stopped), 1u);
  EXPECT_EQ(snapshot().drop_count(DeadLetterReason::mailbox_full), 0u);
}

TEST_F(Telemetry, AnyThreadMayTurnItOff) {
  const Pid actor = system_.spawn(worker_bee());
  system_->telemetry().set_sampling(0);
  EXPECT_EQ(system_->telemetry().sampling(), 0u);
  for (int i = 0; i < 1000; ++i) (void)system_->send(actor, Number{i});
  system_.in_turn(actor, [](Context&) {});
  EXPECT_EQ(snapshot().dwell.count(), 0u);
}

TEST(TelemetryOfMany, OneIn64IsMeasuredAsShipped) {
  TestSystem system;
  EXPECT_EQ(system->telemetry().sampling(), 64u);
  const Pid actor = system.spawn(worker_bee());
  constexpr int kThreads = 4;
  constexpr int kEach = 32'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) (void)system->send(actor, Number{i});
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(eventually([&] { return actor.cell()->mailbox_count() == 0; }));
  system.in_turn(actor, [](Context&) {});
  const std::uint64_t count = system->telemetry().snapshot().dwell.count();
  EXPECT_GT(count, kThreads * kEach / 64 * 8 / 10);
  EXPECT_LT(count, kThreads * kEach / 64 * 12 / 10);
}

TEST(TelemetryOfMany, TwoSystemsInOneProcessKeepApart) {
  TestSystem first;
  TestSystem second;
  first->telemetry().set_sampling(1);
  second->telemetry().set_sampling(0);
  const Pid here = first.spawn(worker_bee());
  const Pid there = second.spawn(worker_bee());
  for (int i = 0; i < 100; ++i) {
    (void)first->send(here, Number{i});
    (void)second->send(there, Number{i});
  }
  EXPECT_TRUE(eventually([&] { return first->telemetry().snapshot().dwell.count() == 100; }));
  second.in_turn(there, [](Context&) {});
  EXPECT_EQ(second->telemetry().snapshot().dwell.count(), 0u);
}

}  // namespace
}  // namespace nexus::core
