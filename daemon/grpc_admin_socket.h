// GrpcAdminSocket: the listener for the node's operator, a socket in the file system that only the node's own user (and root) may use.
//
//   all calls   the node's thread
#pragma once

#include <memory>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "daemon/config/node_config.h"

namespace grpc {
class Service;
}

namespace nexus::daemon {

class GrpcAdminSocket {
 public:
  GrpcAdminSocket();
  // shutdown(), if it listens.
  ~GrpcAdminSocket();

  // Takes the place of a socket that nobody listens on any more. `service` must outlive this.
  core::Status start(const FilePath& path, grpc::Service& service);
  // Takes no new calls, lets open ones end until `deadline`, then breaks them off.
  void shutdown(core::Instant deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::daemon
