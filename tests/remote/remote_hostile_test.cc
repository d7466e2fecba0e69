// A node and peers that break the protocol, whichever side dialled.
#include <arpa/inet.h>
#include <google/protobuf/stubs/logging.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <random>
#include <thread>

#include "core/actor/messages.h"
#include "nexus/v1/types.pb.h"
#include "protoactor/remote.grpc.pb.h"
#include "tests/remote/raw_peer.h"
#include "tests/remote/remote_node.h"

namespace nexus::remote {
namespace {

using core::Answer;
using std::chrono::milliseconds;
using test::eventually;

RemoteNode::Settings settings() {
  RemoteNode::Settings settings;
  settings.remote.reconnect_min = milliseconds(5);
  settings.remote.reconnect_max = milliseconds(20);
  settings.remote.unreachable_after = test::kPatience;
  settings.remote.message_bytes_max = 100'000;
  settings.remote.batch_bytes_max = 100'000;
  return settings;
}

class HostileDialler : public testing::Test {
 protected:
  ~HostileDialler() override {
    // Whatever was done to the node, it still works.
    if (closed_) return;
    RawPeer good(node_.address());
    good.connect();
  }

  static std::string batch(const std::string& target = "nobody") {
    WireMessage message;
    message.target = core::Pid::of_name("h:1", target);
    message.type_name = "some.Type";
    return encode_batch({message}, Dialect::strings);
  }

  RemoteNode node_{settings()};
  bool closed_ = false;
};

TEST_F(HostileDialler, AHandshakeIsAnsweredWithTheMemberId) {
  RawPeer peer(node_.address());
  ASSERT_TRUE(peer.write(encode(ConnectRequest{"rawpeer", "127.0.0.1:1", false})));
  EXPECT_EQ(peer.read(), encode(ConnectResponse{settings().member_id, false}));
}

TEST_F(HostileDialler, ABatchBeforeTheHandshakeEndsTheStream) {
  RawPeer peer(node_.address());
  (void)peer.write(batch());
  EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(node_->dead_letters().door_count(), 0u) << "and was not looked into";
  EXPECT_TRUE(eventually([&] { return node_.remote().metrics().refused_frame_count.sum() == 1; }));
  EXPECT_EQ(node_.remote().metrics().received_batch_count.sum(), 0u);
}

TEST_F(HostileDialler, ASecondHandshakeEndsTheStream) {
  RawPeer peer(node_.address());
  peer.connect();
  (void)peer.write(encode(ConnectRequest{"rawpeer", "127.0.0.1:1", false}));
  EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(HostileDialler, TwoHandshakesInARowEndTheStream) {
  RawPeer peer(node_.address());
  (void)peer.write(encode(ConnectRequest{"rawpeer", "127.0.0.1:1", false}));
  (void)peer.write(encode(ConnectRequest{"rawpeer", "127.0.0.1:1", false}));
  EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(HostileDialler, AClientsIdThatCannotStandInAPidIsInvalid) {
  for (const char* member_id : {"", "a/b", "a b"}) {
    RawPeer peer(node_.address());
    (void)peer.write(encode(ConnectRequest{member_id, "", true}));
    EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(HostileDialler, AHandshakeWithoutIdOrAddressIsInvalid) {
  for (const auto& request :
       {ConnectRequest{"", "127.0.0.1:1", false}, ConnectRequest{"rawpeer", "", false}}) {
    RawPeer peer(node_.address());
    (void)peer.write(encode(request));
    EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

// What it says is kept for longer than its stream.
TEST_F(HostileDialler, AHandshakeWithALongIdOrAddressIsInvalid) {
  const std::string id(BlockList::kIdBytesMax, 'i');
  const std::string address(Peer::kAddressBytesMax, 'a');
  RawPeer longest(node_.address());
  ASSERT_TRUE(longest.write(encode(ConnectRequest{id, address, false})));
  EXPECT_EQ(longest.read(), encode(ConnectResponse{settings().member_id, false}));
  for (const auto& request :
       {ConnectRequest{id + "i", address, false}, ConnectRequest{id, address + "a", false}}) {
    RawPeer peer(node_.address());
    (void)peer.write(encode(request));
    EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(HostileDialler, ANodeThatSaysItIsAtTheNameOfAClientIsInvalid) {
  RawPeer client(node_.address());
  ASSERT_TRUE(client.write(encode(ConnectRequest{"c", "", true})));
  EXPECT_EQ(client.read(), encode(ConnectResponse{settings().member_id, false}));
  RawPeer thief(node_.address());
  (void)thief.write(encode(ConnectRequest{"thief", "$client/c", false}));
  EXPECT_EQ(thief.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto link = node_.remote().endpoints().find("$client/c");
  ASSERT_NE(link, nullptr);
  EXPECT_TRUE(eventually([&] { return link->is_connected(); })) << "the client has its link";
}

TEST_F(HostileDialler, FramesThatOnlyTheNodeSendsAreInvalid) {
  for (const std::string& frame :
       {encode(ConnectResponse{"x", false}), encode(DisconnectRequest{}), std::string()}) {
    RawPeer peer(node_.address());
    peer.connect();
    (void)peer.write(frame);
    EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(HostileDialler, AFrameOverTheLimitEndsTheStream) {
  RawPeer peer(node_.address());
  peer.connect();
  (void)peer.write(std::string(frame_bytes_max(settings().remote) + 1, 'x'));
  EXPECT_FALSE(peer.status().ok());
}

TEST_F(HostileDialler, TheEndOfItsWritesEndsTheStreamButNeverWithOk) {
  RawPeer connected(node_.address());
  connected.connect();
  connected.end_writes();
  EXPECT_EQ(connected.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  RawPeer silent(node_.address());
  silent.end_writes();
  EXPECT_EQ(silent.status().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HostileDialler, TheNodeSaysGoodbyeAndNeverOk) {
  RawPeer peer(node_.address());
  peer.connect();
  RawPeer silent(node_.address());
  closed_ = true;
  std::thread stopper([&] { EXPECT_TRUE(node_.remote().close(test::kPatience)); });
  EXPECT_EQ(peer.read(), encode(DisconnectRequest{}));
  EXPECT_EQ(peer.read(), std::nullopt);
  EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(silent.read(), std::nullopt) << "who did not introduce itself gets no goodbye";
  EXPECT_EQ(silent.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  stopper.join();
  RawPeer late(node_.address());
  EXPECT_EQ(late.status().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HostileDialler, MessagesAreNeverAnsweredOnTheStreamThatBroughtThem) {
  RawPeer peer(node_.address());
  peer.connect();
  WireMessage touch;
  touch.target = node_.pid("a");
  touch.sender = core::Pid::of_name("127.0.0.1:1", "asker");
  touch.type_name = "actor.Touch";
  const core::Pid actor = node_.spawn(core::props_of([](core::Context&) {}), "a");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(peer.write(encode_batch({touch}, Dialect::strings)));
  EXPECT_TRUE(eventually([&] { return actor.cell()->processed_count() == 3; }));
  peer.end_writes();
  EXPECT_EQ(peer.read(), std::nullopt);
}

TEST_F(HostileDialler, BadEnvelopesAreSkippedAndTheRestArrives) {
  ::remote::RemoteMessage frame;
  auto* made = frame.mutable_message_batch();
  made->add_type_names("some.Type");
  made->add_targets("a");
  for (const int target : {7, 0, -1, 0}) made->add_envelopes()->set_target(target);
  const core::Pid actor = node_.spawn(core::props_of([](core::Context&) {}), "a");
  RawPeer peer(node_.address());
  peer.connect();
  EXPECT_TRUE(peer.write(frame.SerializeAsString()));
  EXPECT_TRUE(eventually([&] { return actor.cell()->processed_count() == 2; }));
}

TEST_F(HostileDialler, AHandshakeThatIsNestedTooDeepIsNoFrame) {
  const google::protobuf::LogSilencer quiet;
  for (const std::size_t depth : {101u, 40'000u}) {
    RawPeer peer(node_.address());
    // A ConnectRequest that holds groups in groups, in a field that nobody knows.
    const std::string groups = std::string(depth, '\x7b') + std::string(depth, '\x7c');
    std::string frame = "\x12";
    for (std::size_t size = groups.size(); size > 0; size >>= 7) {
      frame += static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
    }
    (void)peer.write(frame + groups);
    EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << depth;
  }
}

TEST_F(HostileDialler, AHandshakeMayNameManyBlockedMembers) {
  RawPeer peer(node_.address());
  const std::vector<std::string> many(10'000, "somebody else");
  EXPECT_TRUE(peer.write(encode(
      ConnectRequest{.member_id = "rawpeer", .address = "127.0.0.1:1", .block_list = many})));
  EXPECT_EQ(peer.read(), encode(ConnectResponse{settings().member_id, false}));
}

// Whether or not the actor is there, and so whoever would answer.
TEST_F(HostileDialler, WatchersAtInventedAddressesLeaveTheLinksToOthers) {
  RemoteNode::Settings small = settings();
  small.remote.peer_count_max = 20;
  small.remote.hearsay_peer_count_max = 5;
  RemoteNode node(small);
  (void)node.spawn(test::steered(test::new_diary()), "somebody");
  RawPeer peer(node.address());
  peer.connect();
  for (int i = 0; i < 100; ++i) {
    const core::Pid invented = core::Pid::of_name("127.0.0.1:" + std::to_string(i + 2), "w");
    const WireMessage watch =
        wire_message(node.remote().types(), core::make_envelope(core::Watch{invented}),
                     node.pid(i % 2 == 0 ? "somebody" : "nobody"));
    ASSERT_TRUE(peer.write(encode_batch({watch}, Dialect::strings)));
  }
  EXPECT_TRUE(eventually([&] { return node.remote().metrics().refused_watch_count.sum() == 95; }));
  EXPECT_EQ(node.remote().endpoints().all().size(), 5u);
  const RemoteNode other(settings());
  v1::CounterRequest request;
  EXPECT_NE(node->ask(other.pid("x"), request, test::kPatience).detail, "link_down");
}

TEST_F(HostileDialler, RandomBytesHarmNobody) {
  const google::protobuf::LogSilencer quiet;
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    std::minstd_rand random(seed);
    RawPeer peer(node_.address());
    if (seed % 3 != 0) peer.connect();
    for (int i = 0; i < 5; ++i) {
      std::string frame(random() % 60, '\0');
      for (char& c : frame) c = static_cast<char>(random());
      if (frame.size() > 2 && seed % 2 == 0) {
        frame[0] = '\x0a';
        frame[1] = static_cast<char>(frame.size() - 2);
      }
      if (!peer.write(frame)) break;
    }
  }
}

TEST_F(HostileDialler, PeersThatVanishAtAnyMomentLeaveNothingBehind) {
  for (int i = 0; i < 60; ++i) {
    RawPeer peer(node_.address());
    if (i % 2 == 0) (void)peer.write(encode(ConnectRequest{"rawpeer", "127.0.0.1:1", false}));
    if (i % 4 == 0) (void)peer.write(batch());
  }
}

// The far end of a stream that the node dialled, acting by a script.
class ScriptedServer {
 public:
  using Stream = grpc::ServerReaderWriter<::remote::RemoteMessage, ::remote::RemoteMessage>;
  using Script = std::function<grpc::Status(Stream&)>;

  explicit ScriptedServer(Script script) : service_(std::move(script)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
  }
  ~ScriptedServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  const std::string address = free_address();

  static ::remote::RemoteMessage handshake(bool blocked = false) {
    ::remote::RemoteMessage frame;
    frame.mutable_connect_response()->set_member_id("scripted");
    frame.mutable_connect_response()->set_blocked(blocked);
    return frame;
  }
  // Reads until the node ends the stream.
  static void swallow(Stream& stream) {
    ::remote::RemoteMessage frame;
    while (stream.Read(&frame)) {
    }
  }

 private:
  class Service final : public ::remote::Remoting::Service {
   public:
    explicit Service(Script script) : script_(std::move(script)) {}
    grpc::Status Receive(grpc::ServerContext*, Stream* stream) override { return script_(*stream); }

   private:
    const Script script_;
  };
  Service service_;
  std::unique_ptr<grpc::Server> server_;
};

class HostileServer : public testing::Test {
 protected:
  Answer ask(const std::string& address) {
    v1::CounterRequest request;
    return node_->ask(core::Pid::of_name(address, "x"), request, test::kPatience);
  }
  void expect_link_failed(const ScriptedServer& server, const std::string& detail = "link_down") {
    const Answer answer = ask(server.address);
    EXPECT_EQ(answer.outcome, Answer::Outcome::link_failed);
    EXPECT_EQ(answer.detail, detail);
  }

  static RemoteNode::Settings impatient() {
    RemoteNode::Settings made = settings();
    made.remote.unreachable_after = milliseconds(100);
    return made;
  }

  RemoteNode node_{impatient()};
};

TEST_F(HostileServer, OneThatNeverAnswersTheHandshakeIsUnreachable) {
  ScriptedServer server([](ScriptedServer::Stream& stream) {
    ScriptedServer::swallow(stream);
    return grpc::Status::OK;
  });
  expect_link_failed(server);
}

TEST_F(HostileServer, OneThatTakesConnectionsAndNeverSpeaksIsUnreachable) {
  const std::string address = free_address();
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  ASSERT_EQ(listen(fd, 16), 0);
  EXPECT_EQ(ask(address).outcome, Answer::Outcome::link_failed);
  close(fd);
}

TEST_F(HostileServer, OneThatEndsTheStreamAtOnceIsUnreachable) {
  for (const auto& status : {grpc::Status::OK, grpc::Status(grpc::StatusCode::INTERNAL, "no")}) {
    ScriptedServer server([&](ScriptedServer::Stream&) { return status; });
    expect_link_failed(server);
  }
}

TEST_F(HostileServer, OneThatRefusesIsGoneAtOnce) {
  ScriptedServer server([](ScriptedServer::Stream& stream) {
    stream.Write(ScriptedServer::handshake(true));
    ScriptedServer::swallow(stream);
    return grpc::Status::OK;
  });
  expect_link_failed(server);
}

TEST_F(HostileServer, OneThatSaysGoodbyeInsteadOfAHandshakeIsGoneAtOnce) {
  ScriptedServer server([](ScriptedServer::Stream& stream) {
    ::remote::RemoteMessage frame;
    frame.mutable_disconnect_request();
    stream.Write(frame);
    ScriptedServer::swallow(stream);
    return grpc::Status::OK;
  });
  expect_link_failed(server);
}

TEST_F(HostileServer, OneThatAnswersWithAnEmptyFrameIsUnreachable) {
  ScriptedServer server([](ScriptedServer::Stream& stream) {
    stream.Write(::remote::RemoteMessage());
    ScriptedServer::swallow(stream);
    return grpc::Status::OK;
  });
  expect_link_failed(server);
}

TEST_F(HostileServer, OneThatSendsMoreThanTheLimitIsUnreachable) {
  ScriptedServer server([](ScriptedServer::Stream& stream) {
    ::remote::RemoteMessage frame;
    frame.mutable_connect_response()->set_member_id(std::string(1'000'000, 'm'));
    stream.Write(frame);
    ScriptedServer::swallow(stream);
    return grpc::Status::OK;
  });
  expect_link_failed(server);
}

TEST_F(HostileServer, OneThatAnswersWithALongIdIsUnreachable) {
  ScriptedServer server([](ScriptedServer::Stream& stream) {
    ::remote::RemoteMessage frame;
    frame.mutable_connect_response()->set_member_id(std::string(BlockList::kIdBytesMax + 1, 'm'));
    stream.Write(frame);
    ScriptedServer::swallow(stream);
    return grpc::Status::OK;
  });
  expect_link_failed(server);
}

TEST_F(HostileServer, OneThatNeverReadsStopsTheQueueAtItsLimitAndNotTheNode) {
  RemoteNode::Settings small = settings();
  small.remote.queue_count_max = 50;
  RemoteNode node(small);
  test::Gate end;
  ScriptedServer server([&](ScriptedServer::Stream& stream) {
    ::remote::RemoteMessage frame;
    stream.Read(&frame);
    stream.Write(ScriptedServer::handshake());
    (void)end.wait();
    return grpc::Status::CANCELLED;
  });
  const core::Payload large{"some.Type", core::Payload::kProtobuf, std::string(90'000, 'x')};
  EXPECT_TRUE(eventually([&] {
    (void)node->send(core::Pid::of_name(server.address, "x"), large);
    return node->dead_letters().count(core::DeadLetterReason::link_queue_full) > 0;
  }));
  EXPECT_FALSE(node.remote().close(milliseconds(20))) << "what waits cannot be sent";
  node.crash();
  end.open();
}

// It watches who is not there, and never reads that nobody is.
TEST_F(HostileServer, L5_OneThatWritesWatchesAndNeverReadsIsGone) {
  RemoteNode::Settings small = settings();
  small.remote.queue_count_max = 50;
  small.remote.queue_reserve_count_max = 200;
  RemoteNode node(small);
  test::Gate end;
  ScriptedServer server([&](ScriptedServer::Stream& stream) {
    ::remote::RemoteMessage frame;
    stream.Read(&frame);
    stream.Write(ScriptedServer::handshake());
    (void)end.wait();
    return grpc::Status::CANCELLED;
  });
  RawPeer peer(node.address());
  ASSERT_TRUE(peer.write(encode(ConnectRequest{"scripted", server.address, false})));
  ASSERT_TRUE(peer.read().has_value());
  const std::vector<WireMessage> watches(
      100,
      wire_message(node.remote().types(),
                   core::make_envelope(core::Watch{core::Pid::of_name(server.address, "watcher")}),
                   node.pid(std::string(1'000, 'n'))));
  const std::string frame = encode_batch(watches, Dialect::strings);
  EXPECT_TRUE(eventually(
      [&] { return !peer.write(frame) || node.remote().metrics().overrun_count.sum() > 0; }));
  EXPECT_TRUE(eventually([&] { return node.remote().metrics().overrun_count.sum() == 1; }));
  EXPECT_EQ(peer.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  node.crash();
  end.open();
}

// gRPC's own threads end with the last channel or server of the process, and then one of them runs the end of our stream.
TEST(LastNode, MayEndWhileAPeerHoldsItsStream) {
  for (int i = 0; i < 5; ++i) {
    test::Gate end;
    ScriptedServer server([&](ScriptedServer::Stream& stream) {
      ::remote::RemoteMessage frame;
      stream.Read(&frame);
      stream.Write(ScriptedServer::handshake());
      (void)end.wait();
      return grpc::Status::CANCELLED;
    });
    RemoteNode node(settings());
    v1::CounterRequest request;
    (void)node->send(core::Pid::of_name(server.address, "x"), request);
    EXPECT_TRUE(eventually([&] {
      const auto endpoint = node.remote().endpoints().find(server.address);
      return endpoint->member_id() == "scripted" && endpoint->waiting_count() == 0;
    }));
    i % 2 == 0 ? (void)node.stop(milliseconds(10)) : node.crash();
    end.open();
  }
}

TEST_F(HostileServer, OneThatBreaksAndComesBackUnderTheSameIdGetsWhatWaited) {
  std::atomic<int> received_count{0};
  std::atomic<int> stream_count{0};
  ScriptedServer server([&](ScriptedServer::Stream& stream) {
    stream_count.fetch_add(1);
    ::remote::RemoteMessage frame;
    stream.Read(&frame);
    stream.Write(ScriptedServer::handshake());
    // Three batches for each stream.
    for (int i = 0; i < 3 && stream.Read(&frame); ++i)
      received_count.fetch_add(frame.message_batch().envelopes_size());
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "enough");
  });
  EXPECT_TRUE(eventually([&] {
    v1::CounterRequest request;
    (void)node_->send(core::Pid::of_name(server.address, "x"), request);
    return stream_count.load() >= 5;
  }));
  EXPECT_GT(received_count.load(), 5);
}

}  // namespace
}  // namespace nexus::remote
