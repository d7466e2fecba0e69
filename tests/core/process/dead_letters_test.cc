#include "core/process/dead_letters.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/testing/manual_clock.h"
#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Diary;
using test::Done;
using test::expect_next;
using test::Number;
using test::Queue;
using test::steered;
using test::TestSystem;

TEST(DeadLetters, AreCountedByReason) {
  TestSystem system;
  EXPECT_EQ(system->send(Pid{}, Number{1}), Delivered::dead_letter);
  EXPECT_EQ(system->send(Pid::of_name(system->address(), "nobody"), Number{1}),
            Delivered::dead_letter);
  EXPECT_EQ(system->send(Pid::of_name("far:1", "x"), Number{1}), Delivered::dead_letter);
  const Pid stopped = system.spawn(steered(std::make_shared<Diary>()));
  system.stop(stopped);
  EXPECT_EQ(system->send(stopped, Number{1}), Delivered::dead_letter);
  const DeadLetters& letters = system->dead_letters();
  EXPECT_EQ(letters.count(DeadLetterReason::no_such_actor), 2u);
  EXPECT_EQ(letters.count(DeadLetterReason::no_route), 1u);
  EXPECT_EQ(letters.count(DeadLetterReason::stopped), 1u);
  EXPECT_EQ(letters.door_count(), 4u);
  EXPECT_EQ(letters.link_count(), 0u);
}

TEST(DeadLetters, ArePublishedWithTargetSenderAndMessage) {
  Queue<DeadLetter> seen;
  TestSystem system;
  const auto subscription =
      system->events().subscribe<DeadLetter>([&](const DeadLetter& letter) { seen.push(letter); });
  auto diary = std::make_shared<Diary>();
  const Pid sender = system.spawn_named(steered(diary), "sender");
  const Pid nobody = Pid::of_name(system->address(), "nobody");
  system.in_turn(sender, [&](Context& context) { context.request(nobody, Number{1}); });
  const auto letter = seen.pop();
  ASSERT_TRUE(letter.has_value());
  EXPECT_EQ(letter->target, nobody);
  EXPECT_EQ(letter->sender, sender);
  EXPECT_EQ(letter->message_name, "nexus::test::Number");
  EXPECT_EQ(letter->reason, DeadLetterReason::no_such_actor);
  expect_next(*diary, {"started", "dead_letter_response"});
}

TEST(DeadLetters, ReportsAboutDeadLettersMakeNoMore) {
  Queue<DeadLetter> seen;
  TestSystem system;
  const auto subscription =
      system->events().subscribe<DeadLetter>([&](const DeadLetter& letter) { seen.push(letter); });
  const Pid stopped = system.spawn(steered(std::make_shared<Diary>()));
  system.stop(stopped);
  EnvelopePtr envelope = make_envelope(Number{1});
  envelope->set_sender(stopped);
  EXPECT_EQ(system->registry().send_user(stopped, std::move(envelope)), Delivered::dead_letter);
  // The message and the response to its dead sender; only the first is news.
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::stopped), 2u);
  EXPECT_EQ(seen.size(), 1u);
}

TEST(DeadLetters, SystemMessagesAreNotCounted) {
  TestSystem system;
  const Pid stopped = system.spawn(steered(std::make_shared<Diary>()));
  system.stop(stopped);
  system->stop(stopped);
  EXPECT_EQ(system->dead_letters().door_count(), 0u);
}

TEST(DeadLetters, EachReasonHasAName) {
  for (std::size_t i = 0; i < kDeadLetterReasonCount; ++i) {
    EXPECT_FALSE(to_string(static_cast<DeadLetterReason>(i)).empty()) << i;
  }
  EXPECT_EQ(to_string(DeadLetterReason::no_such_actor), "no_such_actor");
  EXPECT_EQ(to_string(DeadLetterReason::not_remotable), "not_remotable");
}

TEST(DeadLetters, TheLogIsThrottledAndSaysWhatItLeftOut) {
  std::vector<std::string> lines;
  const Log log({}, [&](std::string_view line) { lines.emplace_back(line.substr(25)); });
  ManualClock clock;
  EventStream events;
  TestSystem system;
  DeadLetters letters({.logged_count_max = 2, .log_window = std::chrono::seconds(1)}, *system,
                      events, clock, log);
  const auto lose = [&] {
    letters.take(Pid::of_name("n1:1", "x"), make_envelope(Number{1}), Lane::user,
                 DeadLetterReason::stopped);
  };
  for (int i = 0; i < 5; ++i) lose();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("dead letter reason=stopped target=n1:1/x"), std::string::npos)
      << lines[0];
  clock.advance(std::chrono::milliseconds(999));
  lose();
  EXPECT_EQ(lines.size(), 2u);
  clock.advance(std::chrono::milliseconds(1));
  lose();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[2].find("dead letters not logged count=4"), std::string::npos) << lines[2];
  EXPECT_EQ(letters.count(DeadLetterReason::stopped), 7u);
}

}  // namespace
}  // namespace nexus::core
