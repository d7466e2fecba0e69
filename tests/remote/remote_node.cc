#include "tests/remote/remote_node.h"

#include <arpa/inet.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <set>

#include "nexus/v1/types.pb.h"
#include "remote/grpc_tls.h"

namespace nexus::remote {
namespace {

bool can_bind(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return bound;
}

}  // namespace

std::string free_address() {
  // Below the range from which the kernel takes ports for outgoing connections.
  static std::set<std::uint16_t> given;
  std::random_device random;
  for (;;) {
    const auto port = static_cast<std::uint16_t>(20'000 + random() % 10'000);
    if (!can_bind(port) || !given.insert(port).second) continue;
    return "127.0.0.1:" + std::to_string(port);
  }
}

RemoteNode::RemoteNode(Settings settings) : settings_(std::move(settings)) {
  core::ActorSystem::Options options = settings_.system;
  options.address = settings_.address;
  if (options.worker_count == 0) options.worker_count = 2;
  system_ = std::make_unique<core::ActorSystem>(options);
  remote_ =
      std::make_unique<Remote>(settings_.remote, *system_, settings_.member_id, settings_.tls);
  remote_->types().add<v1::CounterRequest>();
  remote_->types().add<v1::CounterReply>();
  serve();
}

RemoteNode::~RemoteNode() {
  if (system_ != nullptr) (void)stop();
}

void RemoteNode::serve() {
  grpc::ServerBuilder builder;
  int port = 0;
  credentials_ = server_credentials(settings_.tls);
  builder.AddListeningPort(address(), credentials_, &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(frame_bytes_max(settings_.remote)));
  remote_->add_to(builder);
  server_ = builder.BuildAndStart();
  CHECK(server_ != nullptr && port != 0);
  remote_->start();
}

core::Pid RemoteNode::spawn(core::Props props, const std::string& name) {
  auto shared = test::share(std::move(props));
  return name.empty() ? *system_->spawn(shared) : *system_->spawn_named(shared, name);
}

bool RemoteNode::stop(core::Duration patience) {
  (void)system_->stop_actors(test::kPatience);
  const bool clean = remote_->close(patience);
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  end();
  return clean;
}

void RemoteNode::crash() {
  server_->Shutdown(std::chrono::system_clock::now());
  // What the actors say while they end reaches nobody.
  (void)remote_->endpoints().close(system_->clock().now());
  end();
}

void RemoteNode::drop_connections() {
  const auto port_of = [](const sockaddr_storage& address) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  };
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_storage here{};
    sockaddr_storage there{};
    socklen_t size = sizeof here;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&here), &size) != 0) continue;
    size = sizeof there;
    const bool connected = getpeername(fd, reinterpret_cast<sockaddr*>(&there), &size) == 0;
    if (connected && std::to_string(port_of(here)) == address().substr(address().rfind(':') + 1)) {
      CHECK(shutdown(fd, SHUT_RDWR) == 0);
    }
  }
}

void RemoteNode::end() {
  remote_->end();
  server_.reset();
  EXPECT_TRUE(system_->shutdown(test::kPatience));
  remote_.reset();
  system_.reset();
}

}  // namespace nexus::remote
