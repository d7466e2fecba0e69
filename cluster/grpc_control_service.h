// GrpcControlService: the control connections that other nodes open to this one. A part of GrpcControlLinks, where the promises stand:
// G2, G4 and G5.
//
//   add_to()                     once, first
//   set_view(), expect_answer()  the gossip thread
//   close()                      once, last, before the node's server is shut down
#pragma once

#include <memory>
#include <string>

#include "cluster/control_link_counters.h"
#include "cluster/grpc_control_links.h"

namespace nexus::cluster {

class GrpcControlService {
 public:
  // `options`, `events` and `counters` must outlive it and the node's server.
  GrpcControlService(const GrpcControlLinks::Options& options, ControlLinkEvents& events,
                     ControlLinkCounters& counters, std::shared_ptr<const remote::TlsIdentity> tls);
  ~GrpcControlService();

  void add_to(grpc::ServerBuilder& builder);
  void set_view(const ViewPtr& view);
  // One message of any size is taken from `address` (G4).
  void expect_answer(const std::string& address);
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::cluster
