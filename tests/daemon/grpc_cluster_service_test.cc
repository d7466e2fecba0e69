#include "daemon/grpc_cluster_service.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_interceptor.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "nexus/v1/cluster_service.grpc.pb.h"
#include "remote/remote.h"
#include "tests/support/wait.h"

namespace nexus::daemon {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;

struct Gates {
  test::Gate asked;
  test::Gate held;
  test::Gate release;
};

// Holds whichever thread writes to a client.
class Holder final : public Interceptor {
 public:
  explicit Holder(Gates& gates) : gates_(gates) {}
  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE))
      gates_.asked.open();
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE)) {
      gates_.held.open();
      gates_.release.wait();
    }
    methods->Proceed();
  }

 private:
  Gates& gates_;
};

class HolderFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit HolderFactory(Gates& gates) : gates_(gates) {}
  Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo*) override {
    // gRPC takes it.
    return std::make_unique<Holder>(gates_).release();
  }

 private:
  Gates& gates_;
};

// The service of a node that is a cluster by itself, without the rest of the node.
class GrpcClusterServiceTest : public testing::Test {
 protected:
  GrpcClusterServiceTest()
      : system_(system_options()),
        remote_({}, system_, id_.to_string(), nullptr),
        cluster_(cluster_options(id_), system_, remote_, nullptr),
        service_({}, cluster_, "127.0.0.1:1") {}
  ~GrpcClusterServiceTest() override {
    service_.end();
    (void)cluster_.leave(std::chrono::seconds(5));
    cluster_.stop();
    server_->Shutdown(std::chrono::system_clock::now());
    remote_.end();
    (void)system_.shutdown(std::chrono::seconds(5));
  }

  static core::ActorSystem::Options system_options() {
    core::ActorSystem::Options options;
    options.address = "127.0.0.1:1";
    options.worker_count = 1;
    options.log = core::Log();
    return options;
  }
  static cluster::Cluster::Options cluster_options(const cluster::MemberId& id) {
    cluster::Cluster::Options options;
    options.membership.compatibility.cluster = "test";
    options.self = {.id = id,
                    .process = id,
                    .address = "127.0.0.1:1",
                    .kinds = {"counter"},
                    .labels = {{"rack", "7"}}};
    return options;
  }

  // The cluster itself is started by the test.
  void serve(std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
                 interceptors = {}) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
    builder.RegisterService(&service_.service());
    remote_.add_to(builder);
    cluster_.add_to(builder);
    server_ = builder.BuildAndStart();
    remote_.start();
    service_.start();
    stub_ = v1::ClusterService::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                            grpc::InsecureChannelCredentials()));
  }

  v1::Member member() {
    grpc::ClientContext context;
    v1::GetMemberRequest request;
    request.set_member("127.0.0.1:1");
    v1::GetMemberResponse response;
    const grpc::Status status = stub_->GetMember(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.member();
  }

  const cluster::MemberId id_ = cluster::MemberId::random();
  core::ActorSystem system_;
  remote::Remote remote_;
  cluster::Cluster cluster_;
  GrpcClusterService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ClusterService::Stub> stub_;
};

TEST_F(GrpcClusterServiceTest, AClientThatHoldsUpItsWriterDoesNotHoldUpTheCluster) {
  Gates gates;
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> holders;
  holders.push_back(std::make_unique<HolderFactory>(gates));
  serve(std::move(holders));

  // Set while the node is in no cluster: the snapshot comes with the first view.
  grpc::ClientContext context;
  const auto stream = stub_->WatchCluster(&context, v1::WatchClusterRequest{});
  EXPECT_TRUE(gates.asked.wait());
  cluster_.start();
  EXPECT_TRUE(gates.held.wait());
  std::atomic<bool> put = false;
  std::thread putter([&] {
    EXPECT_TRUE(cluster_.put("color", "blue").ok());
    put = true;
  });
  EXPECT_TRUE(test::eventually([&] { return put.load(); })) << "the gossip thread is held up";
  gates.release.open();
  putter.join();
  v1::WatchClusterResponse response;
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.has_snapshot());
  context.TryCancel();
}

TEST_F(GrpcClusterServiceTest, TellsTheKindsAndLabelsThatAMemberHasNow) {
  serve();
  cluster_.start();
  ASSERT_TRUE(test::eventually([&] { return cluster_.view() != nullptr; }));
  EXPECT_THAT(member().kinds(), testing::ElementsAre("counter"));
  EXPECT_EQ(member().labels().at("rack"), "7");

  ASSERT_TRUE(cluster_.set_kinds({"echo", "timer"}).ok());
  ASSERT_TRUE(cluster_.set_labels({{"rack", "8"}, {"disk", "ssd"}}).ok());
  ASSERT_TRUE(cluster_.put("color", "blue").ok());
  EXPECT_THAT(member().kinds(), testing::ElementsAre("echo", "timer"));
  EXPECT_EQ(member().labels().at("rack"), "8");
  EXPECT_EQ(member().labels().at("disk"), "ssd");
  ASSERT_EQ(member().state().size(), 1u) << "these have their own fields";
  EXPECT_EQ(member().state().at("color"), "blue");
}

TEST_F(GrpcClusterServiceTest, TheClustersOwnKeysAreNotTheUsersToWrite) {
  serve();
  cluster_.start();
  ASSERT_TRUE(test::eventually([&] { return cluster_.view() != nullptr; }));
  const core::Status status = cluster_.put("nexus.kinds", "x");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, core::Errc::invalid_argument);
}

}  // namespace
}  // namespace nexus::daemon
