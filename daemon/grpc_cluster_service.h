// GrpcClusterService: nexus.v1.ClusterService over the node's Cluster.
//
//   start(), end()   once, in this order; the cluster must have been made, and must outlive end()
//   the service      any thread
//
// Clients are told of changes on a thread of its own (`nx-watch`): however many they are, and however slow, the gossip thread only leaves
// word of the change.
#pragma once

#include <memory>

#include "cluster/cluster.h"

namespace grpc {
class Service;
}

namespace nexus::daemon {

class GrpcClusterService {
 public:
  struct Options {
    // Changes that are kept for streams that come back.
    std::size_t history_max = 256;
    // Changes that may wait for one client; a slower one is ended, and may go on with its resume token.
    std::size_t waiting_max = 1024;
    std::size_t streams_max = 1000;
    // Changes that may wait for that thread; in place of more, all clients get a snapshot.
    std::size_t changes_max = 256;
  };

  // `address`: the node's.
  GrpcClusterService(Options options, cluster::Cluster& cluster, std::string address);
  // Only when no call is open: after the server has shut down.
  ~GrpcClusterService();

  // To be registered with the node's server; lives as long as this object.
  grpc::Service& service();

  void start();
  // Ends the streams with DRAINING.
  void end();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::daemon
