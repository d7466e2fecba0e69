// BenchNode: an actor system that is reached over loopback gRPC, as a node of a service is.
//
//   all calls   main thread
#pragma once

#include <memory>
#include <string>

#include "remote/remote.h"

namespace grpc {
class Server;
}

namespace nexus::bench {

class BenchNode {
 public:
  // Those that are shipped, with a queue that takes all of an echo_flood, which has no flow control.
  static remote::Options flood_options();

  // Serves at once, on a port of the kernel's choice.
  explicit BenchNode(std::uint32_t worker_count, const remote::Options& options = flood_options());
  ~BenchNode();

  const std::string& address() const { return address_; }
  core::ActorSystem& system() { return *system_; }
  remote::Remote& remote() { return *remote_; }

  // The actors that a peer sends to: `echo`, `referee` and `c0` to `c<count - 1>`, which count for it.
  void spawn_targets(std::uint32_t counter_count);

  static constexpr std::uint32_t kCounterCountMax = 10'000;

 private:
  std::string address_;
  std::unique_ptr<core::ActorSystem> system_;
  std::unique_ptr<remote::Remote> remote_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace nexus::bench
