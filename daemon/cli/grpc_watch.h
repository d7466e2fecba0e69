// Watches of actors, many on one channel, and of the cluster: their events are handed over one at a
// time on the calling thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/cli/grpc_client.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace nexus::cli {

struct WatchOptions {
  std::string node{};
  // How long a watch may take to be set; once set it lasts until the actor has terminated, or for ever.
  std::chrono::milliseconds timeout{};
  bool tls = false;
};

// Returns when each watch has ended with `terminated` or `failed`.
void watch_actors(const std::shared_ptr<grpc::Channel>& channel, const WatchOptions& options,
                  const std::vector<std::string>& pids,
                  const std::function<void(const WatchEvent&)>& on_event);

// Returns why the watch ended, which no cluster does by itself; or empty, when `on_event` has
// returned false: no more is wanted.
std::optional<Failure> watch_members(const std::shared_ptr<grpc::Channel>& channel,
                                     const WatchOptions& options,
                                     const std::function<bool(const ClusterEvent&)>& on_event);

}  // namespace nexus::cli
