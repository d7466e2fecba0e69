#include "daemon/grpc_cluster_service.h"

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

TEST(GrpcClusterService, AClientThatHoldsUpItsWriterDoesNotHoldUpTheCluster) {
  core::ActorSystem::Options system_options;
  system_options.address = "127.0.0.1:1";
  system_options.worker_count = 1;
  system_options.log = core::Log();
  core::ActorSystem system(std::move(system_options));
  const auto id = cluster::MemberId::random();
  remote::Remote remote({}, system, id.to_string(), nullptr);
  cluster::Cluster::Options options;
  options.membership.compatibility.cluster = "test";
  options.self = {.id = id, .address = "127.0.0.1:1"};
  cluster::Cluster cluster(std::move(options), system, remote, nullptr);
  GrpcClusterService service({}, cluster, "127.0.0.1:1");

  Gates gates;
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> holders;
  holders.push_back(std::make_unique<HolderFactory>(gates));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.experimental().SetInterceptorCreators(std::move(holders));
  builder.RegisterService(&service.service());
  remote.add_to(builder);
  cluster.add_to(builder);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  remote.start();
  service.start();

  // Set while the node is in no cluster: the snapshot comes with the first view.
  const auto stub = v1::ClusterService::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->WatchCluster(&context, v1::WatchClusterRequest{});
  EXPECT_TRUE(gates.asked.wait());
  cluster.start();
  EXPECT_TRUE(gates.held.wait());
  std::atomic<bool> put = false;
  std::thread putter([&] {
    EXPECT_TRUE(cluster.put("color", "blue").ok());
    put = true;
  });
  EXPECT_TRUE(test::eventually([&] { return put.load(); })) << "the gossip thread is held up";
  gates.release.open();
  putter.join();
  v1::WatchClusterResponse response;
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.has_snapshot());
  context.TryCancel();
  service.end();
  (void)cluster.leave(std::chrono::seconds(5));
  cluster.stop();
  server->Shutdown(std::chrono::system_clock::now());
  remote.end();
  (void)system.shutdown(std::chrono::seconds(5));
}

}  // namespace
}  // namespace nexus::daemon
