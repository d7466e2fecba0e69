// A bare stream of gRPC: frames without actors, tables or queues, by either of gRPC's APIs. The floor below a link.
//
//   all calls   main thread
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace nexus::bench {

// What is sent again and again, with one answer to each or to the last only.
struct RawFrames {
  std::size_t frame_bytes;
  std::uint64_t frame_count;
  bool each_answered;
};

// The frames of one run in their order; the last one is always answered.
class RawSource {
 public:
  explicit RawSource(const RawFrames& frames);

  bool is_empty() const { return left_ == 0; }
  bool each_answered() const { return each_answered_; }
  // When it is not empty.
  grpc::ByteBuffer& next() { return --left_ == 0 ? last_frame_ : frame_; }

 private:
  grpc::ByteBuffer frame_;
  grpc::ByteBuffer last_frame_;
  std::uint64_t left_;
  const bool each_answered_;
};

struct RawOutcome {
  core::Duration took;
  // Each answer's time after the one before.
  std::vector<std::uint32_t> times_ns;
};

// As the links of a node: gRPC's completion queue, one thread for all that is read and written.
RawOutcome send_by_queue(const std::string& address, const RawFrames& frames);
void serve_by_queue();
// gRPC's callback API, on gRPC's threads.
RawOutcome send_by_callbacks(const std::string& address, const RawFrames& frames);
void serve_by_callbacks();

// The first byte of a frame says what the peer does with it.
enum class RawKind : char { swallow = 's', echo = 'e' };
grpc::ByteBuffer raw_frame(RawKind kind, std::size_t bytes);
RawKind kind_of(const grpc::ByteBuffer& frame);
constexpr const char* kRawMethod = "/nexus.bench.Raw/Frames";

}  // namespace nexus::bench
