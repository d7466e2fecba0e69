// GrpcForwarder: hands a client's call on to the node that it is for.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/mutex.h"
#include "remote/tls_identity.h"

namespace grpc {
class Channel;
}

namespace nexus::daemon {

// Metadata by which a forwarded call is known, so that it is never forwarded again.
inline constexpr const char* kForwardedKey = "nexus-forwarded";

class GrpcForwarder {
 public:
  // In plaintext when there is no `tls`.
  explicit GrpcForwarder(std::shared_ptr<const remote::TlsIdentity> tls) : tls_(std::move(tls)) {}

  // Connections kept open; the whole set is dropped when one more is needed, or the certificate is another one.
  static constexpr std::size_t kChannelCountMax = 256;

  // Any thread. A connection to the node at `host:port`; never waits.
  std::shared_ptr<grpc::Channel> channel(const std::string& address);

 private:
  const std::shared_ptr<const remote::TlsIdentity> tls_;

  core::Mutex mutex_{"forwarder"};
  // Of what tls_ held when channels_ was empty last.
  std::uint64_t tls_version_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::string, std::shared_ptr<grpc::Channel>> channels_ GUARDED_BY(mutex_);
};

}  // namespace nexus::daemon
