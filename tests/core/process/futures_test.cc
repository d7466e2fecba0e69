#include "core/process/futures.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::eventually;
using test::give_up_at;
using test::Number;
using test::Queue;
using test::TestSystem;
using Outcome = Answer::Outcome;

class Futures : public testing::Test {
 protected:
  FutureTable& table() { return system->futures(); }
  void deliver(const Pid& sender, EnvelopePtr envelope) {
    (void)system->registry().send_user(sender, std::move(envelope));
  }
  FutureTable::Completion note() {
    return [this](Answer answer) { seen.push(std::move(answer)); };
  }

  Queue<Answer> seen;
  TestSystem system;
};

TEST_F(Futures, F1_TheFirstAnswerCompletes) {
  const Pid sender = table().open(give_up_at(), note());
  ASSERT_NE(sender.request_id(), 0u);
  EXPECT_EQ(table().open_count(), 1u);
  deliver(sender, make_envelope(Number{1}));
  deliver(sender, make_envelope(Number{2}));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen.pop()->message->get<Number>()->value, 1);
  EXPECT_EQ(table().open_count(), 0u);
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::no_such_request), 1u);
}

TEST_F(Futures, F1_TheDeadlineCompletes) {
  const Instant deadline = SteadyClock().now() + std::chrono::milliseconds(5);
  const Pid sender = table().open(deadline, note());
  const auto answer = seen.pop();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->outcome, Outcome::deadline);
  EXPECT_GE(SteadyClock().now(), deadline);
  EXPECT_FALSE(table().cancel(sender));
}

TEST_F(Futures, F3_ShortRequestsBesideALongOneLeaveNoTimersBehind) {
  const SteadyClock clock;
  (void)table().open(clock.now() + std::chrono::hours(1), note());
  for (int i = 0; i < 20; ++i) {
    (void)table().open(clock.now() + std::chrono::milliseconds(1), note());
    EXPECT_EQ(seen.pop()->outcome, Outcome::deadline);
  }
  EXPECT_LE(system->timers().waiting_count(), 1u);
}

TEST_F(Futures, F1_CancelCompletesOnce) {
  const Pid sender = table().open(give_up_at(), note());
  EXPECT_TRUE(table().cancel(sender));
  EXPECT_FALSE(table().cancel(sender));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen.pop()->outcome, Outcome::cancelled);
}

TEST_F(Futures, F1_CloseCompletesAllAndRefusesNewOnes) {
  for (int i = 0; i < 100; ++i) (void)table().open(give_up_at(), note());
  table().close();
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_TRUE(table().open(give_up_at(), note()).empty());
  EXPECT_EQ(seen.size(), 101u);
  while (seen.size() > 0) EXPECT_EQ(seen.pop()->outcome, Outcome::cancelled);
  EXPECT_EQ(table().open_count(), 0u);
}

TEST_F(Futures, NoticesTellHowFarTheRequestCame) {
  using Kind = Notice::Kind;
  const Pid started = table().open(give_up_at(), note());
  deliver(started, make_envelope(Notice{Kind::enqueued, {}}));
  deliver(started, make_envelope(Notice{Kind::started, {}}));
  EXPECT_EQ(seen.size(), 0u);
  EXPECT_TRUE(table().cancel(started));
  EXPECT_TRUE(seen.pop()->started);
  for (const auto& [kind, outcome] : {std::pair{Kind::mailbox_full, Outcome::mailbox_full},
                                      {Kind::bad_payload, Outcome::bad_payload},
                                      {Kind::failed, Outcome::failed}}) {
    deliver(table().open(give_up_at(), note()), make_envelope(Notice{kind, "why"}));
    ASSERT_EQ(seen.size(), 1u);
    const Answer answer = *seen.pop();
    EXPECT_EQ(answer.outcome, outcome);
    EXPECT_EQ(answer.detail, "why");
  }
  deliver(table().open(give_up_at(), note(), true), make_envelope(Notice{Kind::enqueued, {}}));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen.pop()->outcome, Outcome::answered);
  // Late ones are no news.
  deliver(started, make_envelope(Notice{Kind::started, {}}));
  EXPECT_EQ(system->dead_letters().count(DeadLetterReason::no_such_request), 0u);
}

TEST_F(Futures, ADeadLetterResponseMeansThatNobodyIsThere) {
  deliver(table().open(give_up_at(), note()), make_envelope(DeadLetterResponse{}));
  EXPECT_EQ(seen.pop()->outcome, Outcome::no_such_actor);
}

TEST_F(Futures, TheEndOfANodeEndsTheRequestsToIt) {
  const Pid gone = Pid::of_name("10.0.0.1:80", "a");
  const Pid other = Pid::of_name("10.0.0.2:80", "a");
  (void)table().open(give_up_at(), note(), false, gone);
  (void)table().open(give_up_at(), note(), true, gone.with_request_id(7));
  (void)table().open(give_up_at(), note(), false, other);
  (void)table().open(give_up_at(), note());
  const std::vector<Pid> in_vain = table().open_at("10.0.0.1:80");
  EXPECT_EQ(in_vain.size(), 2u);
  // The node that came in its place may answer this one.
  (void)table().open(give_up_at(), note(), false, gone);
  table().fail(in_vain, "peer unreachable");
  table().fail(in_vain, "and again");
  ASSERT_EQ(seen.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    const auto answer = seen.pop();
    EXPECT_EQ(answer->outcome, Outcome::link_failed);
    EXPECT_EQ(answer->detail, "peer unreachable");
  }
  EXPECT_EQ(table().open_count(), 3u);
}

TEST_F(Futures, IsOpenUntilItHasCompleted) {
  const Pid future = table().open(give_up_at(), note());
  EXPECT_TRUE(table().is_open(future));
  EXPECT_FALSE(table().is_open(future.with_request_id(future.request_id() + 1)));
  EXPECT_TRUE(table().cancel(future));
  EXPECT_FALSE(table().is_open(future));
  EXPECT_FALSE(table().is_open(Pid::of_name("10.0.0.1:80", "a")));
  EXPECT_FALSE(table().is_open({}));
}

TEST_F(Futures, TheEndOfAClientEndsTheRequestsToItsActors) {
  const auto ask = [&](const std::string& id) {
    (void)table().open(give_up_at(), note(), false, Pid::of_name(system->address(), id));
  };
  ask("$client/one/a");
  ask("$client/two/a");
  ask("a");
  table().fail(table().open_at("$client/one"), "peer disconnected");
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen.pop()->detail, "peer disconnected");
}

TEST_F(Futures, WithoutANumberIsNobody) {
  (void)table().open(give_up_at(), note());
  const Pid slot = system->registry().find("$f0");
  ASSERT_TRUE(slot.is_future());
  EXPECT_EQ(slot.id(), "$f0");
  for (const char* id : {"$f", "$f1", "$f00", "$f0x", "$f4294967296"}) {
    EXPECT_TRUE(system->registry().find(id).empty()) << id;
  }
  const Answer answer = system->ask(slot, Number{1}, test::kPatience);
  EXPECT_EQ(answer.outcome, Outcome::no_such_actor);
  auto diary = std::make_shared<test::Diary>();
  const Pid watcher = system.spawn(test::steered(diary));
  system.in_turn(watcher, [&](Context& context) { context.watch(slot); });
  test::expect_next(*diary, {"started", "terminated $f0 not_found"});
}

TEST(FuturesLimit, AtMostSoManyAreOpen) {
  Queue<Answer> seen;
  TestSystem system({.futures = {.open_count_max = 2}});
  const auto note = [&](Answer answer) { seen.push(std::move(answer)); };
  const Pid one = system->futures().open(give_up_at(), note);
  const Pid two = system->futures().open(give_up_at(), note);
  EXPECT_TRUE(system->futures().open(give_up_at(), note).empty());
  EXPECT_EQ(seen.pop()->outcome, Outcome::overloaded);
  EXPECT_TRUE(system->futures().cancel(one));
  EXPECT_FALSE(system->futures().open(give_up_at(), note).empty());
  EXPECT_TRUE(system->futures().cancel(two));
}

TEST(FuturesRace, F1_AnswerDeadlineCancelAndCloseCompleteEachOnce) {
  constexpr int kThreads = 3;
  constexpr int kEach = 2'000;
  std::atomic<int> completed{0};
  std::atomic<int> twice{0};
  TestSystem system;
  FutureTable& table = system->futures();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        auto once = std::make_shared<std::atomic<int>>(0);
        const Instant deadline = SteadyClock().now() + std::chrono::microseconds(500 * (i % 5));
        const Pid sender = table.open(deadline, [&, once](Answer) {
          twice += once->fetch_add(1);
          ++completed;
        });
        if (sender.empty()) continue;
        if (i % 2 == 0) (void)system->registry().send_user(sender, make_envelope(Number{i}));
        if (i % 3 == 0) (void)table.cancel(sender);
      }
    });
  }
  std::thread closer([&] {
    EXPECT_TRUE(eventually([&] { return completed.load() > kThreads * kEach / 2; }));
    table.close();
  });
  for (std::thread& thread : threads) thread.join();
  closer.join();
  EXPECT_TRUE(eventually([&] { return completed.load() == kThreads * kEach; }));
  EXPECT_EQ(twice.load(), 0);
  EXPECT_EQ(table.open_count(), 0u);
}

}  // namespace
}  // namespace nexus::core
