#include "remote/inbound_session.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace nexus::remote {
namespace {

using Verdict = InboundSession::Verdict;

class FakeInbound final : public InboundSession::Stream {
 public:
  void on_session(const InboundSession::Grant& grant) override {
    said += (grant.resumed ? "resumed after " : "new after ") + std::to_string(grant.received);
  }
  void on_session_lost() override { said += " lost"; }

  std::string said;
};

class InboundSessionTest : public testing::Test {
 protected:
  std::shared_ptr<FakeInbound> claim(std::uint64_t session = 1) {
    auto stream = std::make_shared<FakeInbound>();
    session_.claim(stream, session);
    return stream;
  }
  Verdict deliver(const FakeInbound& stream, std::uint64_t sequence) {
    const Verdict verdict = session_.begin_frame(stream, sequence);
    if (verdict == Verdict::deliver) session_.end_frame();
    return verdict;
  }

  InboundSession session_;
};

TEST_F(InboundSessionTest, I1_EachFrameIsDeliveredOnceAndInOrder) {
  const auto stream = claim();
  EXPECT_EQ(stream->said, "new after 0");
  EXPECT_EQ(deliver(*stream, 1), Verdict::deliver);
  EXPECT_EQ(deliver(*stream, 1), Verdict::repeat);
  EXPECT_EQ(deliver(*stream, 3), Verdict::gap);
  EXPECT_EQ(deliver(*stream, 2), Verdict::deliver);
  EXPECT_EQ(deliver(*stream, 0), Verdict::repeat) << "a frame without a number";
}

TEST_F(InboundSessionTest, AStreamThatComesLaterGoesOn) {
  const auto first = claim();
  EXPECT_EQ(deliver(*first, 1), Verdict::deliver);
  const auto second = claim();
  EXPECT_EQ(second->said, "resumed after 1");
  EXPECT_EQ(first->said, "new after 0 lost");
  EXPECT_EQ(deliver(*first, 2), Verdict::lost);
  EXPECT_EQ(deliver(*second, 2), Verdict::deliver);
}

TEST_F(InboundSessionTest, AnotherSessionBeginsAnew) {
  const auto first = claim(1);
  EXPECT_EQ(deliver(*first, 1), Verdict::deliver);
  const auto second = claim(2);
  EXPECT_EQ(second->said, "new after 0");
  EXPECT_EQ(deliver(*second, 1), Verdict::deliver);
}

TEST_F(InboundSessionTest, I2_ALaterStreamWaitsForTheFrameThatIsBeingDelivered) {
  const auto first = claim();
  ASSERT_EQ(session_.begin_frame(*first, 1), Verdict::deliver);
  const auto second = claim();
  EXPECT_EQ(first->said, "new after 0 lost");
  EXPECT_EQ(second->said, "");
  EXPECT_EQ(session_.begin_frame(*second, 1), Verdict::lost) << "it was not told to begin";
  session_.end_frame();
  EXPECT_EQ(second->said, "resumed after 1");
  EXPECT_EQ(deliver(*second, 1), Verdict::repeat);
}

TEST_F(InboundSessionTest, I2_OfSeveralThatWaitTheLastBegins) {
  const auto first = claim();
  ASSERT_EQ(session_.begin_frame(*first, 1), Verdict::deliver);
  const auto second = claim();
  const auto third = claim();
  session_.end_frame();
  EXPECT_EQ(second->said, " lost");
  EXPECT_EQ(third->said, "resumed after 1");
}

TEST_F(InboundSessionTest, AStreamThatWaitsMayVanish) {
  const auto first = claim();
  ASSERT_EQ(session_.begin_frame(*first, 1), Verdict::deliver);
  (void)claim();
  session_.end_frame();
  EXPECT_EQ(claim()->said, "resumed after 1");
}

TEST(InboundSessions, EachLinkOfEachMemberHasItsOwn) {
  InboundSessions sessions(10);
  const auto one = sessions.session("one:1", "one", 1);
  EXPECT_EQ(sessions.session("one:1", "one", 1), one);
  EXPECT_NE(sessions.session("one:1", "one", 2), one);
  EXPECT_NE(sessions.session("two:1", "two", 1), one);
  EXPECT_EQ(sessions.count(), 3u);
}

TEST(InboundSessions, TheOldestWithoutAStreamIsForgotten) {
  InboundSessions sessions(2);
  const auto stream = std::make_shared<FakeInbound>();
  sessions.session("one:1", "one", 1)->claim(stream, 1);
  sessions.session("two:1", "two", 1)->claim(std::make_shared<FakeInbound>(), 1);
  EXPECT_NE(sessions.session("three:1", "three", 1), nullptr) << "two had no stream";
  const auto held = sessions.session("three:1", "three", 1);
  EXPECT_EQ(sessions.session("four:1", "four", 1), nullptr);
  const auto again = std::make_shared<FakeInbound>();
  sessions.session("one:1", "one", 1)->claim(again, 1);
  EXPECT_EQ(again->said, "resumed after 0") << "one was kept";
  EXPECT_EQ(sessions.count(), 2u);
}

TEST(InboundSessions, OneAddressDoesNotTakeThoseOfAllOthers) {
  InboundSessions sessions(1000);
  std::vector<std::shared_ptr<FakeInbound>> streams;
  for (std::size_t i = 0; i < InboundSessions::kAddressCountMax; ++i) {
    streams.push_back(std::make_shared<FakeInbound>());
    // Of whatever incarnation, as it likes.
    sessions.session("greedy:1", std::to_string(i), i)->claim(streams.back(), 1);
  }
  EXPECT_EQ(sessions.session("greedy:1", "more", 1), nullptr);
  EXPECT_NE(sessions.session("other:1", "other", 1), nullptr);
  streams.pop_back();
  EXPECT_NE(sessions.session("greedy:1", "more", 1), nullptr) << "one has no stream any more";
}

}  // namespace
}  // namespace nexus::remote
