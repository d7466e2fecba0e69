#include "daemon/node.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "cluster/cluster.h"
#include "core/actor/context.h"
#include "daemon/config/option_table.h"
#include "nexus/internal/v1/control.grpc.pb.h"
#include "nexus/v1/types.pb.h"
#include "remote/activation_messages.h"
#include "tests/support/wait.h"

namespace nexus::daemon {
namespace {

NodeConfig on_any_port(const std::string& name) {
  NodeConfig config;
  config.node.name = name;
  config.node.listen = {"127.0.0.1", 0};
  config.log.level = core::LogLevel::off;
  return config;
}

class Doubler final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    const auto* request = context.message<v1::CounterRequest>();
    if (request == nullptr) return;
    v1::CounterReply reply;
    reply.set_value(2 * request->add());
    context.respond(std::move(reply));
  }
};

TEST(Node, TwoNodesInOneProcessTalkToEachOther) {
  Node first;
  Node second;
  for (Node* node : {&first, &second}) {
    node->add_message<v1::CounterReply>();
    node->add_kind("doubler", core::props<Doubler>(), "doubles").accepts<v1::CounterRequest>();
    ASSERT_TRUE(node->start(on_any_port("n")).ok());
  }
  ASSERT_NE(first.address(), second.address());
  ASSERT_TRUE(first.system().spawn_named(core::share(core::props<Doubler>()), "d").ok());
  v1::CounterRequest request;
  request.set_add(21);
  core::Answer answer = second.system().ask(core::Pid::of_name(first.address(), "d"), request,
                                            std::chrono::seconds(5));
  ASSERT_EQ(answer.outcome, core::Answer::Outcome::answered);
  ASSERT_NE(answer.message->get<v1::CounterReply>(), nullptr);
  EXPECT_EQ(answer.message->get<v1::CounterReply>()->value(), 42);
  EXPECT_TRUE(first.stop());
  EXPECT_TRUE(second.stop());
}

TEST(Node, StartsWithEveryOptionAtItsLeastAndAtItsMost) {
  for (const bool most : {false, true}) {
    NodeConfig config = on_any_port("n");
    for (const NodeOption& option : node_options()) {
      if (option.spec.max == 0) continue;
      const std::uint64_t number = most ? option.spec.max : option.spec.min;
      const char* unit = option.spec.type == OptionType::duration ? "ms" : "";
      ASSERT_TRUE(assign(option, std::to_string(number) + unit, config).ok()) << option.spec.path;
    }
    Node node;
    ASSERT_TRUE(node.start(config).ok());
    // The activators are actors, too.
    EXPECT_EQ(node.system().spawn(core::share(core::props<Doubler>())).ok(), most);
    EXPECT_TRUE(node.stop());
  }
}

TEST(Node, PeersSpawnTheKindsThatAreEnabledAndNothingElse) {
  NodeConfig config = on_any_port("n");
  config.kinds["echo"].enabled = false;
  Node host;
  Node peer;
  ASSERT_TRUE(host.start(config).ok());
  ASSERT_TRUE(peer.start(on_any_port("p")).ok());
  const auto status_of = [&](const std::string& kind) {
    const core::Answer answer = peer.system().ask(core::Pid::of_name(host.address(), "activator"),
                                                  remote::ActorPidRequest{.name = "", .kind = kind},
                                                  std::chrono::seconds(5));
    const auto* response =
        answer.message == nullptr ? nullptr : answer.message->get<remote::ActorPidResponse>();
    EXPECT_NE(response, nullptr);
    return response == nullptr ? remote::ActivationStatus::unavailable : response->status;
  };
  EXPECT_EQ(status_of("counter"), remote::ActivationStatus::ok);
  for (const char* kind : {"echo", "activator", "$activator", "nexus::remote::Activator", ""}) {
    EXPECT_EQ(status_of(kind), remote::ActivationStatus::error) << kind;
  }
}

TEST(Node, APortThatIsTakenIsAnErrorThatNamesTheAddress) {
  Node first;
  ASSERT_TRUE(first.start(on_any_port("n")).ok());
  NodeConfig config = on_any_port("m");
  config.node.listen = *parse_host_port(first.address());
  Node second;
  const core::Status started = second.start(config);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, core::Errc::unavailable);
  EXPECT_NE(started.error().detail.find(first.address()), std::string::npos);
}

// The one listener has one limit for what it reads, and views of large clusters are larger than small messages of actors.
TEST(Node, ReadsControlMessagesHoweverSmallThoseOfActorsAre) {
  NodeConfig config = on_any_port("n");
  config.remote.message_bytes_max = 1024;
  config.remote.batch_bytes_max = 1024;
  Node node;
  ASSERT_TRUE(node.start(config).ok());
  ASSERT_TRUE(test::eventually(
      [&] { return node.cluster().status() == cluster::Cluster::Status::member; }));
  const auto stub = internal::v1::ControlService::NewStub(
      grpc::CreateChannel(node.address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->Connect(&context);
  internal::v1::Frame frame;
  frame.mutable_hello()->mutable_id()->set_high(1);
  frame.mutable_hello()->set_address("127.0.0.1:1");
  frame.set_message(std::string(7 * 1024 * 1024, 'x'));
  EXPECT_TRUE(stream->Write(frame));
  const std::string told = "a control frame of " + std::to_string(frame.ByteSizeLong()) +
                           " bytes from a node that is no member and was not asked for it; at "
                           "most 262144 are read";
  while (stream->Read(&frame)) continue;
  // So the cluster has seen it; it is not a node that may say as much.
  EXPECT_EQ(stream->Finish().error_message(), told);
  EXPECT_TRUE(node.stop());
}

TEST(Node, CanStartAgainAfterItHasStopped) {
  Node node;
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(node.start(on_any_port("n")).ok());
    EXPECT_TRUE(node.stop());
  }
}

TEST(Node, StopsTheActorsBeforeItEnds) {
  auto stopped = std::make_shared<test::Gate>();
  Node node;
  ASSERT_TRUE(node.start(on_any_port("n")).ok());
  ASSERT_TRUE(node.system()
                  .spawn(core::share(core::props_of([stopped](core::Context& context) {
                    if (context.message<core::Stopped>() != nullptr) stopped->open();
                  })))
                  .ok());
  EXPECT_TRUE(node.stop());
  EXPECT_TRUE(stopped->wait());
}

TEST(Node, AnActorThatDoesNotLetGoMissesTheDeadline) {
  auto entered = std::make_shared<test::Gate>();
  auto release = std::make_shared<test::Gate>();
  NodeConfig config = on_any_port("n");
  config.node.shutdown_timeout = std::chrono::milliseconds(200);
  Node node;
  ASSERT_TRUE(node.start(config).ok());
  ASSERT_TRUE(node.system()
                  .spawn(core::share(core::props_of([entered, release](core::Context& context) {
                    if (context.message<core::Started>() == nullptr) return;
                    entered->open();
                    release->wait();
                  })))
                  .ok());
  ASSERT_TRUE(entered->wait());
  EXPECT_FALSE(node.stop());
  release->open();
}

}  // namespace
}  // namespace nexus::daemon
