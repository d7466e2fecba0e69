// Frames between bytes of ours and what gRPC carries.
#pragma once

#include <string>

#include "remote/frame_bytes.h"

namespace grpc {
class ByteBuffer;
}

namespace nexus::remote {

// A copy.
grpc::ByteBuffer to_byte_buffer(const std::string& frame);
// The memory itself; gRPC frees it on a thread of its own.
grpc::ByteBuffer to_byte_buffer(FrameBytes frame);
std::string to_string(const grpc::ByteBuffer& buffer);

}  // namespace nexus::remote
