#include "remote/outbound_session.h"

#include <gtest/gtest.h>

#include <limits>

#include <string>

#include "remote/batch_decoder.h"
#include "remote/batch_encoder.h"

namespace nexus::remote {
namespace {

OutgoingFramePtr frame(const std::string& text) {
  BatchEncoder encoder;
  encoder.begin(Dialect::strings);
  EXPECT_TRUE(encoder.try_add(
      {.type_name = "T", .target = core::Pid::of_name("a:1", "x"), .sender = {}}, text));
  return std::make_shared<const OutgoingFrame>(encoder.take(), 1u, core::Lane::user,
                                               Dialect::strings);
}

std::string text_of(const OutgoingFramePtr& frame) {
  BatchDecoder decoder;
  EXPECT_TRUE(decoder.decode(frame->bytes.view()).ok());
  return decoder.envelopes().empty() ? "" : std::string(decoder.envelopes()[0].data);
}
std::string text_of(const std::vector<OutgoingFramePtr>& frames) {
  std::string all;
  for (const auto& frame : frames) all += text_of(frame);
  return all;
}

constexpr std::size_t kMuch = 1'000'000;
LinkAccept afresh(std::size_t credit = kMuch) { return {.resumed = false, .credit_bytes = credit}; }
LinkAccept resumed(std::uint64_t received) {
  return {.resumed = true, .received = received, .credit_bytes = kMuch};
}
LinkAck ack(std::uint64_t received) { return {.received = received, .credit_bytes = kMuch}; }

class OutboundSessionTest : public testing::Test {
 protected:
  // What leaves, as `number text`.
  std::string leave() {
    const OutboundSession::Numbered next = session_.take();
    return next.frame == nullptr ? "nothing"
                                 : std::to_string(next.sequence) + " " + text_of(next.frame);
  }
  void leave(int count) {
    for (int i = 0; i < count; ++i) (void)leave();
  }
  void begin() {
    first_offer_ = session_.offer();
    (void)session_.on_accepted(afresh());
  }

  OutboundSession session_{7};
  LinkOffer first_offer_;
};

TEST_F(OutboundSessionTest, O1_FramesAreNumberedInOrder) {
  begin();
  session_.add(frame("a"));
  session_.add(frame("b"));
  EXPECT_EQ(leave(), "1 a");
  EXPECT_EQ(leave(), "2 b");
  EXPECT_EQ(leave(), "nothing");
}

TEST_F(OutboundSessionTest, O1_WhatThePeerHasNotReceivedLeavesAgainUnderItsNumber) {
  begin();
  for (const char* text : {"a", "b", "c"}) session_.add(frame(text));
  leave(2);
  EXPECT_EQ(session_.offer().session, first_offer_.session) << "it goes on";
  const auto remains = session_.on_accepted(resumed(1));
  EXPECT_TRUE(remains.in_doubt.empty() && remains.unsent.empty());
  EXPECT_EQ(leave(), "2 b");
  EXPECT_EQ(leave(), "3 c");
  session_.add(frame("d"));
  EXPECT_EQ(leave(), "4 d");
}

TEST_F(OutboundSessionTest, O2_AcknowledgedFramesAreDoneWith) {
  begin();
  session_.add(frame("a"));
  session_.add(frame("b"));
  leave(2);
  EXPECT_TRUE(session_.on_ack(ack(1)));
  EXPECT_FALSE(session_.empty());
  EXPECT_TRUE(session_.on_ack(ack(2)));
  EXPECT_TRUE(session_.empty());
  EXPECT_EQ(session_.bytes(), 0u);
  EXPECT_TRUE(session_.on_ack(ack(1))) << "an old one says nothing new";
}

TEST_F(OutboundSessionTest, AnAcknowledgementOfWhatHasNotLeftIsFalse) {
  begin();
  session_.add(frame("a"));
  EXPECT_FALSE(session_.on_ack(ack(1)));
  EXPECT_FALSE(session_.empty());
}

TEST_F(OutboundSessionTest, O2_APeerThatKnowsNothingLeavesInDoubtWhatHasLeft) {
  begin();
  session_.add(frame("a"));
  session_.add(frame("b"));
  (void)leave();
  const auto remains = session_.on_accepted(afresh());
  EXPECT_EQ(text_of(remains.in_doubt), "a");
  EXPECT_EQ(text_of(remains.unsent), "b");
  EXPECT_TRUE(session_.empty());
  session_.add(frame("c"));
  EXPECT_EQ(leave(), "1 c") << "numbers begin anew";
}

TEST_F(OutboundSessionTest, WhatTheStreamDidNotTakeHasNotLeft) {
  begin();
  session_.add(frame("a"));
  (void)leave();
  session_.untake();
  EXPECT_EQ(text_of(session_.end().unsent), "a");
}

TEST_F(OutboundSessionTest, TheEndIsFollowedByANewSession) {
  begin();
  session_.add(frame("a"));
  (void)leave();
  EXPECT_EQ(text_of(session_.end().in_doubt), "a");
  EXPECT_FALSE(session_.is_active());
  const LinkOffer next = session_.offer();
  EXPECT_EQ(next.link, first_offer_.link);
  EXPECT_GT(next.session, first_offer_.session);
}

// The peer was declared gone while it was about to answer the handshake.
TEST_F(OutboundSessionTest, ASessionThatEndedWhileItWasResumedGoesOnWhereThePeerIs) {
  begin();
  for (const char* text : {"a", "b", "c"}) session_.add(frame(text));
  leave(3);
  (void)session_.offer();
  (void)session_.end();
  (void)session_.on_accepted(resumed(2));
  session_.add(frame("d"));
  EXPECT_EQ(leave(), "3 d");
}

TEST_F(OutboundSessionTest, O3_AFrameThatBreaksStreamsIsReplacedByAnEmptyOne) {
  begin();
  session_.add(frame("a"));
  session_.add(frame("poison"));
  session_.add(frame("c"));
  for (std::uint32_t i = 0; i < OutboundSession::kTakeCountMax - 1; ++i) {
    leave(3);
    EXPECT_TRUE(session_.on_accepted(resumed(1)).in_doubt.empty());
  }
  leave(2);
  EXPECT_EQ(text_of(session_.on_accepted(resumed(1)).in_doubt), "poison");
  EXPECT_EQ(leave(), "2 ");
  EXPECT_EQ(leave(), "3 c");
}

TEST_F(OutboundSessionTest, O4_OnlySoMuchIsOnItsWay) {
  const std::size_t one = frame("a")->bytes.view().size();
  (void)session_.offer();
  (void)session_.on_accepted(afresh(2 * one));
  EXPECT_TRUE(session_.has_room());
  session_.add(frame("a"));
  EXPECT_TRUE(session_.has_room());
  session_.add(frame("b"));
  EXPECT_FALSE(session_.has_room());
  leave(2);
  EXPECT_TRUE(session_.on_ack({.received = 1, .credit_bytes = 2 * one}));
  EXPECT_TRUE(session_.has_room());
  EXPECT_TRUE(session_.on_ack({.received = 1, .credit_bytes = 0}));
  EXPECT_FALSE(session_.has_room());
  EXPECT_TRUE(session_.on_ack({.received = 2, .credit_bytes = 0}));
  EXPECT_TRUE(session_.has_room()) << "one frame may always leave";
}

TEST_F(OutboundSessionTest, O4_SystemMessagesWaitForNoCreditUntilTheyAreMuch) {
  (void)session_.offer();
  (void)session_.on_accepted(afresh(10));
  session_.add(frame("more than ten bytes"));
  EXPECT_FALSE(session_.has_room());
  EXPECT_TRUE(session_.has_system_room());
  session_.add(frame(std::string(OutboundSession::kSystemBytes, 's')));
  EXPECT_FALSE(session_.has_system_room());
}

TEST_F(OutboundSessionTest, O4_NobodyGivesCreditWithoutEnd) {
  (void)session_.offer();
  (void)session_.on_accepted(afresh(std::numeric_limits<std::size_t>::max()));
  // The same bytes again and again: what counts is that they are not acknowledged.
  const OutgoingFramePtr large = frame(std::string(16 * 1024 * 1024, 'x'));
  for (int i = 0; i < 64; ++i) {
    EXPECT_TRUE(session_.has_room());
    session_.add(large);
  }
  EXPECT_FALSE(session_.has_room());
  EXPECT_TRUE(session_.has_system_room());
}

}  // namespace
}  // namespace nexus::remote
