#include "core/mailbox/mailbox.h"

#include <gtest/gtest.h>

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

struct Item {
  std::uint32_t sender;
  std::uint32_t number;
};

bool push(Mailbox& mailbox, std::uint32_t number) {
  EnvelopePtr envelope = make_envelope(Item{0, number});
  const bool queued = mailbox.push_user(envelope) == Mailbox::Push::queued;
  // On `full` the envelope stays with the caller.
  EXPECT_EQ(envelope == nullptr, queued);
  return queued;
}

TEST(Mailbox, M3_HoldsExactlyItsLimit) {
  Mailbox mailbox;
  mailbox.set_user_count_max(3);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(push(mailbox, i));
  EXPECT_FALSE(push(mailbox, 3));
  EXPECT_EQ(mailbox.user_count_approx(), 3u);
  (void)mailbox.take_user();
  EXPECT_FALSE(push(mailbox, 3));
  mailbox.release_user(2);
  EXPECT_TRUE(push(mailbox, 3));
  EXPECT_TRUE(push(mailbox, 4));
  EXPECT_FALSE(push(mailbox, 5));
}

TEST(Mailbox, M3_ExemptEnvelopesAreNeverTurnedAway) {
  Mailbox mailbox;
  mailbox.set_user_count_max(1);
  EXPECT_TRUE(push(mailbox, 0));
  mailbox.push_exempt(make_envelope(Item{0, 1}));
  EnvelopeList list = mailbox.take_user();
  for (std::uint32_t i = 0; i < 2; ++i) EXPECT_EQ(list.pop_front()->get<Item>()->number, i);
}

TEST(Mailbox, M3_SmallMailboxesGiveEachPlaceBackAtOnce) {
  Mailbox mailbox;
  for (const auto& [limit, batch] :
       {std::pair{1u, 1u}, {31u, 1u}, {160u, 10u}, {1'000'000u, 64u}}) {
    mailbox.set_user_count_max(limit);
    EXPECT_EQ(mailbox.release_batch(), batch);
  }
}

TEST(Mailbox, M3_NeverHoldsMoreThanItsLimitUnderContention) {
  Mailbox mailbox;
  mailbox.set_user_count_max(100);
  std::atomic<std::uint32_t> queued{0};
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t) {
    senders.emplace_back([&] {
      for (std::uint32_t i = 0; i < 1'000; ++i) queued += push(mailbox, i) ? 1 : 0;
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(queued.load(), 100u);
  EXPECT_EQ(mailbox.user_count_approx(), 100u);
}

TEST(Mailbox, M1_TheSystemLaneIsTakenOnItsOwn) {
  Mailbox mailbox;
  mailbox.set_user_count_max(10);
  EXPECT_TRUE(push(mailbox, 0));
  EXPECT_FALSE(mailbox.has_system());
  mailbox.push_system(make_envelope(Stop{}));
  EXPECT_TRUE(mailbox.has_system());
  EXPECT_TRUE(mailbox.take_system().pop_front()->is<Stop>());
  EXPECT_FALSE(mailbox.has_system());
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
