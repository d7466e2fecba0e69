// Frames between our own memory and what gRPC carries.
#pragma once

#include <string>
#include <string_view>

#include "remote/outgoing_frame.h"

namespace grpc {
class ByteBuffer;
class Slice;
}  // namespace grpc

namespace nexus::remote {

grpc::ByteBuffer to_byte_buffer(const std::string& frame);
// gRPC reads from the frame's own memory, and holds the frame for so long. A `sequence` of 0 is not written.
grpc::ByteBuffer to_byte_buffer(OutgoingFramePtr frame, std::uint64_t sequence);
std::string to_string(const grpc::ByteBuffer& buffer);
// The bytes where they are, when they are in one piece, else a copy. The view is valid for as long as `slice` is.
std::string_view to_view(const grpc::ByteBuffer& buffer, grpc::Slice& slice);

}  // namespace nexus::remote
