// GrpcActorService: nexus.v1.ActorService over the ActorDoor.
//
//   all calls   any thread
#pragma once

#include <memory>

#include "core/base/clock.h"
#include "daemon/actor_door.h"
#include "remote/tls_identity.h"

namespace grpc {
class Service;
}

namespace nexus::daemon {

class GrpcActorService {
 public:
  // Calls for other nodes are handed on in plaintext when there is no `tls`.
  GrpcActorService(core::ActorSystem& system, ActorDoor& door,
                   std::shared_ptr<const remote::TlsIdentity> tls);
  // Only when no call is open: after the server has shut down.
  ~GrpcActorService();

  // To be registered with the node's server; lives as long as this object.
  grpc::Service& service();

  // Ends the watch streams with DRAINING, waits until the other calls have been answered, and ends those that were not by
  // `deadline` with DRAINING too; the door must be draining. False when there were such.
  bool drain(core::Instant deadline);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::daemon
