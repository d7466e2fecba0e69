#include "core/actor/context.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::kPatience;
using test::Number;
using test::Queue;
using test::TestSystem;

TEST(TakeMessage, GivesTheVeryMessageWithSenderAndHeaders) {
  Queue<EnvelopePtr> taken;
  TestSystem system;
  const Pid actor = system.spawn(props_of([&](Context& context) {
    if (context.message<Number>() != nullptr) taken.push(context.take_message());
  }));
  EnvelopePtr sent = make_envelope(Number{7});
  sent->set_sender(Pid::of_name("node:1", "asker"));
  sent->set_headers({{"key", "value"}});
  const void* message = sent->message();
  EXPECT_EQ(system->registry().send_user(actor, std::move(sent)), Delivered::mailbox);
  const auto got = taken.pop();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ((*got)->message(), message);
  EXPECT_EQ((*got)->sender(), Pid::of_name("node:1", "asker"));
  EXPECT_EQ((*got)->headers(), (Headers{{"key", "value"}}));
  EXPECT_TRUE(is_conserved(system));
}

TEST(Refuse, EndsTheMessageAsUnreadableAndTellsTheAsker) {
  TestSystem system;
  const Pid actor = system.spawn(props_of([](Context& context) {
    if (context.message<Number>() != nullptr) context.refuse();
  }));
  const Answer answer = system->ask(actor, Number{7}, kPatience);
  EXPECT_EQ(answer.outcome, Answer::Outcome::bad_payload);
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::unreadable), 1u);
  EXPECT_TRUE(is_conserved(system));
}

}  // namespace
}  // namespace nexus::core
