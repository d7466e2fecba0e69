// What becomes of messages to a full mailbox, by the policy of its Props.
#include "core/mailbox/mailbox_overflow.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/dispatch/pinned_dispatcher.h"
#include "core/dispatch/single_thread.h"
#include "tests/support/bound_actors.h"

namespace nexus::core {
namespace {

using test::Do;
using test::Done;
using test::eventually;
using test::expect_conservation;
using test::Gate;
using test::kPatience;
using test::Number;
using test::TestSystem;

Props bounded(std::uint32_t user_count_max, MailboxOverflow overflow, Props props) {
  props.mailbox_user_count_max = user_count_max;
  props.mailbox_overflow = overflow;
  return props;
}

// All on the test's thread, so that nothing runs before it is told to.
class Overflow : public testing::Test {
 protected:
  // Notes the numbers that reach it.
  Pid spawn_full(std::uint32_t user_count_max, MailboxOverflow overflow) {
    const Pid actor = system.spawn(bounded(user_count_max, overflow, props_of([&](Context& c) {
                                             if (const auto* number = c.message<Number>()) {
                                               seen.push_back(number->value);
                                             }
                                           })));
    thread->run_until_idle();
    return actor;
  }
  std::uint64_t full_count() {
    return system->dead_letters().count(DeadLetterReason::mailbox_full);
  }
  Delivered send_with_sender(const Pid& target, int number) {
    EnvelopePtr envelope = make_envelope(Number{number});
    envelope->set_sender(sender);
    return system->registry().send_user(target, std::move(envelope));
  }
  void TearDown() override {
    thread->run_until_idle();
    expect_conservation(*system);
  }

  std::shared_ptr<SingleThread> thread = std::make_shared<SingleThread>();
  TestSystem system{{.dispatcher = thread}};
  std::vector<int> seen;
  int told = 0;
  Pid sender = system.spawn(props_of([&](Context& context) {
    if (context.message<DeadLetterResponse>()) ++told;
  }));
};

TEST_F(Overflow, RejectTellsTheSender) {
  const Pid actor = spawn_full(3, MailboxOverflow::reject);
  for (int i = 0; i < 5; ++i) (void)send_with_sender(actor, i);
  EXPECT_EQ(send_with_sender(actor, 5), Delivered::mailbox_full);
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(full_count(), 3u);
  EXPECT_EQ(told, 3);
}

TEST_F(Overflow, DropNewestTellsNobody) {
  const Pid actor = spawn_full(3, MailboxOverflow::drop_newest);
  for (int i = 0; i < 5; ++i) (void)send_with_sender(actor, i);
  EXPECT_EQ(send_with_sender(actor, 5), Delivered::dead_letter);
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(full_count(), 3u);
  EXPECT_EQ(told, 0);
}

TEST_F(Overflow, DropOldestKeepsTheNewest) {
  const Pid actor = spawn_full(3, MailboxOverflow::drop_oldest);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(send_with_sender(actor, i), Delivered::mailbox);
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{7, 8, 9}));
  EXPECT_EQ(full_count(), 7u);
}

TEST_F(Overflow, DropOldestKeepsTheNewestOfAnActorsOwnMessagesToo) {
  const Pid actor =
      system.spawn(bounded(2, MailboxOverflow::drop_oldest, props_of([&](Context& context) {
                             if (context.message<Done>()) {
                               for (int i = 0; i < 6; ++i) context.send(context.self(), Number{i});
                             }
                             if (const auto* number = context.message<Number>())
                               seen.push_back(number->value);
                           })));
  (void)system->send(actor, Done{});
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{4, 5}));
  EXPECT_EQ(full_count(), 4u);
}

TEST_F(Overflow, DropOldestIsBoundedWhileTheActorDoesNotRun) {
  const Pid actor = spawn_full(4, MailboxOverflow::drop_oldest);
  const std::uint32_t most = Mailbox::beyond(4);
  EXPECT_EQ(most, 4 + Mailbox::kBeyondMin);
  for (std::uint32_t i = 0; i < 3 * most; ++i) (void)system->send(actor, Number{0});
  EXPECT_EQ(actor.cell()->mailbox_count(), most);
  EXPECT_EQ(full_count(), 2 * most);
  thread->run_until_idle();
  EXPECT_EQ(seen.size(), 4u);
}

TEST_F(Overflow, DropOldestDropsNoOrderToStop) {
  const Pid actor = spawn_full(2, MailboxOverflow::drop_oldest);
  system->poison(actor);
  for (int i = 0; i < 10; ++i) (void)system->send(actor, Number{i});
  thread->run_until_idle();
  EXPECT_NE(actor.cell()->generation(), actor.generation());
  EXPECT_TRUE(seen.empty());
}

TEST_F(Overflow, SlowSenderTellsAThreadThatTheMailboxIsFull) {
  const Pid actor = spawn_full(3, MailboxOverflow::slow_sender);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send_with_sender(actor, i), Delivered::mailbox);
  EXPECT_EQ(send_with_sender(actor, 3), Delivered::mailbox_full);
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2}));
}

TEST_F(Overflow, SlowSenderRejectsWhatAnActorSendsToItsOwnFullMailbox) {
  const Pid actor =
      system.spawn(bounded(2, MailboxOverflow::slow_sender, props_of([&](Context& context) {
                             if (context.message<Done>()) {
                               for (int i = 0; i < 6; ++i) context.send(context.self(), Number{i});
                             }
                             if (const auto* number = context.message<Number>())
                               seen.push_back(number->value);
                           })));
  (void)system->send(actor, Done{});
  thread->run_until_idle();
  EXPECT_EQ(seen, (std::vector<int>{0, 1}));
}

// Sends `count` numbers, ten with each of its own messages.
Props source(Pid target, int count, std::shared_ptr<int> sent = std::make_shared<int>(0)) {
  return props_of([=](Context& context) {
    if (context.message<Done>() == nullptr) return;
    for (int i = 0; i < 10 && *sent < count; ++i) context.send(target, Number{(*sent)++});
    if (*sent < count) context.send(context.self(), Done{});
  });
}

TEST(SlowSender, ASlowActorGetsEverythingInOrderAndItsMailboxStaysSmall) {
  constexpr int kCount = 20'000;
  constexpr std::uint32_t kMax = 64;
  std::atomic<int> seen{0};
  std::atomic<std::uint32_t> most{0};
  TestSystem system({.worker_count = 2});
  const Pid slow =
      system.spawn(bounded(kMax, MailboxOverflow::slow_sender, props_of([&](Context& context) {
                             const auto* number = context.message<Number>();
                             if (number == nullptr) return;
                             EXPECT_EQ(number->value, seen.load());
                             most = std::max(most.load(), context.self().cell()->mailbox_count());
                             ++seen;
                           })));
  (void)system->send(system.spawn(source(slow, kCount)), Done{});
  EXPECT_TRUE(eventually([&] { return seen.load() == kCount; }));
  // One sender: what it sends with one of its messages comes on top.
  EXPECT_LE(most.load(), kMax + 10 + Mailbox::kCountLag);
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::mailbox_full), 0u);
  expect_conservation(*system);
}

TEST(SlowSender, SlowsAWholeChainDown) {
  constexpr int kCount = 5'000;
  std::atomic<int> seen{0};
  TestSystem system({.worker_count = 2});
  Pid next = system.spawn(bounded(16, MailboxOverflow::slow_sender, props_of([&](Context& context) {
                                    if (context.message<Number>()) ++seen;
                                  })));
  for (int stage = 0; stage < 3; ++stage) {
    next =
        system.spawn(bounded(16, MailboxOverflow::slow_sender, props_of([next](Context& context) {
                               if (context.message<Number>()) context.forward(next);
                             })));
  }
  (void)system->send(system.spawn(source(next, kCount)), Done{});
  EXPECT_TRUE(eventually([&] { return seen.load() == kCount; }));
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::mailbox_full), 0u);
}

TEST(SlowSender, HoldsNoWorkerWhileItWaits) {
  Gate gate;
  std::atomic<bool> blocked{false};
  TestSystem system({.worker_count = 1});
  Props props = bounded(4, MailboxOverflow::slow_sender, props_of([&](Context& context) {
                          if (context.message<Number>() == nullptr) return;
                          blocked = true;
                          EXPECT_TRUE(gate.wait());
                        }));
  props.dispatcher = std::make_shared<PinnedDispatcher>();
  const Pid stuck = system.spawn(std::move(props));
  auto sent = std::make_shared<int>(0);
  const Pid slowed = system.spawn(source(stuck, 1'000, sent));
  (void)system->send(slowed, Done{});
  EXPECT_TRUE(eventually([&] { return blocked.load(); }));
  const Pid other = system.spawn(props_of([](Context& context) {
    if (context.message<Number>()) context.respond(Done{});
  }));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(system->ask(other, Number{i}, kPatience).outcome, Answer::Outcome::answered);
  }
  EXPECT_LT(slowed.cell()->processed_count(), 100u);
  gate.open();
  EXPECT_TRUE(eventually([&] { return stuck.cell()->processed_count() == 1'000; }));
}

TEST(SlowSender, GoesOnWhenTheFullActorEnds) {
  TestSystem system({.worker_count = 2});
  Gate gate;
  const Pid stuck =
      system.spawn(bounded(4, MailboxOverflow::slow_sender, props_of([&](Context& context) {
                             if (context.message<Number>()) (void)gate.wait();
                           })));
  const Pid slowed = system.spawn(source(stuck, 1'000));
  (void)system->send(slowed, Done{});
  EXPECT_TRUE(eventually([&] { return slowed.cell()->processed_count() >= 1; }));
  system->stop(stuck);
  gate.open();
  EXPECT_TRUE(eventually([&] { return slowed.cell()->processed_count() == 100; }));
  expect_conservation(*system);
}

// Each sends two for each it gets, so that all mailboxes are full for ever; then all must still get to their messages.
TEST(SlowSender, ActorsThatSlowEachOtherGoOn) {
  for (const std::size_t ring_size : {2u, 3u, 5u}) {
    TestSystem system({.worker_count = 2});
    std::vector<Pid> ring(ring_size);
    for (std::size_t i = 0; i < ring_size; ++i) {
      ring[i] = system.spawn(
          bounded(4, MailboxOverflow::slow_sender, props_of([&ring, i](Context& context) {
                    if (context.message<Number>() == nullptr) return;
                    for (int n = 0; n < 2; ++n)
                      context.send(ring[(i + 1) % ring.size()], Number{n});
                  })));
    }
    for (int n = 0; n < 3; ++n) {
      for (const Pid& actor : ring) (void)system->send(actor, Number{n});
    }
    for (const Pid& actor : ring) {
      const std::uint64_t before = actor.cell()->processed_count();
      EXPECT_TRUE(eventually([&] { return actor.cell()->processed_count() >= before + 2; }));
      EXPECT_LE(actor.cell()->mailbox_count(), Mailbox::beyond(4) + Mailbox::kCountLag);
    }
    EXPECT_TRUE(system->shutdown(kPatience));
  }
}

class EachPolicy : public testing::TestWithParam<MailboxOverflow> {};
INSTANTIATE_TEST_SUITE_P(Policies, EachPolicy,
                         testing::Values(MailboxOverflow::reject, MailboxOverflow::drop_newest,
                                         MailboxOverflow::drop_oldest,
                                         MailboxOverflow::slow_sender));

TEST_P(EachPolicy, UnderAFloodOrderMemoryAndConservationHold) {
  constexpr std::uint32_t kMax = 100;
  constexpr std::uint32_t kEach = 20'000;
  constexpr std::uint32_t kSenders = 4;
  TestSystem system({.worker_count = 2});
  std::vector<std::int64_t> last(kSenders, -1);
  const Pid target = system.spawn(bounded(kMax, GetParam(), props_of([&](Context& context) {
                                            const auto* item = context.message<test::Numbered>();
                                            if (item == nullptr) return;
                                            EXPECT_LT(last[item->sender], item->number);
                                            last[item->sender] = item->number;
                                          })));
  std::atomic<bool> over{false};
  std::uint32_t most = 0;
  for (std::uint32_t sender = 2; sender < kSenders; ++sender) {
    (void)system->send(
        system.spawn(props_of([=, sent = std::make_shared<std::uint32_t>(0)](Context& context) {
          if (context.message<Done>() == nullptr) return;
          for (int i = 0; i < 50 && *sent < kEach; ++i) {
            context.send(target, test::Numbered{sender, (*sent)++});
          }
          if (*sent < kEach) context.send(context.self(), Done{});
        })),
        Done{});
  }
  std::vector<std::thread> threads;
  for (std::uint32_t sender = 0; sender < 2; ++sender) {
    threads.emplace_back([&, sender] {
      for (std::uint32_t i = 0; i < kEach; ++i) {
        (void)system->send(target, test::Numbered{sender, i});
      }
    });
  }
  std::thread watcher([&] {
    while (!over.load()) most = std::max(most, target.cell()->mailbox_count());
  });
  for (std::thread& thread : threads) thread.join();
  expect_conservation(*system);
  over.store(true);
  watcher.join();
  const bool grows = GetParam() >= MailboxOverflow::drop_oldest;
  // Each sender may have a place reserved that it is about to give back.
  EXPECT_LE(most, (grows ? Mailbox::beyond(kMax) : kMax) + Mailbox::kCountLag + kSenders);
  // System messages get through, however full it is.
  system->stop(target);
  system.await_gone(target);
}

}  // namespace
}  // namespace nexus::core
