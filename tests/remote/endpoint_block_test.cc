// Endpoint: what becomes of the link to a member that this node has blocked.
#include <gtest/gtest.h>

#include "tests/remote/endpoint_fixture.h"

namespace nexus::remote {
namespace {

using core::DeadLetterReason;

class EndpointBlock : public EndpointFixture {
 protected:
  EndpointBlock() { test::expect_next(*diary_, {"started"}); }

  void block(const std::string& member_id = "one") {
    EXPECT_EQ(shared_->blocks.block(member_id), BlockList::OnBlock::blocked);
    endpoint_->on_blocked(member_id);
  }
  void unblock() {
    EXPECT_EQ(shared_->blocks.unblock("one"), BlockList::OnUnblock::unblocked);
    endpoint_->on_unblocked("one");
  }
  void watch() { endpoint_->add_watched(watcher_, core::Pid::of_name(kAddress, "x")); }
  void expect_told() { test::expect_next(*diary_, {"terminated x address_terminated"}); }

  const std::shared_ptr<test::Diary> diary_ = std::make_shared<test::Diary>();
  const core::Pid watcher_ = system_.spawn_named(test::steered(diary_), "watcher");
};

TEST_F(EndpointBlock, TheLinkEndsAndNothingIsDialledAgain) {
  const auto stream = connect();
  block();
  EXPECT_TRUE(stream->cancelled());
  stream->end();
  for (int i = 0; i < 3; ++i) send("a");
  EXPECT_EQ(dead_letter_count(DeadLetterReason::blocked), 3u);
  EXPECT_EQ(dialer_->dial_count(), 1);
  EXPECT_TRUE(endpoint_->idle()) << "and may be forgotten";
}

TEST_F(EndpointBlock, WhatWaitsBecomesDeadLettersWithAReasonOfTheirOwn) {
  const auto stream = connect();
  for (const char* data : {"written", "waits", "waits too"}) send(data);
  EXPECT_EQ(text_of(stream->take_batch()), "written");
  block();
  EXPECT_EQ(dead_letter_count(DeadLetterReason::blocked), 2u);
  stream->end();
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_lost_in_doubt), 1u);
}

TEST_F(EndpointBlock, WatchersAreToldOnceAndLaterOnesAtOnce) {
  const auto stream = connect();
  watch();
  EXPECT_EQ(read(*stream), "Watch(x)");
  block();
  expect_told();
  watch();
  expect_told();
  stream->end();
  EXPECT_EQ(dialer_->dial_count(), 1);
}

TEST_F(EndpointBlock, AnotherMemberIsNotMeant) {
  const auto stream = connect();
  block("two");
  EXPECT_FALSE(stream->cancelled());
  send("a");
  EXPECT_EQ(read(*stream), "a");
}

TEST_F(EndpointBlock, AHandshakeOfABlockedMemberIsNotTaken) {
  block();
  send("a");
  const auto stream = dialer_->take();
  stream->accept("one");
  EXPECT_TRUE(stream->cancelled());
  EXPECT_EQ(stream->frame_count(), 0u);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::blocked), 1u);
  stream->end();
  send("b");
  EXPECT_EQ(dialer_->dial_count(), 1);
}

TEST_F(EndpointBlock, AnUnblockedMemberIsDialledAtTheNextMessage) {
  connect();
  block();
  send("lost");
  unblock();
  send("a");
  const auto stream = reconnect("one");
  EXPECT_EQ(read(*stream), "a");
}

TEST_F(EndpointBlock, AnotherIncarnationThatWasSeenIsDialled) {
  connect()->end();
  const auto again = reconnect("one");
  block();
  endpoint_->on_seen("two");
  send("a");
  const auto stream = reconnect("two");
  EXPECT_EQ(read(*stream), "a");
}

TEST_F(EndpointBlock, AnotherIncarnationThatHasJoinedIsDialledAtTheNextMessage) {
  connect()->end();
  const auto again = dialer_->take();
  block();
  send("lost");
  endpoint_->on_joined("two");
  EXPECT_EQ(dialer_->dial_count(), 2) << "nobody wants it yet";
  send("a");
  const auto stream = reconnect("two");
  EXPECT_EQ(read(*stream), "a");
  EXPECT_EQ(dead_letter_count(DeadLetterReason::blocked), 1u);
}

TEST_F(EndpointBlock, OneThatHasJoinedChangesNothingElse) {
  const auto stream = connect("one");
  endpoint_->on_joined("two");
  EXPECT_EQ(endpoint_->member_id(), "one") << "which may be the later one";
  send("a");
  EXPECT_EQ(read(*stream), "a");
  block();
  endpoint_->on_joined("one");
  send("b");
  EXPECT_EQ(dead_letter_count(DeadLetterReason::blocked), 1u) << "it is blocked itself";
}

TEST_F(EndpointBlock, ABlockEndsTheTriesToReconnect) {
  connect()->end();
  const auto again = dialer_->take();
  send("a");
  block();
  // By whoever dialled it, if that was not done yet.
  EXPECT_TRUE(test::eventually([&] { return again->cancelled(); }));
  EXPECT_EQ(dead_letter_count(DeadLetterReason::blocked), 1u);
  again->accept("one");
  send("b");
  EXPECT_EQ(dead_letter_count(DeadLetterReason::blocked), 2u);
  EXPECT_EQ(dialer_->dial_count(), 2);
}

}  // namespace
}  // namespace nexus::remote
