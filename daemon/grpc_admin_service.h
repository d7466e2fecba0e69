// GrpcAdminService: nexus.admin.v1.AdminService over the node's Cluster.
//
//   start(), left(), end()   the node's thread, once, in this order; the cluster must outlive end()
//   the service              any thread
#pragma once

#include <functional>
#include <memory>

#include "cluster/cluster.h"

namespace grpc {
class Service;
}

namespace nexus::daemon {

class GrpcAdminService {
 public:
  // `leave` is called, on some thread, when an operator wants the node to end; left() follows. Without it that is refused.
  // `address`: the node's.
  GrpcAdminService(cluster::Cluster& cluster, std::string address, core::Log log,
                   std::function<void()> leave);
  // Only when no call is open: after the server has shut down.
  ~GrpcAdminService();

  // To be registered with a server; lives as long as this object.
  grpc::Service& service();

  void start();
  // The node has left its cluster; `agreed`: with the others knowing. Answers those who wait for it, and takes no more calls.
  void left(bool agreed);
  // Ends the calls that are still open with DRAINING.
  void end();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::daemon
