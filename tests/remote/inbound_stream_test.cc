// Streams of peers of our own kind, without a transport: sessions and acknowledgements. What any peer may do to a stream is in
// remote_hostile_test.cc.
#include <gtest/gtest.h>

#include "tests/remote/inbound_fixture.h"

namespace nexus::remote {
namespace {

class InboundStreamTest : public InboundFixture {};

TEST_F(InboundStreamTest, APeerOfOurKindGetsASessionAndOthersDoNot) {
  Opened ours = open();
  const auto response = next<ConnectResponse>(ours);
  ASSERT_TRUE(response.link.has_value());
  EXPECT_FALSE(response.link->resumed);
  EXPECT_EQ(response.link->credit_bytes, kCredit);
  EXPECT_EQ(response.link->frame_bytes_max, frame_bytes_max(options_));
  Opened other = open(std::nullopt);
  EXPECT_FALSE(next<ConnectResponse>(other).link.has_value());
}

TEST_F(InboundStreamTest, N2_WhatWasDeliveredIsAcknowledgedSoon) {
  Opened peer = open();
  (void)next<ConnectResponse>(peer);
  EXPECT_TRUE(peer.stream->on_frame(batch("a", 1)));
  EXPECT_TRUE(peer.stream->on_frame(batch("b", 2)));
  EXPECT_EQ(received(), "a");
  EXPECT_EQ(received(), "b");
  std::uint64_t acknowledged = 0;
  while (acknowledged < 2) acknowledged = next<LinkAck>(peer).received;
  EXPECT_EQ(acknowledged, 2u);
}

// Where nothing is acknowledged by time alone.
class PatientInboundStreamTest : public InboundFixture {
 protected:
  static Options patient() {
    Options options = usual();
    options.ack_delay = std::chrono::hours(1);
    return options;
  }
  PatientInboundStreamTest() : InboundFixture(patient()) {}
};

TEST_F(PatientInboundStreamTest, MuchIsAcknowledgedAtOnce) {
  Opened peer = open();
  (void)next<ConnectResponse>(peer);
  EXPECT_TRUE(peer.stream->on_frame(batch(std::string(kCredit / 4, 'x'), 1)));
  EXPECT_EQ(next<LinkAck>(peer).received, 1u);
  EXPECT_TRUE(peer.stream->on_frame(batch("small", 2)));
  EXPECT_EQ(peer.transport->frames.size(), 0u);
  EXPECT_TRUE(peer.stream->on_frame(encode(LinkPing{})));
  EXPECT_EQ(next<LinkAck>(peer).received, 2u) << "it asked";
}

TEST_F(InboundStreamTest, I1_ARepeatedBatchIsDroppedAcrossStreams) {
  Opened first = open();
  (void)next<ConnectResponse>(first);
  EXPECT_TRUE(first.stream->on_frame(batch("a", 1)));
  Opened second = open();
  const auto response = next<ConnectResponse>(second);
  EXPECT_TRUE(response.link->resumed);
  EXPECT_EQ(response.link->received, 1u);
  EXPECT_TRUE(second.stream->on_frame(batch("a", 1)));
  EXPECT_TRUE(second.stream->on_frame(batch("b", 2)));
  EXPECT_EQ(received(), "a");
  EXPECT_EQ(received(), "b");
  EXPECT_FALSE(first.stream->on_frame(batch("late", 2)));
  EXPECT_EQ(first.transport->ended.pop(), "the session goes on in another stream");
  const RemoteMetrics& metrics = endpoints_.metrics();
  EXPECT_EQ(metrics.received_batch_count.sum(), 2u);
  EXPECT_EQ(metrics.received_message_count.sum(), 2u);
  EXPECT_EQ(metrics.repeated_batch_count.sum(), 1u);
  EXPECT_EQ(metrics.refused_frame_count.sum(), 1u);
}

TEST_F(InboundStreamTest, AGapEndsTheStream) {
  Opened peer = open();
  (void)next<ConnectResponse>(peer);
  EXPECT_FALSE(peer.stream->on_frame(batch("b", 2)));
  EXPECT_EQ(peer.transport->ended.pop(), "batch 2 came, and one before it is missing");
}

TEST_F(InboundStreamTest, ABatchOfASessionThatHasNoNumberEndsTheStream) {
  Opened peer = open();
  (void)next<ConnectResponse>(peer);
  EXPECT_FALSE(peer.stream->on_frame(batch("a", 0)));
  EXPECT_EQ(peer.transport->ended.pop(), "a batch of a session came without a number");
  EXPECT_EQ(endpoints_.metrics().repeated_batch_count.sum(), 0u);
}

TEST_F(InboundStreamTest, APingOfAPeerWithoutASessionEndsTheStream) {
  Opened peer = open(std::nullopt);
  (void)next<ConnectResponse>(peer);
  EXPECT_FALSE(peer.stream->on_frame(encode(LinkPing{})));
}

TEST_F(InboundStreamTest, AGoodbyeCarriesTheLastAcknowledgement) {
  Opened peer = open();
  (void)next<ConnectResponse>(peer);
  EXPECT_TRUE(peer.stream->on_frame(batch("a", 1)));
  // One that was on its way already may come first.
  peer.stream->say_goodbye();
  for (;;) {
    const auto decoded = read_frame(peer.transport->frames.pop().value_or(""));
    ASSERT_TRUE(decoded.ok());
    if (const auto* goodbye = std::get_if<DisconnectRequest>(&*decoded)) {
      ASSERT_TRUE(goodbye->ack.has_value());
      EXPECT_EQ(goodbye->ack->received, 1u);
      break;
    }
    ASSERT_TRUE(std::holds_alternative<LinkAck>(*decoded));
    peer.transport->pending.store(false);
    peer.stream->on_written(true);
  }
}

TEST_F(InboundStreamTest, BeyondTheLimitOfSessionsAPeerHasNone) {
  std::vector<Opened> peers;
  for (std::uint64_t link = 1; link <= 10; ++link) {
    peers.push_back(open(LinkOffer{.link = link, .session = 1}));
    EXPECT_TRUE(next<ConnectResponse>(peers.back()).link.has_value());
  }
  Opened late = open(LinkOffer{.link = 11, .session = 1});
  EXPECT_FALSE(next<ConnectResponse>(late).link.has_value());
}

}  // namespace
}  // namespace nexus::remote
