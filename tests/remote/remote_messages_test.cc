// Two nodes over loopback: what they send arrives, in order, with its sender; what cannot arrive is told.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/actor/messages.h"
#include "nexus/v1/types.pb.h"
#include "tests/remote/remote_node.h"

namespace nexus::remote {
namespace {

using core::Answer;
using core::Payload;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::eventually;

v1::CounterRequest add(std::int64_t value) {
  v1::CounterRequest request;
  request.set_add(value);
  return request;
}

// Answers each CounterRequest with its own number.
core::Props echo() {
  return core::props_of([](core::Context& context) {
    if (const auto* request = context.message<v1::CounterRequest>()) {
      v1::CounterReply reply;
      reply.set_value(request->add());
      context.respond(std::move(reply));
    } else if (auto* payload = context.message<Payload>()) {
      context.respond(std::move(*payload));
    }
  });
}

// Answers each Payload with a number that stands for its data.
std::int64_t digest(const std::string& data) {
  return static_cast<std::int64_t>(std::hash<std::string>{}(data));
}
core::Props digester() {
  return core::props_of([](core::Context& context) {
    const auto* payload = context.message<Payload>();
    if (payload == nullptr) return;
    v1::CounterReply reply;
    reply.set_value(digest(payload->data));
    context.respond(std::move(reply));
  });
}

core::Props silent() {
  return core::props_of([](core::Context&) {});
}

struct Local {
  int value;
};

class RemoteMessages : public testing::Test {
 protected:
  static constexpr core::Duration kLong = test::kPatience;

  static RemoteNode::Settings settings(const std::string& member_id) {
    RemoteNode::Settings settings;
    settings.member_id = member_id;
    settings.remote.queue_count_max = 1'000'000;
    settings.remote.message_bytes_max = 1024 * 1024;
    settings.remote.reconnect_min = milliseconds(5);
    settings.remote.reconnect_max = milliseconds(20);
    settings.remote.unreachable_after = test::kPatience;
    settings.system.mailbox_user_count_max = 10'000'000;
    return settings;
  }

  template <typename T>
  Answer ask(const std::string& id, T message, core::Duration timeout = kLong) {
    return a_->ask(b_.pid(id), std::move(message), timeout);
  }

  RemoteNode a_{settings("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")};
  RemoteNode b_{settings("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")};
};

TEST_F(RemoteMessages, ARequestIsAnswered) {
  (void)b_.spawn(echo(), "echo");
  const Answer answer = ask("echo", add(7));
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_EQ(answer.message->get<v1::CounterReply>()->value(), 7);
}

TEST_F(RemoteMessages, EachOfManyRequestsGetsItsOwnAnswer) {
  (void)b_.spawn(echo(), "echo");
  std::vector<std::thread> threads;
  std::atomic<int> right_count{0};
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 100; ++i) {
        const Answer answer = ask("echo", add(thread * 1'000 + i));
        if (answer.outcome != Answer::Outcome::answered) continue;
        const auto* reply = answer.message->get<v1::CounterReply>();
        if (reply != nullptr && reply->value() == thread * 1'000 + i) right_count.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right_count.load(), 800);
}

TEST_F(RemoteMessages, ARequestThatNobodyAnswersEndsAtItsDeadlineAndSaysThatItWasBegun) {
  (void)b_.spawn(silent(), "silent");
  (void)b_.spawn(echo(), "echo");
  (void)ask("echo", add(0));
  const Answer answer = ask("silent", add(1), milliseconds(200));
  EXPECT_EQ(answer.outcome, Answer::Outcome::deadline);
  EXPECT_TRUE(answer.started);
}

TEST_F(RemoteMessages, ARequestThatFailsSaysWhy) {
  (void)b_.spawn(core::props_of([](core::Context& context) {
                   if (context.message<v1::CounterRequest>()) throw std::runtime_error("as told");
                 }),
                 "thrower");
  const Answer answer = ask("thrower", add(1));
  EXPECT_EQ(answer.outcome, Answer::Outcome::failed);
  EXPECT_EQ(answer.detail, "as told");
}

TEST_F(RemoteMessages, ARequestToNobodyFailsAtOnce) {
  EXPECT_EQ(ask("nobody", add(1)).outcome, Answer::Outcome::no_such_actor);
}

TEST_F(RemoteMessages, ARequestToANodeThatIsNotThereFails) {
  RemoteNode::Settings impatient = settings("cccccccccccccccccccccccccccccccc");
  impatient.remote.unreachable_after = milliseconds(100);
  RemoteNode c(impatient);
  const Answer answer = c->ask(core::Pid::of_name(free_address(), "x"), add(1), kLong);
  EXPECT_EQ(answer.outcome, Answer::Outcome::link_failed);
  EXPECT_EQ(answer.detail, "link_down");
}

TEST_F(RemoteMessages, ARequestThatANodeTookWithItFailsWhenTheNodeIsGone) {
  RemoteNode c(settings("cccccccccccccccccccccccccccccccc"));
  const core::Pid actor = c.spawn(silent(), "silent");
  std::thread ender([&] {
    EXPECT_TRUE(eventually([&] { return actor.cell()->processed_count() == 1; }));
    (void)c.stop();
  });
  const Answer answer = a_->ask(c.pid("silent"), add(1), kLong);
  EXPECT_EQ(answer.outcome, Answer::Outcome::link_failed);
  ender.join();
}

TEST_F(RemoteMessages, AFullLinkTurnsAwayMessagesButNoTerminated) {
  RemoteNode::Settings small = settings("cccccccccccccccccccccccccccccccc");
  small.remote.queue_count_max = 1;
  RemoteNode c(small);
  const core::Pid target = core::Pid::of_name(free_address(), "x");
  for (int i = 0; i < 3; ++i) (void)c->send(target, add(i));
  EXPECT_EQ(c->dead_letters().count(core::DeadLetterReason::link_queue_full), 2u);
  c->registry().send_terminated(target, core::make_envelope(core::Terminated{c.pid("y")}));
  EXPECT_EQ(c->dead_letters().count(core::DeadLetterReason::link_queue_full), 2u);
  EXPECT_EQ(c.remote().endpoints().find(target.address())->waiting_count(), 2u);
}

TEST_F(RemoteMessages, AFullMailboxIsToldToTheSender) {
  auto begun = std::make_shared<test::Gate>();
  auto gate = std::make_shared<test::Gate>();
  core::Props props = core::props_of([begun, gate](core::Context& context) {
    if (!context.message<v1::CounterRequest>()) return;
    begun->open();
    (void)gate->wait();
  });
  props.mailbox_user_count_max = 2;
  (void)b_.spawn(std::move(props), "slow");
  (void)a_->send(b_.pid("slow"), add(0));
  // Otherwise its first turn might make room after the others have been turned away.
  ASSERT_TRUE(begun->wait());
  for (int i = 0; i < 10; ++i) (void)a_->send(b_.pid("slow"), add(i));
  EXPECT_EQ(ask("slow", add(1)).outcome, Answer::Outcome::mailbox_full);
  gate->open();
}

TEST_F(RemoteMessages, ANoticeTellsThatAMessageWaits) {
  auto gate = std::make_shared<test::Gate>();
  (void)b_.spawn(core::props_of([gate](core::Context& context) {
                   if (context.message<v1::CounterRequest>()) (void)gate->wait();
                 }),
                 "slow");
  for (int i = 0; i < 2; ++i) {
    const auto done = std::make_shared<test::Queue<Answer::Outcome>>();
    auto envelope = core::make_envelope(add(1));
    envelope->set_sender(a_->futures().open(
        test::give_up_at(), [done](Answer answer) { done->push(answer.outcome); }, true));
    envelope->set_wants_notices(true);
    (void)a_->registry().send_user(b_.pid("slow"), std::move(envelope));
    EXPECT_EQ(done->pop(), Answer::Outcome::answered);
  }
  gate->open();
}

TEST_F(RemoteMessages, WhatCannotLeaveTheNodeIsToldAtOnce) {
  EXPECT_EQ(ask("echo", Local{1}).outcome, Answer::Outcome::not_remotable);
  auto envelope = core::make_envelope(add(1));
  envelope->set_headers({{"key", "\xff no text"}});
  EXPECT_EQ(a_->ask_envelope(b_.pid("echo"), std::move(envelope), kLong).outcome,
            Answer::Outcome::not_remotable);
}

TEST_F(RemoteMessages, L1_AHundredThousandMessagesEachWayArriveInOrder) {
  constexpr int kCount = 100'000;
  struct Receiver {
    std::atomic<int> next{0};
    std::atomic<int> wrong_count{0};
  };
  const auto receiver = [](std::shared_ptr<Receiver> state) {
    return core::props_of([state](core::Context& context) {
      const auto* request = context.message<v1::CounterRequest>();
      if (request == nullptr) return;
      if (request->add() != state->next.load(std::memory_order_relaxed))
        state->wrong_count.fetch_add(1);
      state->next.fetch_add(1, std::memory_order_relaxed);
    });
  };
  const auto at_a = std::make_shared<Receiver>();
  const auto at_b = std::make_shared<Receiver>();
  (void)a_.spawn(receiver(at_a), "receiver");
  (void)b_.spawn(receiver(at_b), "receiver");
  const auto send_all = [](RemoteNode& from, const RemoteNode& to) {
    const auto diary = std::make_shared<test::Diary>();
    (void)from->send(from.spawn(test::steered(diary)),
                     test::Do{[target = to.pid("receiver")](core::Context& context) {
                       for (int i = 0; i < kCount; ++i) context.send(target, add(i));
                     }});
  };
  send_all(a_, b_);
  send_all(b_, a_);
  EXPECT_TRUE(eventually([&] { return at_a->next == kCount && at_b->next == kCount; }))
      << at_a->next << " and " << at_b->next;
  EXPECT_EQ(at_a->wrong_count + at_b->wrong_count, 0);
}

TEST_F(RemoteMessages, MessagesUpToTheLimitArriveWholeAndLargerOnesAreTooLarge) {
  (void)b_.spawn(digester(), "digester");
  const auto payload = [](std::size_t bytes) {
    std::string data(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<char>(i * 31);
    return Payload{"some.Type", Payload::kProtobuf, std::move(data)};
  };
  const std::size_t bytes_max = a_.remote().options().message_bytes_max;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1'000}, bytes_max}) {
    const Answer answer = ask("digester", payload(bytes));
    ASSERT_EQ(answer.outcome, Answer::Outcome::answered) << bytes << " " << answer.detail;
    EXPECT_EQ(answer.message->get<v1::CounterReply>()->value(), digest(payload(bytes).data));
  }
  EXPECT_EQ(ask("digester", payload(bytes_max + 1)).outcome, Answer::Outcome::too_large);
  EXPECT_EQ(ask("digester", payload(1)).outcome, Answer::Outcome::answered)
      << "the link is as good as before";
}

TEST_F(RemoteMessages, ABatchOfManyLongNamesStaysBelowWhatThePeerTakes) {
  std::atomic<int> told_count{0};
  const auto letters = b_->events().subscribe<core::DeadLetter>(
      [&](const core::DeadLetter&) { told_count.fetch_add(1); });
  const std::string long_id(10'000, 'i');
  for (int i = 0; i < 1'000; ++i) (void)a_->send(b_.pid(long_id + std::to_string(i)), add(i));
  EXPECT_TRUE(eventually([&] { return told_count.load() == 1'000; })) << told_count.load();
}

TEST_F(RemoteMessages, ATypeThatTheOtherNodeDoesNotKnowArrivesAsBytes) {
  test::Queue<std::string> seen;
  (void)b_.spawn(core::props_of([&seen](core::Context& context) {
                   if (const auto* payload = context.message<Payload>()) {
                     seen.push(payload->type + " " + payload->content_type + " " + payload->data);
                   }
                 }),
                 "recorder");
  (void)a_->send(b_.pid("recorder"), Payload{"unknown.Type", Payload::kProtobuf, "bytes"});
  EXPECT_EQ(seen.pop(), "unknown.Type application/x-protobuf bytes");
  (void)a_->send(b_.pid("recorder"), Payload::json("{\"a\":1}"));
  EXPECT_EQ(seen.pop(), " application/json {\"a\":1}");
}

TEST_F(RemoteMessages, HeadersAndSenderTravelWithTheMessage) {
  test::Queue<std::string> seen;
  (void)b_.spawn(core::props_of([&seen](core::Context& context) {
                   if (context.headers().empty()) return;
                   seen.push(context.sender().to_string() + " " + context.headers()[0].first + "=" +
                             context.headers()[0].second);
                 }),
                 "recorder");
  const auto diary = std::make_shared<test::Diary>();
  auto envelope = core::make_envelope(add(1));
  envelope->set_headers({{"traceparent", "00-1"}});
  envelope->set_sender(a_.spawn(test::steered(diary), "sender"));
  (void)a_->registry().send_user(b_.pid("recorder"), std::move(envelope));
  EXPECT_EQ(seen.pop(), a_.address() + "/sender traceparent=00-1");
}

TEST_F(RemoteMessages, StopAndPoisonPillWorkOverTheWire) {
  for (const bool poison : {false, true}) {
    const auto diary = std::make_shared<test::Diary>();
    const core::Pid actor = b_.spawn(test::steered(diary), "victim");
    test::expect_next(*diary, {"started"});
    poison ? a_->poison(b_.pid("victim")) : a_->stop(b_.pid("victim"));
    test::expect_next(*diary, {"stopping", "stopped"});
    EXPECT_TRUE(eventually([&] { return b_->registry().find("victim").empty(); }));
  }
}

TEST_F(RemoteMessages, APayloadCannotStopAnActorOfAnotherNode) {
  const auto diary = std::make_shared<test::Diary>();
  (void)b_.spawn(test::steered(diary), "a");
  (void)a_->send(b_.pid("a"), Payload{"actor.Stop", Payload::kProtobuf, ""});
  (void)a_->send(b_.pid("a"), Payload{"actor.PoisonPill", Payload::kProtobuf, ""});
  test::expect_next(*diary, {"started", "nexus::core::Payload", "nexus::core::Payload"});
}

TEST_F(RemoteMessages, TouchIsAnsweredWithTheActorsOwnPid) {
  (void)b_.spawn(silent(), "a");
  const Answer answer = ask("a", core::Touch{});
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  EXPECT_EQ(answer.message->get<core::Touched>()->who, b_.pid("a"));
}

TEST_F(RemoteMessages, MessagesGoOnAfterTheConnectionBroke) {
  (void)b_.spawn(echo(), "echo");
  EXPECT_EQ(ask("echo", add(1)).outcome, Answer::Outcome::answered);
  for (int i = 0; i < 5; ++i) {
    b_.drop_connections();
    EXPECT_TRUE(eventually(
        [&] { return ask("echo", add(2), seconds(1)).outcome == Answer::Outcome::answered; }));
  }
}

TEST_F(RemoteMessages, ANodeThatIsNotThereYetGetsWhatWaitedForIt) {
  RemoteNode::Settings late = settings("cccccccccccccccccccccccccccccccc");
  RemoteNode early(settings("dddddddddddddddddddddddddddddddd"));
  for (int i = 0; i < 100; ++i) (void)early->send(core::Pid::of_name(late.address, "x"), add(i));
  // Each of them ends there as a dead letter, for nobody of that name lives there.
  RemoteNode c(late);
  EXPECT_TRUE(eventually(
      [&] { return c->dead_letters().count(core::DeadLetterReason::no_such_actor) == 100; }));
  EXPECT_EQ(early->dead_letters().link_count(), 0u);
}

// Both ends stop while messages are on their way in both directions: for the sanitizers.
TEST_F(RemoteMessages, NodesCanEndAtAnyMoment) {
  for (int round = 0; round < 12; ++round) {
    RemoteNode c(settings("cccccccccccccccccccccccccccccccc"));
    RemoteNode d(settings("dddddddddddddddddddddddddddddddd"));
    (void)d.spawn(echo(), "echo");
    const core::Pid sender =
        c.spawn(core::props_of([target = d.pid("echo")](core::Context& context) {
          if (context.message<v1::CounterReply>()) context.request(target, add(1));
          if (context.message<core::Started>()) {
            for (int i = 0; i < 100; ++i) context.request(target, add(i));
          }
        }));
    EXPECT_TRUE(eventually([&] { return sender.cell()->processed_count() > 200; }));
    switch (round % 4) {
      case 0:
        d.crash();
        break;
      case 1:
        c.crash();
        break;
      case 2:
        (void)d.stop();
        break;
      default:
        (void)c.stop();
        break;
    }
  }
}

TEST_F(RemoteMessages, DeadlinesTravelAsTheTimeThatIsLeft) {
  test::Queue<core::Duration> left;
  const core::SteadyClock clock;
  (void)b_.spawn(core::props_of([&](core::Context& context) {
                   if (context.message<v1::CounterRequest>() == nullptr) return;
                   EXPECT_TRUE(context.headers().empty());
                   left.push(context.envelope().deadline() - clock.now());
                 }),
                 "limited");
  const core::Pid far = b_.pid("limited");
  core::EnvelopePtr envelope = core::make_envelope(add(1));
  envelope->set_deadline(clock.now() + seconds(50));
  (void)a_->registry().send_user(far, std::move(envelope));
  const auto seen = left.pop();
  ASSERT_TRUE(seen.has_value());
  EXPECT_GT(*seen, seconds(0));
  EXPECT_LE(*seen, seconds(50) + milliseconds(1));
  // More milliseconds than 32 bits hold.
  envelope = core::make_envelope(add(1));
  envelope->set_deadline(clock.now() + std::chrono::hours(2'400));
  (void)a_->registry().send_user(far, std::move(envelope));
  const auto long_after = left.pop();
  ASSERT_TRUE(long_after.has_value()) << "it was expired";
  EXPECT_GT(*long_after, std::chrono::hours(2'399));

  core::EnvelopePtr late = core::make_envelope(add(2));
  late->set_deadline(clock.now() - milliseconds(1));
  (void)a_->registry().send_user(far, std::move(late));
  EXPECT_TRUE(
      eventually([&] { return a_->dead_letters().count(core::DeadLetterReason::expired) == 1; }));
}

TEST_F(RemoteMessages, AStopFutureSeesTheEndOfAnActorOfAnotherNode) {
  const core::Pid victim = b_.spawn(silent(), "victim");
  const Answer answer = a_->stop_future(b_.pid("victim"), kLong).wait();
  ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
  // Before the link is up, the order to stop may get there before the watch does.
  EXPECT_NE(answer.message->get<core::Terminated>()->why,
            core::TerminatedReason::address_terminated);
  EXPECT_TRUE(eventually([&] { return victim.cell()->generation() != victim.generation(); }));
}

}  // namespace
}  // namespace nexus::remote
