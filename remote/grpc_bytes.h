// Frames between std::string and what gRPC carries.
#pragma once

#include <string>

namespace grpc {
class ByteBuffer;
}

namespace nexus::remote {

grpc::ByteBuffer to_byte_buffer(const std::string& frame);
std::string to_string(const grpc::ByteBuffer& buffer);

}  // namespace nexus::remote
