// Clients of a node over loopback gRPC, each a stream that says and reads what the test wants.
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "remote/batch_encoder.h"
#include "tests/remote/raw_peer.h"
#include "tests/remote/remote_node.h"

namespace nexus::remote {
namespace {

using core::DeadLetterReason;
using core::Pid;
using test::eventually;

// One stream of the client `c`.
class RawClient {
 public:
  explicit RawClient(RemoteNode& node, std::string member_id = "c")
      : node_(node), member_id_(std::move(member_id)), peer_(node.address()) {
    EXPECT_TRUE(peer_.write(
        encode(ConnectRequest{.member_id = member_id_, .address = {}, .client = true})));
  }

  Pid pid(const std::string& id) const { return node_.pid("$client/" + member_id_ + "/" + id); }
  ConnectResponse await_answer() { return take<ConnectResponse>(); }
  // The next batch: `target: type` for each message.
  std::string read() {
    std::string text;
    for (const ReceivedMessage& message : take<ReceivedBatch>().messages) {
      text += (text.empty() ? "" : " ") + message.target_id + ":" + message.type_name;
    }
    return text;
  }
  void send(const std::string& type_name, const std::string& data, const Pid& target,
            const Pid& sender = {}) {
    BatchEncoder encoder;
    encoder.begin(Dialect::strings);
    EXPECT_TRUE(
        encoder.try_add({.type_name = type_name, .target = target, .sender = sender}, data));
    EXPECT_TRUE(peer_.write(std::string(encoder.finish())));
  }
  RawPeer& peer() { return peer_; }

  template <typename Frame>
  Frame take() {
    const auto frame = peer_.read();
    EXPECT_TRUE(frame.has_value()) << "the stream has ended";
    const auto decoded = read_frame(frame.value_or(""));
    const auto* expected = decoded.ok() ? std::get_if<Frame>(&*decoded) : nullptr;
    EXPECT_NE(expected, nullptr);
    return expected == nullptr ? Frame{} : *expected;
  }

 private:
  RemoteNode& node_;
  const std::string member_id_;
  RawPeer peer_;
};

class RemoteClient : public testing::Test {
 protected:
  static RemoteNode::Settings settings() {
    RemoteNode::Settings settings;
    settings.remote.unreachable_after = std::chrono::milliseconds(200);
    return settings;
  }

  RemoteClient() { test::expect_next(*diary_, {"started"}); }

  void in_turn(std::function<void(core::Context&)> task) {
    const auto done = std::make_shared<test::Gate>();
    (void)node_->send(actor_, test::Do{[task = std::move(task), done](core::Context& context) {
                        task(context);
                        done->open();
                      }});
    EXPECT_TRUE(done->wait());
  }
  void watch(const Pid& target) {
    in_turn([&](core::Context& context) { context.watch(target); });
  }
  std::uint64_t dead_letter_count(DeadLetterReason reason) {
    return node_->dead_letters().count(reason);
  }

  RemoteNode node_{settings()};
  const std::shared_ptr<test::Diary> diary_ = test::new_diary();
  const Pid actor_ = node_.spawn(test::steered(diary_), "actor");
};

TEST_F(RemoteClient, AnActorAnswersTheClientsActor) {
  (void)node_.spawn(core::props_of([](core::Context& context) {
                      if (context.message<core::Payload>()) context.respond(core::Touched{});
                    }),
                    "asked");
  RawClient client(node_);
  EXPECT_EQ(client.await_answer().member_id, std::string(32, '1'));
  for (int i = 0; i < 3; ++i) {
    client.send("some.T", "", node_.pid("asked"), Pid::of_name("localhost:1", "$client/c/x"));
    EXPECT_EQ(client.read(), "$client/c/x:actor.Touched");
  }
}

TEST_F(RemoteClient, AnActorAsksAndWatchesTheClientsActor) {
  RawClient client(node_);
  (void)client.await_answer();
  watch(client.pid("x"));
  EXPECT_EQ(client.read(), "$client/c/x:actor.Watch");
  watch(client.pid("x"));
  // By the name that the client gives itself, too.
  in_turn(
      [&](core::Context& context) { context.send(Pid::of_name("$client/c", "x"), core::Touch{}); });
  EXPECT_EQ(client.read(), "$client/c/x:actor.Touch");
  client.peer().end_writes();
  EXPECT_EQ(client.peer().status().error_code(), grpc::StatusCode::UNAVAILABLE);
  test::expect_next(*diary_, {"terminated $client/c/x address_terminated"});
  EXPECT_TRUE(eventually([&] { return node_.remote().endpoints().all().empty(); }));
}

TEST_F(RemoteClient, WhatIsForAClientThatIsNotThereComesBackAtOnce) {
  const Pid absent = node_.pid("$client/c/x");
  watch(absent);
  test::expect_next(*diary_, {"terminated $client/c/x address_terminated"});
  const core::Answer answer = node_->ask(absent, core::Touch{}, test::kPatience);
  EXPECT_EQ(answer.outcome, core::Answer::Outcome::link_failed);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), 1u);
  EXPECT_TRUE(node_.remote().block("c").ok());
  (void)node_->send(absent, core::Touch{});
  EXPECT_EQ(dead_letter_count(DeadLetterReason::blocked), 1u);
  (void)node_->send(Pid::of_name("$client/", "x"), core::Touch{});
  EXPECT_EQ(dead_letter_count(DeadLetterReason::no_such_actor), 1u);
  EXPECT_TRUE(node_.remote().endpoints().all().empty()) << "nothing was dialled";
}

TEST_F(RemoteClient, AnActorOfAnotherNodeReachesTheClientThroughThisOne) {
  RemoteNode::Settings other = settings();
  other.member_id = std::string(32, '2');
  RemoteNode far(other);
  RawClient client(node_);
  (void)client.await_answer();
  const auto diary = test::new_diary();
  const Pid asker = far.spawn(test::steered(diary), "asker");
  (void)far->send(asker, test::Do{[&](core::Context& context) {
                    context.request(client.pid("x"), core::Touch{});
                  }});
  const auto batch = client.take<ReceivedBatch>();
  ASSERT_EQ(batch.messages.size(), 1u);
  EXPECT_EQ(batch.messages[0].sender_address, far.address()) << "whom the client can dial";
  EXPECT_EQ(batch.messages[0].target_id, "$client/c/x");
}

TEST_F(RemoteClient, WhatAClientWatchedAtAnotherIsTakenBackWhenItIsGone) {
  RawClient watched(node_, "c");
  (void)watched.await_answer();
  RawClient watching(node_, "d");
  (void)watching.await_answer();
  const WireMessage watch = wire_message(
      node_.remote().types(), core::make_envelope(core::Watch{Pid::of_name("$client/d", "w")}));
  watching.send(watch.type_name, watch.data, watched.pid("x"));
  EXPECT_EQ(watched.read(), "$client/c/x:actor.Watch");
  watching.peer().end_writes();
  EXPECT_EQ(watched.read(), "$client/c/x:actor.Unwatch");
  EXPECT_EQ(node_.remote().endpoints().find("$client/c")->watch_count(), 0u);
}

TEST_F(RemoteClient, K1_ABlockedClientLosesItsStream) {
  RawClient client(node_);
  (void)client.await_answer();
  watch(client.pid("x"));
  EXPECT_TRUE(node_.remote().block("c").ok());
  EXPECT_EQ(client.peer().status().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  test::expect_next(*diary_, {"terminated $client/c/x address_terminated"});
  RawClient again(node_);
  EXPECT_TRUE(again.await_answer().blocked);
  EXPECT_TRUE(node_.remote().unblock("c"));
  RawClient later(node_);
  EXPECT_FALSE(later.await_answer().blocked);
}

TEST_F(RemoteClient, N5_TheSameClientOnAnotherStreamTakesTheFirstOnesPlace) {
  RawClient first(node_);
  (void)first.await_answer();
  RawClient second(node_);
  (void)second.await_answer();
  EXPECT_EQ(first.peer().status().error_code(), grpc::StatusCode::ABORTED);
  (void)node_->send(second.pid("x"), core::Touch{});
  EXPECT_EQ(second.read(), "$client/c/x:actor.Touch");
}

TEST_F(RemoteClient, N6_AClientThatDoesNotReadIsNotWaitedForWhenItIsReplaced) {
  RawClient first(node_);
  (void)first.await_answer();
  core::Payload large{"some.T", core::Payload::kProtobuf, std::string(1 << 20, 'x')};
  for (int i = 0; i < 8; ++i) (void)node_->send(first.pid("x"), large);
  const auto link = node_.remote().endpoints().find("$client/c");
  ASSERT_NE(link, nullptr);
  EXPECT_TRUE(eventually([&] { return link->waiting_count() < 8; })) << "a write has begun";
  RawClient second(node_);
  (void)second.await_answer();
  // Broken off, while a write waits for it to read: its stream was the last to hold the link.
  EXPECT_TRUE(eventually([&] { return link.use_count() == 1; }));
  (void)node_->send(second.pid("x"), core::Touch{});
  EXPECT_EQ(second.read(), "$client/c/x:actor.Touch");
}

TEST_F(RemoteClient, AGoodbyeComesBehindWhatWaits) {
  RawClient client(node_);
  (void)client.await_answer();
  // Each has a frame of its own.
  core::Payload large{"some.T", core::Payload::kProtobuf, std::string(2 << 20, 'x')};
  for (int i = 0; i < 3; ++i) (void)node_->send(client.pid("x"), large);
  std::thread stopping([&] { EXPECT_TRUE(node_.stop()); });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.read(), "$client/c/x:some.T");
  (void)client.take<DisconnectRequest>();
  EXPECT_EQ(client.peer().status().error_code(), grpc::StatusCode::UNAVAILABLE);
  stopping.join();
}

}  // namespace
}  // namespace nexus::remote
