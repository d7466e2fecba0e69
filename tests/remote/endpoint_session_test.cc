// An endpoint and a peer of its own kind: what is acknowledged, what is sent again, and what is in doubt.
#include "tests/remote/endpoint_fixture.h"

namespace nexus::remote {
namespace {

constexpr const char* kMember = "0123456789abcdef0123456789abcdef";
constexpr const char* kOther = "fedcba9876543210fedcba9876543210";
constexpr std::uint64_t kMuch = 1'000'000;

LinkAccept afresh(std::uint64_t credit = kMuch) {
  return {.resumed = false, .received = 0, .credit_bytes = credit, .frame_bytes_max = kMuch};
}
LinkAccept resumed(std::uint64_t received) {
  return {.resumed = true, .received = received, .credit_bytes = kMuch, .frame_bytes_max = kMuch};
}

class EndpointSession : public EndpointFixture {
 protected:
  std::shared_ptr<test::FakeStream> connect(const LinkAccept& accept = afresh()) {
    send("hello");
    auto stream = dialer_->take();
    stream->accept(kMember, accept);
    EXPECT_EQ(next(*stream), "1 hello");
    return stream;
  }
  std::shared_ptr<test::FakeStream> reconnect(const LinkAccept& accept,
                                              const char* member_id = kMember) {
    auto stream = dialer_->take();
    stream->accept(member_id, accept);
    return stream;
  }

  // The next frame as `number text`, and the news that it was written.
  static std::string next(test::FakeStream& stream) {
    const test::FakeStream::Written written = stream.take_frame();
    stream.written();
    return std::to_string(written.sequence) + " " + text(written.frame);
  }
  static std::string text(const std::string& frame) {
    const auto decoded = read_frame(frame);
    EXPECT_TRUE(decoded.ok());
    if (std::holds_alternative<LinkPing>(*decoded)) return "ping";
    const auto* batch = std::get_if<ReceivedBatch>(&*decoded);
    return batch == nullptr ? "no batch" : text_of(*batch);
  }
  static void acknowledge(test::FakeStream& stream, std::uint64_t received,
                          std::uint64_t credit = kMuch) {
    stream.send(encode(LinkAck{received, credit}));
  }
};

TEST_F(EndpointSession, WhatWasNotAcknowledgedIsSentAgainToTheSameIncarnation) {
  const auto first = connect();
  send("a");
  EXPECT_EQ(next(*first), "2 a");
  send("b");
  EXPECT_EQ(next(*first), "3 b");
  acknowledge(*first, 1);
  first->end();
  send("c");
  const auto second = reconnect(resumed(2));
  EXPECT_EQ(second->offer().session, first->offer().session);
  EXPECT_EQ(next(*second), "3 b");
  EXPECT_EQ(next(*second), "4 c");
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(EndpointSession, AFrameThatWasBeingWrittenIsSentAgain) {
  const auto first = connect();
  send("a");
  EXPECT_EQ(first->take_frame().sequence, 2u);
  first->end();
  EXPECT_EQ(next(*reconnect(resumed(1))), "2 a");
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(EndpointSession, AFrameThatTheStreamDidNotTakeKeepsItsPlace) {
  const auto first = connect();
  first->stop_writes();
  send("a");
  send("b");
  first->end();
  const auto second = reconnect(resumed(1));
  EXPECT_EQ(next(*second), "2 a");
  EXPECT_EQ(next(*second), "3 b");
}

TEST_F(EndpointSession, WhatARestartedPeerMayHaveTakenIsInDoubt) {
  const auto first = connect();
  send("a");
  EXPECT_EQ(next(*first), "2 a");
  acknowledge(*first, 1);
  first->end();
  send("b");
  const auto second = reconnect(afresh(), kOther);
  EXPECT_EQ(next(*second), "1 b");
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_lost_in_doubt nexus::core::Payload"});
}

TEST_F(EndpointSession, NothingIsWrittenToAnIncarnationWhoseSuccessorWasSeen) {
  const auto first = connect();
  acknowledge(*first, 1);
  send("a");
  EXPECT_EQ(next(*first), "2 a");
  endpoint_->on_seen(kOther);
  send("b");
  EXPECT_TRUE(first->cancelled());
  EXPECT_EQ(first->frame_count(), 0u);
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_lost_in_doubt nexus::core::Payload"});
  const auto second = reconnect(afresh(), kOther);
  EXPECT_EQ(next(*second), "1 b");
}

TEST_F(EndpointSession, WhatAPeerThatForgotTheSessionMayHaveTakenIsInDoubt) {
  const auto first = connect();
  acknowledge(*first, 1);
  send("a");
  EXPECT_EQ(next(*first), "2 a");
  first->end();
  const auto second = reconnect(afresh());
  send("b");
  EXPECT_EQ(next(*second), "1 b");
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_lost_in_doubt nexus::core::Payload"});
}

TEST_F(EndpointSession, WhatAPeerThatIsGoneMayHaveTakenIsInDoubtAndTheRestIsNot) {
  use(impatient());
  const auto first = connect();
  send("a");
  EXPECT_EQ(first->take_frame().sequence, 2u);
  send("b");
  first->written(false);
  first->end();
  EXPECT_TRUE(test::eventually([&] {
    if (dialer_->dial_count() > 1) dialer_->take()->end();
    return dead_letters().size() == 3;
  }));
  EXPECT_EQ(dead_letter_count(core::DeadLetterReason::link_lost_in_doubt), 2u);
  EXPECT_EQ(dead_letter_count(core::DeadLetterReason::link_down), 1u);
}

TEST_F(EndpointSession, TheLastWordOfAPeerThatSaysGoodbyeCounts) {
  const auto stream = connect();
  send("a");
  EXPECT_EQ(next(*stream), "2 a");
  stream->say_goodbye(LinkAck{1, kMuch});
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_lost_in_doubt nexus::core::Payload"});
}

TEST_F(EndpointSession, APeerThatAcknowledgesWhatItWasNotSentIsLeft) {
  const auto stream = connect();
  acknowledge(*stream, 2);
  EXPECT_TRUE(stream->cancelled());
}

TEST_F(EndpointSession, BeyondTheCreditMessagesWaitAndSystemMessagesDoNot) {
  const auto stream = connect(afresh(1));
  send("a");
  EXPECT_EQ(stream->frame_count(), 0u);
  EXPECT_EQ(endpoint_->waiting_count(), 1u);
  endpoint_->add_watched(system_.spawn(core::props_of([](core::Context&) {})),
                         core::Pid::of_name(kAddress, "target"));
  EXPECT_EQ(next(*stream), "2 Watch(target)");
  acknowledge(*stream, 2, 1);
  EXPECT_EQ(next(*stream), "3 a");
}

TEST_F(EndpointSession, WhatThePeerCannotReadIsNotSent) {
  LinkAccept small = afresh();
  small.frame_bytes_max = 100'000;
  send(std::string(100'001, 'w'));
  send("before");
  const auto stream = reconnect(small);
  EXPECT_EQ(next(*stream), "1 before");
  send(std::string(100'001, 'x'));
  EXPECT_EQ(dead_letters(), (std::vector<std::string>{"too_large nexus::core::Payload",
                                                      "too_large nexus::core::Payload"}));
  send("a");
  EXPECT_EQ(next(*stream), "2 a");
}

TEST_F(EndpointSession, FlushWaitsForTheAcknowledgement) {
  const auto stream = connect();
  EXPECT_FALSE(endpoint_->flush(system_->clock().now()));
  acknowledge(*stream, 1);
  EXPECT_TRUE(endpoint_->flush(system_->clock().now() + std::chrono::seconds(10)));
}

TEST_F(EndpointSession, ASilentPeerIsAskedAndThenLeft) {
  Options options = patient();
  options.ping_interval = std::chrono::milliseconds(10);
  options.ping_timeout = std::chrono::milliseconds(60);
  use(options);
  const auto stream = connect();
  EXPECT_EQ(next(*stream), "0 ping");
  EXPECT_FALSE(stream->cancelled());
  EXPECT_TRUE(test::eventually([&] {
    if (stream->pending()) stream->written();
    return stream->cancelled();
  }));
}

TEST_F(EndpointSession, APeerOfAnotherKindIsNeverAsked) {
  Options options = patient();
  options.ping_interval = std::chrono::milliseconds(1);
  options.ping_timeout = std::chrono::milliseconds(2);
  use(options);
  send("hello");
  const auto stream = dialer_->take();
  stream->accept("aGoNodesMemberId");
  EXPECT_EQ(next(*stream), "0 hello");
  // What is scheduled later runs later.
  test::Gate passed;
  system_->timers().schedule(system_->clock().now() + std::chrono::milliseconds(20),
                             [&passed] { passed.open(); });
  ASSERT_TRUE(passed.wait());
  EXPECT_FALSE(stream->cancelled());
  EXPECT_EQ(stream->frame_count(), 0u);
}

}  // namespace
}  // namespace nexus::remote
