// GrpcControlDialer: the control connections that this node opens, one to each node that it speaks to. A part of GrpcControlLinks, where
// the promises stand: G1 and G3.
//
//   send(), set_self(), prune()   the gossip thread
//   finish(), wait()              once, in this order, last
#pragma once

#include <memory>
#include <string>

#include "cluster/control_link_counters.h"
#include "cluster/grpc_control_links.h"

namespace nexus::cluster {

class GrpcControlDialer {
 public:
  // `options`, `events` and `counters` must outlive it.
  GrpcControlDialer(const GrpcControlLinks::Options& options, ControlLinkEvents& events,
                    ControlLinkCounters& counters, std::shared_ptr<const remote::TlsIdentity> tls);
  ~GrpcControlDialer();

  void send(const std::string& address, const ControlMessagePtr& message);
  // Connections that say who this node was are ended when all has been written.
  void set_self(const Peer& self);
  void prune(core::Instant now);
  // Ends each connection when all has been written to it.
  void finish();
  // Until all have ended; those that have not after `patience` are broken off.
  void wait(core::Duration patience);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::cluster
