// GrpcControlLinks: control connections over gRPC, beside those of actors and never behind them: a connection of their own to each node
// that is spoken to, and a service that takes those of others.
//
//   add_to()                     once, first
//   send(), set_self(), set_view(), prune()   the gossip thread
//   counts()                     any thread
//   close()                      once, last, before the node's server is shut down; what others sent may still be handed over until
//                                the server has ended
//
// G1  Messages to one node leave in the order of send(), or not at all.
// G2  With mutual TLS a peer speaks only for an address that its certificate is made out to.
// G3  Each message that is not sent is counted, and one that is over a limit is told as on_dropped(), with its size.
// G4  What a node says of itself when it connects is small. A message of more than limits.stranger_bytes_max is decoded only when it comes from a member of the view or from a node that was
//     asked for what was missed, one for each time; while there is no view, at most limits.stranger_large_count_max are in hand at once.
// G5  At most inbound_count_max connections of others are held; for one more the oldest one that is no member's is ended.
#pragma once

#include <cstddef>
#include <memory>

#include "cluster/control_codec.h"
#include "cluster/control_link_counts.h"
#include "cluster/control_links.h"
#include "core/base/clock.h"

namespace grpc {
class ServerBuilder;
}

namespace nexus::remote {
class TlsIdentity;
}

namespace nexus::cluster {

class GrpcControlLinks final : public ControlLinks {
 public:
  struct Options {
    RingOptions rings;
    ControlLimits limits;
    // Waiting for one node; with more the link is ended with what waits, and the next message dials anew. The bytes are four of the
    // largest messages; the count is minutes of what one node says to another, which is at most twenty bundles of gossip a second.
    std::size_t queue_bytes_max = 32 * 1024 * 1024;
    std::size_t queue_count_max = 4096;
    // Connections of other nodes, as many as joiners that a member has in hand. A settled member has about as many as observers.
    std::size_t inbound_count_max = 4096;
    core::Duration idle_max = std::chrono::seconds(30);
    // What was sent is acknowledged by the other machine within this time, or the connection is broken off.
    core::Duration user_timeout = std::chrono::seconds(3);
    core::Duration connect_timeout = std::chrono::seconds(2);
  };

  // `events` must outlive this and the node's server.
  GrpcControlLinks(Options options, ControlLinkEvents& events,
                   std::shared_ptr<const remote::TlsIdentity> tls);
  ~GrpcControlLinks() override;

  void add_to(grpc::ServerBuilder& builder);

  void send(const std::string& address, const ControlMessagePtr& message) override;
  void set_self(const Peer& self) override;
  void set_view(const ViewPtr& view) override;
  void prune(core::Instant now) override;
  // Also ends the streams of others.
  void close(core::Duration patience) override;

  ControlLinkCounts counts() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace nexus::cluster
