#include "daemon/grpc_server.h"

#include <arpa/inet.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "cluster/cluster.h"
#include "daemon/grpc_reflection_v1.h"
#include "remote/grpc_tls.h"
#include "remote/remote.h"

namespace nexus::daemon {
namespace {

constexpr int kStreamsPerConnection = 1'000;
constexpr int kConnectionIdleMs = 60'000;

// The node's own services, as health and reflection name them.
constexpr const char* kServices[] = {"nexus.v1.ActorService", "nexus.v1.ClusterService",
                                     "remote.Remoting"};

constexpr const char* kReady = "nexus.v1.Ready";

// A bound socket that is closed again: tells why an address cannot be listened on, or which port is free.
class ProbeSocket {
 public:
  ~ProbeSocket() {
    if (fd_ >= 0) close(fd_);
  }

  core::Result<std::uint16_t> bind_to(const HostPort& address) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const int resolved =
        getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
    if (resolved != 0) {
      return failure(
          address, "the host name does not resolve (" + std::string(gai_strerror(resolved)) + ")");
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> first(found, &freeaddrinfo);
    fd_ = socket(first->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    // As the server does, so that connections of an earlier run in TIME_WAIT are not in the way.
    if (fd_ < 0 || setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd_, first->ai_addr, first->ai_addrlen) != 0) {
      const int error = errno;
      return failure(address, error == EADDRINUSE
                                  ? "the address is in use by another process; stop it (`ss -ltnp` "
                                    "names it) or change node.listen"
                                  : std::strerror(error));
    }
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
    const bool v6 = bound.ss_family == AF_INET6;
    return ntohs(v6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                    : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
  }

 private:
  static core::Error failure(const HostPort& address, const std::string& why) {
    return {core::Errc::unavailable, "cannot listen on " + address.to_string() + ": " + why};
  }

  int fd_ = -1;
};

}  // namespace

struct GrpcServer::Impl {
  // Asked by the server for as long as that exists.
  std::shared_ptr<grpc::ServerCredentials> credentials;
  std::shared_ptr<grpc::Service> reflection_v1;
  std::unique_ptr<grpc::Server> server;
  // Not before start().
  remote::Remote* remote = nullptr;
};

GrpcServer::GrpcServer() : impl_(std::make_unique<Impl>()) {}

GrpcServer::~GrpcServer() {
  if (impl_->server != nullptr) shutdown(core::SteadyClock().now());
}

core::Status GrpcServer::start(const HostPort& listen, remote::Remote& remote,
                               cluster::Cluster& cluster,
                               const std::vector<grpc::Service*>& services,
                               std::shared_ptr<const remote::TlsIdentity> tls) {
  {
    // gRPC would only say that it failed.
    ProbeSocket probe;
    if (const auto port = probe.bind_to(listen); !port.ok()) return port.error();
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::vector<std::string> names = {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                    "grpc.reflection.v1alpha.ServerReflection"};
  names.insert(names.end(), std::begin(kServices), std::end(kServices));
  impl_->reflection_v1 = make_reflection_v1(std::move(names));
  grpc::ServerBuilder builder;
  int port = 0;
  impl_->credentials = remote::server_credentials(std::move(tls));
  builder.AddListeningPort(listen.to_string(), impl_->credentials, &port);
  // Two nodes must not share a port unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  // An idle connection is ended in order, and not asked whether it is still there: clients that wait for nothing do not look at theirs,
  // would not answer, and would learn of its end only by a call that fails.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kConnectionIdleMs);
  builder.SetMaxReceiveMessageSize(static_cast<int>(
      std::max(remote::frame_bytes_max(remote.options()), cluster::Cluster::frame_bytes_max())));
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
  remote.add_to(builder);
  cluster.add_to(builder);
  for (grpc::Service* service : services) builder.RegisterService(service);
  builder.RegisterService(impl_->reflection_v1.get());
  impl_->remote = &remote;
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr || port == 0) {
    impl_->server = nullptr;
    return core::Error{core::Errc::unavailable, "cannot listen on " + listen.to_string() +
                                                    ": the address was taken meanwhile"};
  }
  remote.start();
  // In this order: the health service sets all names that it knows at once.
  set_serving(true);
  set_ready(false);
  return core::Nothing{};
}

void GrpcServer::set_serving(bool serving) {
  if (impl_->server == nullptr) return;
  auto* health = impl_->server->GetHealthCheckService();
  health->SetServingStatus(serving);
  for (const char* service : kServices) health->SetServingStatus(service, serving);
}

void GrpcServer::set_ready(bool ready) {
  if (impl_->server != nullptr)
    impl_->server->GetHealthCheckService()->SetServingStatus(kReady, ready);
}

void GrpcServer::shutdown(core::Instant deadline) {
  if (impl_->server == nullptr) return;
  const auto patience = std::max(core::Duration::zero(), deadline - core::SteadyClock().now());
  impl_->server->Shutdown(std::chrono::system_clock::now() +
                          std::chrono::duration_cast<std::chrono::milliseconds>(patience));
  impl_->remote->end();
  impl_->server = nullptr;
}

core::Result<std::uint16_t> find_free_port(const std::string& host) {
  ProbeSocket probe;
  return probe.bind_to({host, 0});
}

void silence_rpc_libraries() {
  gpr_set_log_function([](gpr_log_func_args*) {});
  google::protobuf::SetLogHandler(nullptr);
}

}  // namespace nexus::daemon
