// What links count, and what they say of themselves.
#include "remote/remote_metrics.h"

#include <gtest/gtest.h>

#include "nexus/v1/types.pb.h"
#include "remote/endpoint_manager.h"
#include "tests/remote/endpoint_fixture.h"
#include "tests/remote/remote_node.h"

namespace nexus::remote {
namespace {

using core::DeadLetterReason;
using test::eventually;

class LinkMetrics : public EndpointFixture {
 protected:
  const RemoteMetrics& metrics() const { return shared_->metrics; }
  static core::Pid at_peer(const std::string& id) { return core::Pid::of_name(kAddress, id); }
};

TEST_F(LinkMetrics, SentCountsWhatWasWritten) {
  const auto stream = connect();
  EXPECT_EQ(metrics().sent_message_count.sum(), 1u);
  const std::uint64_t first_bytes = metrics().sent_bytes.sum();
  EXPECT_GT(first_bytes, 5u);
  send("a");
  send("b");
  send("c");
  EXPECT_EQ(metrics().sent_message_count.sum(), 1u) << "not yet";
  EXPECT_EQ(read(*stream), "a");
  EXPECT_EQ(read(*stream), "b c");
  EXPECT_EQ(metrics().sent_message_count.sum(), 4u);
  EXPECT_EQ(metrics().sent_batch_count.sum(), 3u);
  const LinkStats stats = endpoint_->stats();
  EXPECT_EQ(stats.sent_message_count, 4u);
  EXPECT_EQ(stats.sent_batch_count, 3u);
  EXPECT_EQ(stats.sent_bytes, metrics().sent_bytes.sum());
  EXPECT_GT(stats.sent_bytes, first_bytes);
}

TEST_F(LinkMetrics, AWriteThatFailedIsNotSent) {
  const auto stream = connect();
  send("a");
  (void)stream->take_batch();
  stream->written(false);
  EXPECT_EQ(metrics().sent_message_count.sum(), 1u);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_lost_in_doubt), 1u);
}

TEST_F(LinkMetrics, StatsTellWhatALinkIsAndWhatWaits) {
  LinkStats stats = endpoint_->stats();
  EXPECT_EQ(stats.address, kAddress);
  EXPECT_EQ(stats.phase, EndpointState::Phase::idle);
  EXPECT_EQ(stats.member_id, "");
  send("hello");
  stats = endpoint_->stats();
  EXPECT_EQ(stats.phase, EndpointState::Phase::connecting);
  EXPECT_EQ(stats.queue_message_count, 1u);
  EXPECT_GT(stats.queue_bytes, 5u);
  dialer_->take()->accept("one");
  stats = endpoint_->stats();
  EXPECT_EQ(stats.phase, EndpointState::Phase::connected);
  EXPECT_EQ(stats.member_id, "one");
  EXPECT_EQ(stats.queue_message_count, 0u);
  EXPECT_EQ(stats.queue_bytes, 0u);
  EXPECT_EQ(stats.connect_count, 1u);
}

TEST_F(LinkMetrics, LossesReconnectsAndPeersThatAreGoneAreCounted) {
  connect("one")->end();
  reconnect("one")->end();
  reconnect("one")->say_goodbye();
  EXPECT_EQ(metrics().connect_count.sum(), 3u);
  EXPECT_EQ(metrics().reconnect_count.sum(), 2u);
  EXPECT_EQ(metrics().loss_count.sum(), 2u);
  EXPECT_EQ(metrics().gone_count.sum(), 1u);
  EXPECT_EQ(endpoint_->stats().connect_count, 3u);
  EXPECT_EQ(endpoint_->stats().loss_count, 2u);
}

TEST_F(LinkMetrics, ADialThatFailsIsNoLoss) {
  send("a");
  dialer_->take()->end();
  EXPECT_EQ(metrics().loss_count.sum(), 0u);
  EXPECT_EQ(metrics().connect_count.sum(), 0u);
}

TEST_F(LinkMetrics, WatchesAreCountedByHowTheyEnd) {
  const core::Pid watcher = system_.spawn(test::steered(test::new_diary()));
  const auto stream = connect();
  for (const char* id : {"v", "w", "x", "y", "x"}) endpoint_->add_watched(watcher, at_peer(id));
  EXPECT_EQ(metrics().watch_count.sum(), 4u);
  EXPECT_EQ(metrics().watch_duplicate_count.sum(), 1u);
  EXPECT_EQ(metrics().watches_held(), 4u);
  endpoint_->remove_watched(watcher, at_peer("v"));
  endpoint_->remove_watched(watcher, at_peer("v"));
  EXPECT_EQ(metrics().unwatch_count.sum(), 1u);
  (void)endpoint_->take_watched(watcher, "w", "one");
  (void)endpoint_->take_watched(watcher, "w", "one");
  EXPECT_EQ(metrics().watch_terminated_count.sum(), 1u);
  EXPECT_EQ(metrics().watches_held(), 2u);
  EXPECT_EQ(endpoint_->stats().watch_count, 2u);
  stream->say_goodbye();
  EXPECT_EQ(metrics().watch_address_terminated_count.sum(), 2u);
  EXPECT_EQ(metrics().watches_held(), 0u);
  EXPECT_EQ(endpoint_->stats().watch_count, 0u);
}

TEST_F(LinkMetrics, AWatchOnAClosedLinkIsCountedAndEnds) {
  const core::Pid watcher = system_.spawn(test::steered(test::new_diary()));
  endpoint_->close();
  endpoint_->add_watched(watcher, at_peer("x"));
  EXPECT_EQ(metrics().watch_address_terminated_count.sum(), 1u);
  EXPECT_EQ(metrics().watches_held(), 0u);
}

TEST_F(LinkMetrics, CountersOutliveTheLinksAndEachLinkHasItsOwn) {
  Options options = patient();
  options.peer_count_max = 1;
  use(options);
  EndpointManager manager(shared_);
  send_message(*manager.endpoint("a:1"), message("a"));
  const auto stream = dialer_->take();
  stream->accept("one");
  (void)stream->take_batch();
  stream->written();
  ASSERT_EQ(manager.stats().size(), 1u);
  EXPECT_EQ(manager.stats()[0].address, "a:1");
  EXPECT_EQ(manager.stats()[0].sent_message_count, 1u);
  stream->say_goodbye();
  stream->end();
  ASSERT_NE(manager.endpoint("b:1"), nullptr);
  ASSERT_EQ(manager.stats().size(), 1u);
  EXPECT_EQ(manager.stats()[0].address, "b:1");
  EXPECT_EQ(manager.stats()[0].sent_message_count, 0u);
  EXPECT_EQ(manager.metrics().sent_message_count.sum(), 1u);
}

// What one node wrote is what the other one read.
TEST(NodeMetrics, ReceivedIsWhatThePeerSent) {
  const auto settings = [](char id) {
    RemoteNode::Settings made;
    made.member_id = std::string(32, id);
    return made;
  };
  RemoteNode a(settings('a'));
  RemoteNode b(settings('b'));
  const auto diary = test::new_diary();
  b.spawn(test::steered(diary), "x");
  for (int i = 0; i < 500; ++i) (void)a->send(b.pid("x"), v1::CounterRequest());
  test::expect_next(*diary, {"started"});
  for (int i = 0; i < 500; ++i) test::expect_next(*diary, {"nexus.v1.CounterRequest"});
  const RemoteMetrics& sent = a.remote().metrics();
  const RemoteMetrics& received = b.remote().metrics();
  EXPECT_EQ(received.received_message_count.sum(), 500u);
  EXPECT_TRUE(eventually([&] { return sent.sent_message_count.sum() == 500; }));
  EXPECT_EQ(received.received_batch_count.sum(), sent.sent_batch_count.sum());
  // Between nodes of ours each batch has its number beside it.
  EXPECT_EQ(received.received_bytes.sum(),
            sent.sent_bytes.sum() + sent.sent_batch_count.sum() * encode_sequence(1).size());
  EXPECT_EQ(received.repeated_batch_count.sum(), 0u);
  EXPECT_EQ(received.refused_frame_count.sum(), 0u);
}

}  // namespace
}  // namespace nexus::remote
