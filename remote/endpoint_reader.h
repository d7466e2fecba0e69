// EndpointReader: from a received batch to the door.
//
//   receive()   any thread; batches of one stream one after the other
#pragma once

#include <memory>
#include <string>

#include "core/actor_system.h"
#include "remote/batch_codec.h"
#include "remote/endpoint_manager.h"
#include "remote/wire_types.h"

namespace nexus::remote {

// The far end of a stream that a peer opened, as its handshake says.
struct Peer {
  std::string address;
  std::string member_id;
};

class EndpointReader {
 public:
  EndpointReader(core::ActorSystem& system, const WireTypes& types, EndpointManager& endpoints)
      : system_(system), types_(types), endpoints_(endpoints) {}

  void receive(const Peer& peer, ReceivedBatch batch);

 private:
  void receive(const Peer& peer, ReceivedMessage& message);
  std::shared_ptr<Endpoint> endpoint_of(const core::Pid& watcher);
  void receive_told(const core::Pid& target, const core::Pid& teller, core::EnvelopePtr envelope);
  bool is_system_actor(const core::Pid& target) const;
  void refuse_stop(const Peer& peer, const core::Pid& target) const;
  void receive_terminated(const Peer& peer, const core::Pid& watcher,
                          const core::Terminated& terminated);

  core::ActorSystem& system_;
  const WireTypes& types_;
  EndpointManager& endpoints_;
};

}  // namespace nexus::remote
