// Many watches on one channel, their events handed over one at a time on the calling thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/cli/grpc_client.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace nexus::cli {

struct WatchOptions {
  std::string node{};
  // How long a watch may take to be set; once set it lasts until the actor has terminated.
  std::chrono::milliseconds timeout{};
  bool tls = false;
};

// Returns when each watch has ended with `terminated` or `failed`.
void watch_actors(const std::shared_ptr<grpc::Channel>& channel, const WatchOptions& options,
                  const std::vector<std::string>& pids,
                  const std::function<void(const WatchEvent&)>& on_event);

}  // namespace nexus::cli
