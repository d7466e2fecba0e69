// GrpcEndpointDialer: opens remote.Remoting/Receive streams to peers, each on a connection of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/time/timers.h"
#include "remote/endpoint_stream.h"

namespace nexus::remote {

class GrpcEndpointDialer final : public EndpointDialer {
 public:
  // Frames from the peer may have up to `frame_bytes_max` bytes. `timers` must outlive close().
  GrpcEndpointDialer(core::Timers& timers, std::size_t frame_bytes_max);

  std::shared_ptr<EndpointStream> dial(const Call& call,
                                       std::shared_ptr<EndpointStreamEvents> events) override;
  bool await_ends(core::Instant deadline) override;
  void close() override;

 private:
  class Stream;
  class LiveStreams;

  const std::size_t frame_bytes_max_;
  const std::shared_ptr<LiveStreams> live_;
};

}  // namespace nexus::remote
