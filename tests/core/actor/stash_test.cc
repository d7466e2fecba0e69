#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Diary;
using test::expect_next;
using test::is_conserved;
using test::new_diary;
using test::Number;
using test::TestSystem;

struct Open {};

// Stashes numbers while it is closed, and notes those that it gets while it is open.
class Gatekeeper final : public Actor {
 public:
  explicit Gatekeeper(std::shared_ptr<Diary> diary) : diary_(std::move(diary)) {}

  void receive(Context& context) override {
    if (const auto* number = context.message<Number>()) {
      if (open_) return diary_->push("number " + std::to_string(number->value));
      const int value = number->value;
      if (context.stash() == MessageHandles::Stash::full)
        diary_->push("full " + std::to_string(value));
    } else if (context.message<Open>() != nullptr) {
      open_ = true;
      context.unstash_all();
    } else if (context.message<test::Done>() != nullptr) {
      diary_->push("done " + std::to_string(context.stash_count()));
    } else if (context.message<test::Fail>() != nullptr) {
      throw std::runtime_error("boom");
    }
  }

 private:
  const std::shared_ptr<Diary> diary_;
  bool open_ = false;
};

class Stash : public testing::Test {
 protected:
  Pid spawn(std::uint32_t count_max = 100) {
    Props props = core::props<Gatekeeper>(diary_);
    props.stash_count_max = count_max;
    return system_.spawn(std::move(props));
  }
  void tell(const Pid& actor, int value) { (void)system_->send(actor, Number{value}); }

  std::shared_ptr<Diary> diary_ = new_diary();
  TestSystem system_;
};

TEST_F(Stash, U1_WhatWasPutAsideComesBackInOrderBeforeWhatWaits) {
  const Pid actor = spawn();
  for (int i = 1; i <= 3; ++i) tell(actor, i);
  (void)system_->send(actor, Open{});
  tell(actor, 4);
  (void)system_->send(actor, test::Done{});
  expect_next(*diary_, {"number 1", "number 2", "number 3", "number 4", "done 0"});
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(Stash, U1_StashingAgainWhileUnstashingIsSafe) {
  const Pid actor = system_.spawn(props_of([diary = diary_, level = 0](Context& context) mutable {
    if (const auto* number = context.message<Number>()) {
      if (number->value <= level) return diary->push("number " + std::to_string(number->value));
      EXPECT_EQ(context.stash(), MessageHandles::Stash::stashed);
    } else if (context.message<Open>() != nullptr) {
      ++level;
      diary->push("open " + std::to_string(context.stash_count()));
      context.unstash_all();
    }
  }));
  for (int i = 1; i <= 3; ++i) tell(actor, i);
  for (int i = 1; i <= 3; ++i) (void)system_->send(actor, Open{});
  expect_next(*diary_, {"open 3", "number 1", "open 2", "number 2", "open 1", "number 3"});
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(Stash, KeepsSenderAndHeaders) {
  auto senders = std::make_shared<test::Queue<std::string>>();
  const Pid actor = system_.spawn(props_of([=, first = true](Context& context) mutable {
    if (context.message<Number>() == nullptr) return;
    if (std::exchange(first, false)) {
      EXPECT_EQ(context.stash(), MessageHandles::Stash::stashed);
      context.unstash_all();
      return;
    }
    senders->push(context.sender().to_string() + " " + context.headers().at(0).second);
  }));
  EnvelopePtr sent = make_envelope(Number{7});
  sent->set_sender(Pid::of_name("node:1", "asker"));
  sent->set_headers({{"key", "value"}});
  (void)system_->registry().send_user(actor, std::move(sent));
  EXPECT_EQ(senders->pop(), "node:1/asker value");
}

TEST_F(Stash, U2_AFullStashLeavesTheMessageToTheActor) {
  const Pid actor = spawn(2);
  for (int i = 1; i <= 3; ++i) tell(actor, i);
  (void)system_->send(actor, Open{});
  (void)system_->send(actor, test::Done{});
  expect_next(*diary_, {"full 3", "number 1", "number 2", "done 0"});
}

TEST_F(Stash, U3_WhatIsLeftWhenTheActorStopsEndsAsDeadLetters) {
  const Pid actor = spawn();
  for (int i = 1; i <= 3; ++i) tell(actor, i);
  (void)system_->send(actor, test::Done{});
  expect_next(*diary_, {"done 3"});
  const std::uint64_t before = system_->dead_letters().count(DeadLetterReason::stopped);
  system_.stop(actor);
  EXPECT_TRUE(test::eventually(
      [&] { return system_->dead_letters().count(DeadLetterReason::stopped) == before + 3; }));
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(Stash, ComesBackAfterARestart) {
  const Pid actor = spawn();
  for (int i = 1; i <= 2; ++i) tell(actor, i);
  (void)system_->send(actor, test::Fail{});
  (void)system_->send(actor, Open{});
  // The new object is closed when they come back, and stashes them again.
  (void)system_->send(actor, test::Done{});
  expect_next(*diary_, {"number 1", "number 2", "done 0"});
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(Stash, IsNotDroppedByAMailboxThatDropsItsOldest) {
  Props props = core::props<Gatekeeper>(diary_);
  props.mailbox_user_count_max = 3;
  props.mailbox_overflow = MailboxOverflow::drop_oldest;
  const Pid actor = system_.spawn(std::move(props));
  for (int i = 0; i < 10; ++i) {
    tell(actor, i);
    system_->ask(actor, Touch{}, test::kPatience);
  }
  (void)system_->send(actor, Open{});
  for (int i = 0; i < 10; ++i) expect_next(*diary_, {"number " + std::to_string(i)});
  EXPECT_TRUE(is_conserved(system_));
}

TEST_F(Stash, TakesNoPartInTheLimitOfTheMailbox) {
  Props props = core::props<Gatekeeper>(diary_);
  props.mailbox_user_count_max = 4;
  const Pid actor = system_.spawn(std::move(props));
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 2; ++i) tell(actor, i);
    system_->ask(actor, Touch{}, test::kPatience);
  }
  (void)system_->send(actor, Open{});
  (void)system_->send(actor, test::Done{});
  for (int i = 0; i < 10; ++i) expect_next(*diary_, {"number " + std::to_string(i % 2)});
  expect_next(*diary_, {"done 0"});
  EXPECT_TRUE(is_conserved(system_));
}

}  // namespace
}  // namespace nexus::core
