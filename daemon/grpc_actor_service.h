// GrpcActorService: nexus.v1.ActorService over the ActorDoor.
//
//   all calls   any thread
#pragma once

#include <memory>

#include "core/base/clock.h"
#include "daemon/actor_door.h"

namespace grpc {
class Service;
}

namespace nexus::daemon {

class GrpcActorService {
 public:
  GrpcActorService(core::ActorSystem& system, ActorDoor& door);
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
