// GrpcEndpointDialer: opens remote.Remoting/Receive streams to peers, each on a connection of its own.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "remote/endpoint_stream.h"
#include "remote/grpc_poller.h"
#include "remote/tls_identity.h"

namespace nexus::remote {

class GrpcEndpointDialer final : public EndpointDialer {
 public:
  // Frames from the peer may have up to `frame_bytes_max` bytes. Without `tls` in plaintext; with it each dial shows and asks for
  // what is current then.
  GrpcEndpointDialer(std::size_t frame_bytes_max, std::shared_ptr<const TlsIdentity> tls);

  // Before that nothing can be dialled. It must outlive close().
  void use(GrpcPoller& poller) { poller_.store(&poller); }

  std::shared_ptr<EndpointStream> dial(const Call& call,
                                       std::shared_ptr<EndpointStreamEvents> events) override;
  bool await_ends(core::Instant deadline) override;
  void close() override;

 private:
  class Stream;
  class LiveStreams;

  const std::size_t frame_bytes_max_;
  const std::shared_ptr<const TlsIdentity> tls_;
  std::atomic<GrpcPoller*> poller_{nullptr};
  const std::shared_ptr<LiveStreams> live_;
};

}  // namespace nexus::remote
