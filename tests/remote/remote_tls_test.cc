// Links over TLS: who is let in, as whom, and what a new certificate changes.
#include <gtest/gtest.h>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "nexus/v1/types.pb.h"
#include "remote/grpc_tls.h"
#include "tests/remote/raw_peer.h"
#include "tests/remote/remote_node.h"
#include "tests/support/certificates.h"

namespace nexus::remote {
namespace {

using core::Answer;
using std::chrono::milliseconds;

class RemoteTls : public testing::Test {
 protected:
  // Each refusal takes so long, so it is short where nothing else is asked for.
  static constexpr milliseconds kSoon{200};
  // Longer than a handshake takes on a busy machine.
  static constexpr milliseconds kLate{1500};

  static std::shared_ptr<TlsIdentity> identity(TlsMaterial material,
                                               TlsIdentity::Options options = {}) {
    return std::make_shared<TlsIdentity>(std::move(options), std::move(material));
  }

  static RemoteNode::Settings settings(char digit, std::shared_ptr<TlsIdentity> tls,
                                       milliseconds unreachable_after = kLate) {
    RemoteNode::Settings settings;
    settings.member_id = std::string(32, digit);
    settings.remote.reconnect_min = milliseconds(5);
    settings.remote.reconnect_max = milliseconds(20);
    settings.remote.unreachable_after = unreachable_after;
    settings.tls = std::move(tls);
    return settings;
  }

  static void serve(RemoteNode& node) {
    (void)node.spawn(core::props_of([](core::Context& context) {
                       if (context.message<v1::CounterRequest>()) {
                         context.respond(v1::CounterReply());
                       }
                     }),
                     "actor");
  }
  static Answer::Outcome ask(RemoteNode& from, RemoteNode& to) {
    return from->ask(to.pid("actor"), v1::CounterRequest(), test::kPatience).outcome;
  }
  void expect_answered(RemoteNode& from, RemoteNode& to) {
    EXPECT_EQ(ask(from, to), Answer::Outcome::answered);
  }
  void expect_refused(RemoteNode& from, RemoteNode& to) {
    EXPECT_EQ(ask(from, to), Answer::Outcome::link_failed);
  }

  // How a stream ends whose handshake comes over a connection with this certificate and names this address.
  static grpc::Status connect_as(RemoteNode& node, const TlsMaterial& shown,
                                 const std::string& address) {
    RawPeer peer(node.address(), shown);
    if (peer.write(encode(ConnectRequest{"rawpeer", address}))) {
      if (peer.read() == encode(ConnectResponse{std::string(32, 'a'), false})) {
        return grpc::Status::OK;
      }
    }
    return peer.status();
  }

  test::Certificates ca_;
  test::Certificates other_ca_{"other"};
};

TEST_F(RemoteTls, NodesOfOneAuthorityTalkInBothDirections) {
  RemoteNode a(settings('a', identity(ca_.for_loopback())));
  RemoteNode b(settings('b', identity(ca_.for_loopback())));
  serve(a);
  serve(b);
  expect_answered(a, b);
  expect_answered(b, a);
}

TEST_F(RemoteTls, AnotherAuthoritysNodeIsRefusedByWhoeverTrustsNot) {
  RemoteNode a(settings('a', identity(ca_.for_loopback()), kSoon));
  TlsMaterial of_other = other_ca_.for_loopback();
  RemoteNode stranger(settings('b', identity(of_other), kSoon));
  of_other.authorities += ca_.authority();
  RemoteNode trusting(settings('c', identity(of_other), kSoon));
  for (RemoteNode* node : {&a, &stranger, &trusting}) serve(*node);
  expect_refused(a, stranger);
  expect_refused(stranger, a);
  expect_refused(trusting, a);
  expect_refused(a, trusting);
}

TEST_F(RemoteTls, PlaintextAndTlsDoNotMixInEitherDirection) {
  RemoteNode a(settings('a', identity(ca_.for_loopback()), kSoon));
  RemoteNode plain(settings('b', nullptr, kSoon));
  serve(a);
  serve(plain);
  expect_refused(a, plain);
  expect_refused(plain, a);
}

TEST_F(RemoteTls, WithoutACertificateNobodyIsLetIn) {
  RemoteNode a(settings('a', identity(ca_.for_loopback())));
  EXPECT_FALSE(connect_as(a, {.authorities = ca_.authority()}, "127.0.0.1:1").ok());
  RemoteNode lax(settings('a', identity(ca_.for_loopback(), {.mutual = false})));
  EXPECT_TRUE(connect_as(lax, {.authorities = ca_.authority()}, "127.0.0.1:1").ok())
      << "unless it is not mutual";
}

TEST_F(RemoteTls, APeerIsOnlyTakenAsTheHostOfItsCertificate) {
  RemoteNode a(settings('a', identity(ca_.for_loopback())));
  const TlsMaterial of_host = ca_.issue("subjectAltName=DNS:node2.example,IP:10.1.2.3,IP:fe80::1");
  for (const char* address :
       {"node2.example:1", "NODE2.example:2", "10.1.2.3:1", "[fe80:0::1]:1"}) {
    EXPECT_TRUE(connect_as(a, of_host, address).ok()) << address;
  }
  for (const char* address : {"127.0.0.1:1", "node3.example:1", "10.1.2.4:1", "c1:1"}) {
    EXPECT_EQ(connect_as(a, of_host, address).error_code(), grpc::StatusCode::PERMISSION_DENIED)
        << address;
  }
}

// Its certificate bears out its address, and nothing its member id.
TEST_F(RemoteTls, L3_AMemberIdOfAnotherDoesNotEndTheWatchesOfThat) {
  RemoteNode a(settings('a', identity(ca_.for_loopback())));
  RemoteNode b(settings('b', identity(ca_.for_loopback())));
  const auto diary = test::new_diary();
  const core::Pid watcher = a.spawn(test::steered(diary), "watcher");
  const core::Pid watched = b.spawn(test::steered(test::new_diary()), "x");
  (void)a->send(watcher, test::Do{[&](core::Context& context) { context.watch(b.pid("x")); }});
  EXPECT_TRUE(test::eventually([&] { return watched.cell()->watcher_count() == 1; }));
  RawPeer liar(a.address(), ca_.issue("subjectAltName=DNS:node2.example"));
  ASSERT_TRUE(liar.write(encode(ConnectRequest{std::string(32, 'b'), "node2.example:1"})));
  ASSERT_EQ(liar.read(), encode(ConnectResponse{std::string(32, 'a'), false}));
  const WireMessage terminated = wire_message(
      a.remote().types(),
      core::make_envelope(core::Terminated{b.pid("x"), core::TerminatedReason::stopped}),
      a.pid("watcher"));
  WireMessage next;
  next.type_name = "some.T";
  next.target = a.pid("watcher");
  ASSERT_TRUE(liar.write(encode_batch({terminated, next}, Dialect::strings)));
  test::expect_next(*diary, {"started", "nexus::core::Payload"});
  b->stop(watched);
  test::expect_next(*diary, {"terminated x stopped"});
}

TEST_F(RemoteTls, AClientsCertificateIsNoNodes) {
  RemoteNode a(settings('a', identity(ca_.for_loopback())));
  const TlsMaterial of_client = ca_.issue("extendedKeyUsage=clientAuth");
  EXPECT_EQ(connect_as(a, of_client, "127.0.0.1:1").error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(RemoteTls, AServerThatHasAnotherHostsCertificateIsNotTalkedTo) {
  RemoteNode a(settings('a', identity(ca_.for_loopback()), kSoon));
  RemoteNode impostor(
      settings('b', identity(ca_.issue("subjectAltName=DNS:node2.example")), kSoon));
  serve(impostor);
  expect_refused(a, impostor);
}

TEST_F(RemoteTls, ANameForAllNodesStandsForTheirHosts) {
  const TlsIdentity::Options named{.mutual = true, .peer_name = "node.nexus"};
  RemoteNode a(settings('a', identity(ca_.issue("subjectAltName=DNS:node.nexus"), named)));
  RemoteNode b(settings('b', identity(ca_.issue("subjectAltName=DNS:node.nexus"), named)));
  RemoteNode unnamed(settings('c', identity(ca_.for_loopback(), named), kSoon));
  for (RemoteNode* node : {&a, &b, &unnamed}) serve(*node);
  expect_answered(a, b);
  expect_refused(a, unnamed);
  expect_refused(unnamed, a);
}

TEST_F(RemoteTls, Y2_NewConnectionsUseTheNewCertificateAndOldOnesStay) {
  const auto tls_of_a = identity(ca_.for_loopback());
  RemoteNode a(settings('a', tls_of_a));
  RemoteNode b(settings('b', identity(ca_.for_loopback())));
  serve(a);
  serve(b);
  expect_answered(a, b);
  expect_answered(b, a);
  tls_of_a->replace(other_ca_.for_loopback());
  expect_answered(a, b);
  expect_answered(b, a);
  EXPECT_TRUE(connect_as(a, other_ca_.for_loopback(), "127.0.0.1:1").ok());
  EXPECT_FALSE(connect_as(a, ca_.for_loopback(), "127.0.0.1:1").ok());
  // A link that is dialled again picks it up: b does not know the new authority.
  b.drop_connections();
  EXPECT_TRUE(test::eventually([&] { return ask(a, b) == Answer::Outcome::link_failed; }));
}

TEST_F(RemoteTls, APairThatDoesNotFitLeavesTheOneInUse) {
  const auto tls = identity(ca_.for_loopback());
  RemoteNode a(settings('a', tls));
  const TlsMaterial peer = ca_.for_loopback();
  EXPECT_TRUE(connect_as(a, peer, "127.0.0.1:1").ok());
  TlsMaterial unfit = ca_.for_loopback();
  unfit.key = peer.key;
  tls->replace(unfit);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(connect_as(a, peer, "127.0.0.1:1").ok());
  tls->replace({});
  EXPECT_TRUE(connect_as(a, peer, "127.0.0.1:1").ok()) << "not even an empty one";
}

}  // namespace
}  // namespace nexus::remote
