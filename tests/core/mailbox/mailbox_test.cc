#include "core/mailbox/mailbox.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Diary;
using test::Do;
using test::eventually;
using test::expect_next;
using test::Gate;
using test::Number;
using test::steered;
using test::TestSystem;

constexpr OwnerId kMe = 1;

struct Item {
  std::uint32_t sender;
  std::uint32_t number;
};

EnvelopePtr item(std::uint32_t sender, std::uint32_t number) {
  return make_envelope(Item{sender, number});
}

// A mailbox of an idle actor.
struct Idle {
  explicit Idle(std::uint32_t user_count_max = 1000) {
    mailbox.start_life(kMe, user_count_max);
    EXPECT_TRUE(mailbox.try_release(kMe));
  }
  ~Idle() {
    mailbox.die([](EnvelopePtr, Lane) {});
  }
  // As a thread that does not own the mailbox; false when it is full.
  bool push(std::uint32_t number) {
    if (!mailbox.reserve_place()) return false;
    EnvelopePtr envelope = item(0, number);
    EXPECT_NE(mailbox.push(envelope, Lane::user), Mailbox::Push::dead);
    EXPECT_EQ(envelope, nullptr);
    return true;
  }
  void take_over() {
    EXPECT_EQ(mailbox.owner(), kQueued);
    mailbox.adopt(kMe);
    mailbox.take_pushed(kMe);
  }
  std::vector<std::uint32_t> pop_all() {
    std::vector<std::uint32_t> numbers;
    while (EnvelopePtr envelope = mailbox.pop_user()) {
      numbers.push_back(envelope->get<Item>()->number);
    }
    return numbers;
  }

  Mailbox mailbox;
};

using Numbers = std::vector<std::uint32_t>;

TEST(Mailbox, M1_WhoFindsItIdleMustRunIt) {
  Idle idle;
  EnvelopePtr first = item(0, 1);
  EXPECT_EQ(idle.mailbox.push(first, Lane::user), Mailbox::Push::enqueue);
  EnvelopePtr second = item(0, 2);
  EXPECT_EQ(idle.mailbox.push(second, Lane::user), Mailbox::Push::pushed);
  // Queued for all, so no worker may take it for itself.
  EXPECT_EQ(idle.mailbox.claim(kMe), Mailbox::Claim::refused);
  idle.take_over();
  EXPECT_EQ(idle.mailbox.claim(kMe), Mailbox::Claim::own);
  EXPECT_EQ(idle.mailbox.claim(kMe + 1), Mailbox::Claim::refused);
  EXPECT_EQ(idle.pop_all(), (Numbers{1, 2}));
  EXPECT_TRUE(idle.mailbox.try_release(kMe));
  EXPECT_EQ(idle.mailbox.claim(kMe + 1), Mailbox::Claim::claimed);
  EXPECT_TRUE(idle.mailbox.try_release(kMe + 1));
}

TEST(Mailbox, M2_TheSystemLaneIsSeenFirst) {
  Idle idle;
  EXPECT_TRUE(idle.push(1));
  EXPECT_FALSE(idle.mailbox.has_pushed_system());
  EnvelopePtr system = item(0, 2);
  EXPECT_EQ(idle.mailbox.push(system, Lane::system), Mailbox::Push::pushed);
  EXPECT_TRUE(idle.push(3));
  EXPECT_TRUE(idle.mailbox.has_pushed_system());
  idle.take_over();
  EXPECT_FALSE(idle.mailbox.has_pushed_system());
  ASSERT_TRUE(idle.mailbox.has_system());
  EXPECT_EQ(idle.mailbox.pop_system()->get<Item>()->number, 2u);
  EXPECT_FALSE(idle.mailbox.has_system());
  EXPECT_EQ(idle.pop_all(), (Numbers{1, 3}));
}

TEST(Mailbox, M3_WhatOthersPushedComesBeforeWhatTheOwnerAppendsLater) {
  Idle idle;
  EXPECT_EQ(idle.mailbox.claim(kMe), Mailbox::Claim::claimed);
  idle.mailbox.append_user(item(0, 1));
  EXPECT_TRUE(idle.push(2));
  EXPECT_TRUE(idle.push(3));
  EXPECT_EQ(idle.mailbox.claim(kMe), Mailbox::Claim::own);
  idle.mailbox.append_user(item(0, 4));
  EXPECT_TRUE(idle.push(5));
  EXPECT_EQ(idle.pop_all(), (Numbers{1, 2, 3, 4}));
  idle.mailbox.take_pushed(kMe);
  EXPECT_EQ(idle.pop_all(), (Numbers{5}));
}

TEST(Mailbox, M4_HoldsItsLimit) {
  Idle idle(3);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(idle.push(i));
  EXPECT_FALSE(idle.push(3));
  EXPECT_EQ(idle.mailbox.user_count_approx(), 3u);
  idle.take_over();
  EXPECT_FALSE(idle.mailbox.has_room());
  EXPECT_FALSE(idle.push(3));
  for (int i = 0; i < 2; ++i) EXPECT_NE(idle.mailbox.pop_user(), nullptr);
  EXPECT_TRUE(idle.mailbox.has_room());
  idle.mailbox.append_user(item(0, 4));
  idle.mailbox.publish_counts();
  EXPECT_TRUE(idle.push(5));
  EXPECT_FALSE(idle.push(6));
  EXPECT_FALSE(idle.mailbox.has_room());
}

TEST(Mailbox, M4_ExemptEnvelopesAreNeverTurnedAway) {
  Idle idle(1);
  EXPECT_TRUE(idle.push(0));
  idle.mailbox.reserve_exempt_place();
  EnvelopePtr exempt = item(0, 1);
  EXPECT_EQ(idle.mailbox.push(exempt, Lane::user), Mailbox::Push::pushed);
  idle.take_over();
  EXPECT_EQ(idle.pop_all(), (Numbers{0, 1}));
  idle.mailbox.publish_counts();
  EXPECT_EQ(idle.mailbox.user_count_approx(), 0u);
}

TEST(Mailbox, M4_LargeMailboxesGivePlacesBackInBatches) {
  constexpr std::uint32_t kMax = 16 * Mailbox::kCountLag;
  Idle idle(kMax);
  for (std::uint32_t i = 0; i < kMax; ++i) EXPECT_TRUE(idle.push(i));
  idle.take_over();
  for (std::uint32_t i = 0; i + 1 < Mailbox::kCountLag; ++i) {
    EXPECT_NE(idle.mailbox.pop_user(), nullptr);
    EXPECT_FALSE(idle.mailbox.reserve_place());
  }
  EXPECT_NE(idle.mailbox.pop_user(), nullptr);
  EXPECT_EQ(idle.mailbox.user_count_approx(), kMax - Mailbox::kCountLag);
}

TEST(Mailbox, M4_OthersGetThePlacesThatTheOwnerHasGivenBackInItsTurn) {
  for (const std::uint32_t max : {1u, 10u, 20u, 100u, 200u, 16 * Mailbox::kCountLag}) {
    Idle idle(max);
    ASSERT_EQ(idle.mailbox.claim(kMe), Mailbox::Claim::claimed);
    for (std::uint32_t i = 0; i < max; ++i) {
      ASSERT_TRUE(idle.mailbox.has_room());
      idle.mailbox.append_user(item(0, i));
    }
    idle.mailbox.publish_counts();
    EXPECT_FALSE(idle.mailbox.reserve_place());
    EXPECT_EQ(idle.pop_all().size(), max);
    std::uint32_t reserved = 0;
    while (idle.mailbox.reserve_place()) ++reserved;
    EXPECT_GE(reserved, max - max / 16) << "of " << max;
    EXPECT_LE(reserved, max);
    idle.mailbox.give_back_places(reserved);
  }
}

TEST(Mailbox, M4_NeverHoldsMoreThanItsLimitUnderContention) {
  Idle idle(100);
  std::atomic<std::uint32_t> queued{0};
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t) {
    senders.emplace_back([&] {
      for (std::uint32_t i = 0; i < 1'000; ++i) queued += idle.push(i) ? 1 : 0;
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(queued.load(), 100u);
  EXPECT_EQ(idle.mailbox.user_count_approx(), 100u);
}

TEST(Mailbox, M5_IsNotReleasedWhileSomethingWaits) {
  Idle idle;
  EXPECT_EQ(idle.mailbox.claim(kMe), Mailbox::Claim::claimed);
  EXPECT_TRUE(idle.push(1));
  EXPECT_FALSE(idle.mailbox.try_release(kMe));
  idle.mailbox.take_pushed(kMe);
  EXPECT_EQ(idle.pop_all(), Numbers{1});
  EXPECT_TRUE(idle.mailbox.try_release(kMe));
}

TEST(Mailbox, WhatIsLaidAsideComesBackInFront) {
  Idle idle;
  EXPECT_EQ(idle.mailbox.claim(kMe), Mailbox::Claim::claimed);
  EnvelopeList aside;
  for (std::uint32_t i = 0; i < 4; ++i) {
    idle.mailbox.append_user(item(0, i));
    if (i < 3) idle.mailbox.lay_aside(aside);
  }
  idle.mailbox.put_back(std::move(aside));
  EXPECT_EQ(idle.pop_all(), (Numbers{0, 1, 2, 3}));
}

TEST(Mailbox, ADeadOneTurnsPushesAwayAndHandsOverWhatWaits) {
  Mailbox mailbox;
  EnvelopePtr envelope = item(0, 0);
  EXPECT_EQ(mailbox.push(envelope, Lane::user), Mailbox::Push::dead);
  ASSERT_NE(envelope, nullptr);
  mailbox.start_life(kMe, 10);
  mailbox.append_user(item(0, 1));
  ASSERT_TRUE(mailbox.reserve_place());
  EXPECT_EQ(mailbox.push(envelope, Lane::user), Mailbox::Push::pushed);
  mailbox.append_system(item(0, 2));
  std::vector<std::pair<std::uint32_t, Lane>> left;
  mailbox.die(
      [&](EnvelopePtr late, Lane lane) { left.emplace_back(late->get<Item>()->number, lane); });
  EXPECT_EQ(left, (std::vector<std::pair<std::uint32_t, Lane>>{
                      {2, Lane::system}, {1, Lane::user}, {0, Lane::user}}));
  EXPECT_EQ(mailbox.owner(), kDead);
  EXPECT_EQ(mailbox.claim(kMe), Mailbox::Claim::refused);
  EXPECT_EQ(mailbox.user_count_approx(), 0u);
}

// Threads that are workers, too: each sends to all mailboxes by the cheap way or the other, runs what it must run, now and
// then hands a mailbox out in the middle, and checks that it is alone and that every sender's messages come in order.
TEST(Mailbox, M1_M3_M5_UnderContention) {
  constexpr std::uint32_t kThreads = 4;
  constexpr std::uint32_t kMailboxes = 3;
  constexpr std::uint32_t kEach = 30'000;
  struct Box {
    Mailbox mailbox;
    // Plain, so that ThreadSanitizer sees a second owner.
    std::array<std::uint32_t, kThreads> next{};
    std::uint32_t handled = 0;
  };
  std::array<Box, kMailboxes> boxes;
  for (Box& box : boxes) {
    box.mailbox.start_life(kMe, kThreads * kEach);
    ASSERT_TRUE(box.mailbox.try_release(kMe));
  }
  std::atomic<std::uint32_t> out_of_order{0};
  const auto run = [&](Box& box, OwnerId self, bool hand_out) {
    for (;;) {
      if (box.mailbox.has_pushed()) box.mailbox.take_pushed(self);
      while (EnvelopePtr envelope = box.mailbox.pop_user()) {
        const Item item = *envelope->get<Item>();
        if (box.next[item.sender]++ != item.number) ++out_of_order;
        ++box.handled;
        if (hand_out && box.handled % 7 == 0) {
          box.mailbox.hand_out(self);
          box.mailbox.adopt(self);
        }
      }
      if (box.mailbox.try_release(self)) return;
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto self = static_cast<OwnerId>(t + 1);
      for (std::uint32_t i = 0; i < kEach; ++i) {
        for (Box& box : boxes) {
          EnvelopePtr envelope = item(t, i);
          if (box.mailbox.claim(self) == Mailbox::Claim::claimed) {
            box.mailbox.append_user(std::move(envelope));
            run(box, self, t == 0);
            continue;
          }
          ASSERT_TRUE(box.mailbox.reserve_place());
          if (box.mailbox.push(envelope, Lane::user) == Mailbox::Push::enqueue) {
            box.mailbox.adopt(self);
            run(box, self, t == 0);
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(out_of_order.load(), 0u);
  for (Box& box : boxes) {
    EXPECT_EQ(box.handled, kThreads * kEach);
    EXPECT_EQ(box.mailbox.owner(), kIdle);
    EXPECT_EQ(box.mailbox.claim(kMe), Mailbox::Claim::claimed);
    box.mailbox.publish_counts();
    EXPECT_EQ(box.mailbox.user_count_approx(), 0u);
  }
}

// The same rules through a running actor.

TEST(ActorMailbox, M2_MessagesOfOneSenderArriveInOrderUnderContention) {
  constexpr std::uint32_t kSenders = 4;
  constexpr std::uint32_t kEach = 30'000;
  std::atomic<std::uint32_t> handled{0};
  std::atomic<std::uint32_t> disordered{0};
  TestSystem system;
  const Pid actor = system.spawn(
      props_of([&, next = std::vector<std::uint32_t>(kSenders, 0)](Context& context) mutable {
        const auto* item = context.message<Item>();
        if (item == nullptr) return;
        if (item->number != next[item->sender]++) ++disordered;
        ++handled;
      }));
  std::vector<std::thread> senders;
  for (std::uint32_t s = 0; s < kSenders; ++s) {
    senders.emplace_back([&, s] {
      for (std::uint32_t i = 0; i < kEach; ++i) (void)system->send(actor, Item{s, i});
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_TRUE(eventually([&] { return handled.load() == kSenders * kEach; }));
  EXPECT_EQ(disordered.load(), 0u);
}

TEST(ActorMailbox, AFullOneMakesDeadLettersAndTellsTheSender) {
  Gate entered;
  Gate leave;
  TestSystem system;
  auto diary = std::make_shared<Diary>();
  Props props = steered(diary);
  props.mailbox_user_count_max = 4;
  const Pid actor = system.spawn(std::move(props));
  auto sender_diary = std::make_shared<Diary>();
  const Pid sender = system.spawn(steered(sender_diary));
  expect_next(*sender_diary, {"started"});
  (void)system->send(actor, Do{[&](Context&) {
                       entered.open();
                       EXPECT_TRUE(leave.wait());
                     }});
  ASSERT_TRUE(entered.wait());
  // The message in its turn takes no place.
  for (int i = 0; i < 4; ++i) EXPECT_EQ(system->send(actor, Number{i}), Delivered::mailbox);
  EXPECT_EQ(system->send(actor, Number{4}), Delivered::mailbox_full);
  system.in_turn(sender, [&](Context& context) { context.request(actor, Number{5}); });
  expect_next(*sender_diary, {"dead_letter_response"});
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::mailbox_full), 2u);
  leave.open();
  expect_next(*diary, {"started", "number 0", "number 1", "number 2", "number 3"});
  EXPECT_TRUE(eventually([&] { return actor.cell()->mailbox_count() == 0; }));
  EXPECT_EQ(system->send(actor, Number{6}), Delivered::mailbox);
  expect_next(*diary, {"number 6"});
}

TEST(ActorMailbox, ALimitOfOneIsEnoughToSendToOneself) {
  TestSystem system;
  auto diary = std::make_shared<Diary>();
  Props props = props_of([diary](Context& context) {
    const auto* number = context.message<Number>();
    if (number == nullptr) return;
    if (number->value == 1'000) return diary->push("done");
    context.send(context.self(), Number{number->value + 1});
  });
  props.mailbox_user_count_max = 1;
  const Pid actor = system.spawn(std::move(props));
  (void)system->send(actor, Number{0});
  expect_next(*diary, {"done"});
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::mailbox_full), 0u);
}

TEST(ActorMailbox, TerminatedPassesAFullOne) {
  Gate entered;
  Gate leave;
  TestSystem system;
  auto diary = std::make_shared<Diary>();
  Props props = steered(diary);
  props.mailbox_user_count_max = 1;
  const Pid watcher = system.spawn(std::move(props));
  const Pid target = system.spawn_named(props_of([](Context&) {}), "t");
  system.in_turn(watcher, [&](Context& context) { context.watch(target); });
  ASSERT_TRUE(eventually([&] { return target.cell()->watcher_count() == 1; }));
  (void)system->send(watcher, Do{[&](Context&) {
                       entered.open();
                       EXPECT_TRUE(leave.wait());
                     }});
  ASSERT_TRUE(entered.wait());
  EXPECT_EQ(system->send(watcher, Number{1}), Delivered::mailbox);
  EXPECT_EQ(system->send(watcher, Number{2}), Delivered::mailbox_full);
  system.stop(target);
  leave.open();
  expect_next(*diary, {"started", "number 1", "terminated t stopped"});
}

}  // namespace
}  // namespace nexus::core
