// GrpcForwarder: hands a client's call on to the node that it is for.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "core/base/mutex.h"

namespace grpc {
class Channel;
}

namespace nexus::daemon {

// Metadata by which a forwarded call is known, so that it is never forwarded again.
inline constexpr const char* kForwardedKey = "nexus-forwarded";

class GrpcForwarder {
 public:
  // Connections kept open; the whole set is dropped when one more is needed.
  static constexpr std::size_t kChannelCountMax = 256;

  // Any thread. A connection to the node at `host:port`; never waits.
  std::shared_ptr<grpc::Channel> channel(const std::string& address);

 private:
  core::Mutex mutex_{"forwarder"};
  std::unordered_map<std::string, std::shared_ptr<grpc::Channel>> channels_ GUARDED_BY(mutex_);
};

}  // namespace nexus::daemon
