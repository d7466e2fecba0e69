// Endpoint: how targets are written to a peer, and what happens when it cannot read them.
#include <gtest/gtest.h>

#include "tests/remote/endpoint_fixture.h"

namespace nexus::remote {
namespace {

class EndpointDialect : public EndpointFixture {};

constexpr const char* kUnreadable = "grpc: failed to unmarshal the received message: proto: wrong";

TEST_F(EndpointDialect, BatchesAreWrittenInThePeersDialect) {
  const auto stream = connect();
  endpoint_->set_dialect(Dialect::pids);
  send("a");
  EXPECT_EQ(stream->take_batch().dialect, Dialect::pids);
  stream->written();
}

TEST_F(EndpointDialect, APeerThatCannotReadIdsGetsTheSameOnceMoreAsPids) {
  const auto first = connect("aGoNodesMemberId");
  send("a");
  EXPECT_EQ(read(*first), "a");
  send("b");
  first->end(kUnreadable);
  const auto second = reconnect("aGoNodesMemberId");
  std::string seen;
  while (endpoint_->waiting_count() > 0 || second->pending()) {
    const ReceivedBatch batch = second->take_batch();
    EXPECT_EQ(batch.dialect, Dialect::pids);
    seen += text_of(batch) + " ";
    second->written();
  }
  // What was being written when the stream broke is in doubt, as ever.
  EXPECT_EQ(seen, "hello a ");
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_lost_in_doubt nexus::core::Payload"});
  second->end(kUnreadable);
  send("c");
  EXPECT_EQ(read(*reconnect("aGoNodesMemberId")), "c") << "once is enough";
}

TEST_F(EndpointDialect, NothingIsSentAgainToAPeerThatHasWrittenOrIsOfOurKind) {
  const auto first = connect("aGoNodesMemberId");
  endpoint_->set_dialect(Dialect::strings);
  first->end(kUnreadable);
  send("a");
  const auto second = reconnect("aGoNodesMemberId");
  EXPECT_EQ(read(*second), "a");

  use(patient());
  connect("0123456789abcdef0123456789abcdef")->end(kUnreadable);
  send("b");
  EXPECT_EQ(read(*reconnect("0123456789abcdef0123456789abcdef")), "b");
}

TEST_F(EndpointDialect, WhatIsTooLargeInTheOtherDialectEndsAtOnce) {
  send("written");
  const auto stream = dialer_->take();
  stream->accept("one", LinkAccept{.credit_bytes = 1'000'000, .frame_bytes_max = 100'000});
  EXPECT_EQ(text_of(stream->take_batch()), "written");
  // The largest that fits with an id as target; a PID takes more.
  for (std::size_t bytes = 100'000; endpoint_->waiting_count() == 0; --bytes) {
    send(std::string(bytes, 'x'));
  }
  const std::uint64_t before = dead_letter_count(core::DeadLetterReason::too_large);
  endpoint_->set_dialect(Dialect::pids);
  EXPECT_EQ(dead_letter_count(core::DeadLetterReason::too_large), before + 1);
  EXPECT_EQ(endpoint_->waiting_count(), 0u);
  stream->written();
}

TEST_F(EndpointDialect, APeerThatReadsManyBatchesReadsIds) {
  const auto first = connect("aGoNodesMemberId");
  for (int i = 0; i < 20; ++i) {
    send("m");
    EXPECT_EQ(read(*first), "m");
  }
  first->end(kUnreadable);
  send("a");
  const auto second = reconnect("aGoNodesMemberId");
  EXPECT_EQ(text_of(second->take_batch()), "a");
  second->written();
}

TEST_F(EndpointDialect, WhatAnEarlierStreamHasTakenIsNotSentAgain) {
  connect("aGoNodesMemberId")->end("killed");
  send("a");
  const auto second = reconnect("anotherGoNodesId");
  EXPECT_EQ(read(*second), "a");
  second->end(kUnreadable);
  const auto third = reconnect("anotherGoNodesId");
  const ReceivedBatch batch = third->take_batch();
  EXPECT_EQ(text_of(batch), "a") << "and not the greeting of the first";
  EXPECT_EQ(batch.dialect, Dialect::pids);
  third->written();
  EXPECT_EQ(third->frame_count(), 0u);
}

}  // namespace
}  // namespace nexus::remote
