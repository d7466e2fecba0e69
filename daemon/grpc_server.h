// GrpcServer: the node's one listener, for peers and clients, with health (grpc.health.v1) and reflection (v1alpha and v1).
//
//   set_ready()       any thread, between start() and shutdown()
//   all other calls   the node's thread
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "daemon/config/host_port.h"
#include "remote/tls_identity.h"

namespace grpc {
class Service;
}

namespace nexus::cluster {
class Cluster;
}

namespace nexus::remote {
class Remote;
}

namespace nexus::daemon {

class GrpcServer {
 public:
  GrpcServer();
  ~GrpcServer();

  // Peers come to `remote` and `cluster`, and clients to `services`; all must outlive the server. In plaintext when there is no `tls`. An error
  // says who or what is in the way.
  core::Status start(const HostPort& listen, remote::Remote& remote, cluster::Cluster& cluster,
                     const std::vector<grpc::Service*>& services,
                     std::shared_ptr<const remote::TlsIdentity> tls);

  // What health checks are told, of the node and of each of its services: that it lives and takes calls. SERVING after start().
  void set_serving(bool serving);
  // The same by the name `nexus.v1.Ready`: that it has its place in the cluster, too. NOT_SERVING after start().
  void set_ready(bool ready);

  // Takes no new calls, lets open ones end until `deadline`, then breaks them off.
  void shutdown(core::Instant deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A port that is free on `host` at this moment; for configurations that ask for port 0.
core::Result<std::uint16_t> find_free_port(const std::string& host);

// Sends the gRPC library's own messages to nobody: what matters of them reaches the log as errors of ours. For the whole
// process, before the first gRPC call.
void silence_rpc_libraries();

}  // namespace nexus::daemon
