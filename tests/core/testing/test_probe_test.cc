#include "core/testing/test_probe.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Done;
using test::eventually;
using test::kPatience;
using test::Number;
using test::TestSystem;

constexpr Duration kSoon = std::chrono::milliseconds(1);

// The text of the ExpectationFailed that `expectation` throws.
template <typename Expectation>
std::string failure_of_expecting(Expectation expectation) {
  try {
    expectation();
  } catch (const ExpectationFailed& failed) {
    return failed.what();
  }
  return "nothing was thrown";
}

Props echo() {
  return props_of([](Context& context) {
    if (const auto* number = context.message<Number>()) context.respond(Number{number->value});
  });
}

TEST(TestProbe, O1_MessagesComeOutInOrder) {
  TestSystem system;
  TestProbe probe(*system);
  for (int i = 0; i < 3; ++i) (void)system->send(probe.pid(), Number{i});
  (void)system->send(probe.pid(), std::make_unique<int>(7));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(probe.expect_message<Number>().value, i);
  EXPECT_EQ(*probe.expect_message<std::unique_ptr<int>>(), 7);
}

TEST(TestProbe, ExpectationsWaitForMessagesOfOtherThreads) {
  TestSystem system;
  TestProbe probe(*system);
  std::thread sender([&] { (void)system->send(probe.pid(), Number{1}); });
  EXPECT_EQ(probe.expect_message<Number>().value, 1);
  sender.join();
}

TEST(TestProbe, AsksAndIsAnswered) {
  TestSystem system;
  TestProbe probe(*system);
  const Pid actor = system.spawn(echo());
  probe.request(actor, Number{5});
  EXPECT_EQ(probe.expect_message<Number>().value, 5);
  EXPECT_TRUE(probe.last_sender().empty());
  probe.send(actor, Number{6});
  EXPECT_TRUE(
      eventually([&] { return system->dead_letters().count(DeadLetterReason::no_sender) == 1; }));
}

TEST(TestProbe, RepliesToTheLastSender) {
  TestSystem system;
  TestProbe probe(*system);
  TestProbe other(*system);
  other.request(probe.pid(), Number{1});
  (void)probe.expect_any();
  EXPECT_EQ(probe.last_sender(), other.pid());
  probe.reply(Number{2});
  EXPECT_EQ(other.expect_message<Number>().value, 2);

  std::thread player([&] {
    (void)probe.expect_message<Done>();
    probe.reply(Number{3});
  });
  const Answer answer = system->ask(probe.pid(), Done{}, kPatience);
  player.join();
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_EQ(answer.message->get<Number>()->value, 3);
}

TEST(TestProbe, ShowsHeaders) {
  TestSystem system;
  TestProbe probe(*system);
  EnvelopePtr envelope = make_envelope(Number{1});
  envelope->set_headers({{"key", "value"}});
  (void)system->registry().send_user(probe.pid(), std::move(envelope));
  (void)probe.expect_any();
  EXPECT_EQ(probe.last_headers(), (Headers{{"key", "value"}}));
}

TEST(TestProbe, O3_SaysWhatCameInstead) {
  TestSystem system;
  TestProbe probe(*system);
  TestProbe other(*system, {.name = "other"});
  other.request(probe.pid(), Done{});
  EXPECT_EQ(failure_of_expecting([&] { (void)probe.expect_message<Number>(); }),
            "expected nexus::test::Number, but nexus::test::Done from nonhost/other came");
  EXPECT_EQ(failure_of_expecting([&] { (void)probe.expect_message<Number>(kSoon); }),
            "expected nexus::test::Number, but nothing came within 1 ms");
}

TEST(TestProbe, O2_AnExpectationTakesAMessageThatDoesNotFit) {
  TestSystem system;
  TestProbe probe(*system);
  (void)system->send(probe.pid(), Done{});
  (void)system->send(probe.pid(), Number{1});
  EXPECT_THROW((void)probe.expect_message<Number>(), ExpectationFailed);
  EXPECT_EQ(probe.expect_message<Number>().value, 1);
}

TEST(TestProbe, FishesForAMessage) {
  TestSystem system;
  TestProbe probe(*system);
  for (int i = 0; i < 5; ++i) {
    (void)system->send(probe.pid(), Done{});
    (void)system->send(probe.pid(), Number{i});
  }
  EXPECT_EQ(probe.fish_for_message<Number>().value, 0);
  EXPECT_EQ(probe.fish_for_message<Number>([](const Number& n) { return n.value > 2; }).value, 3);
  const std::string failure = failure_of_expecting([&] {
    (void)probe.fish_for_message<Number>([](const Number& n) { return n.value > 4; },
                                         std::chrono::milliseconds(20));
  });
  EXPECT_NE(failure.find("a certain nexus::test::Number after 2 other messages"), std::string::npos)
      << failure;
}

TEST(TestProbe, ExpectsSilence) {
  TestSystem system;
  TestProbe probe(*system);
  probe.expect_no_message(kSoon);
  (void)system->send(probe.pid(), Done{});
  EXPECT_EQ(failure_of_expecting([&] { probe.expect_no_message(kPatience); }),
            "expected no message, but nexus::test::Done came");
}

TEST(TestProbe, SeesTheEndOfWhatItWatches) {
  TestSystem system;
  TestProbe probe(*system);
  const Pid actor = system.spawn(echo());
  const Pid unwatched = system.spawn(echo());
  probe.watch(actor);
  probe.watch(unwatched);
  probe.unwatch(unwatched);
  system.stop(unwatched);
  system->stop(actor);
  EXPECT_EQ(probe.expect_terminated(actor).why, TerminatedReason::stopped);
  probe.watch(actor);
  EXPECT_EQ(probe.expect_terminated(actor).why, TerminatedReason::not_found);
}

TEST(TestProbe, SaysWhoseEndCameInstead) {
  TestSystem system;
  TestProbe probe(*system);
  const Pid one = system.spawn_named(echo(), "one");
  const Pid two = system.spawn_named(echo(), "two");
  probe.watch(one);
  system->stop(one);
  const std::string failure = failure_of_expecting([&] { (void)probe.expect_terminated(two); });
  EXPECT_NE(failure.find("expected the end of nonhost/two, but that of"), std::string::npos)
      << failure;
}

TEST(TestProbe, DoesThingsInATurnOfItsOwn) {
  TestSystem system;
  TestProbe probe(*system, {.name = "parent"});
  Pid child;
  probe.in_turn([&](Context& context) { child = *context.spawn(echo()); });
  system->stop(child);
  (void)probe.expect_terminated(child);
  EXPECT_EQ(failure_of_expecting(
                [&] { probe.in_turn([](Context&) { throw std::runtime_error("ow"); }); }),
            "in the probe's turn: ow");
}

TEST(TestProbe, O4_OneMessageTooManyIsDroppedAndTold) {
  TestSystem system;
  TestProbe probe(*system, {.message_count_max = 2});
  for (int i = 0; i < 3; ++i) (void)system->send(probe.pid(), Number{i});
  probe.in_turn([](Context&) {});
  EXPECT_EQ(failure_of_expecting([&] { (void)probe.expect_any(); }),
            "messages were dropped, because 2 waited already");
  EXPECT_EQ(probe.expect_message<Number>().value, 0);
  EXPECT_EQ(probe.expect_message<Number>().value, 1);
}

TEST(TestProbe, StopsItsActorWhenItDies) {
  TestSystem system;
  Pid pid;
  {
    TestProbe probe(*system, {.name = "brief"});
    pid = probe.pid();
    EXPECT_THROW(TestProbe(*system, {.name = "brief"}), ExpectationFailed);
  }
  system.await_gone(pid);
}

TEST(TestProbe, WaitsInVainForATurnOfAnActorThatHasStopped) {
  TestSystem system;
  TestProbe probe(*system, {.patience = kSoon});
  system.stop(probe.pid());
  EXPECT_EQ(failure_of_expecting([&] { probe.in_turn([](Context&) {}); }),
            "the probe did not get to its turn within 1 ms");
}

}  // namespace
}  // namespace nexus::core
