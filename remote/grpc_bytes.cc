#include "remote/grpc_bytes.h"

#include <grpcpp/support/byte_buffer.h>

#include <vector>

namespace nexus::remote {

grpc::ByteBuffer to_byte_buffer(const std::string& frame) {
  const grpc::Slice slice(frame);
  return grpc::ByteBuffer(&slice, 1);
}

std::string to_string(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string frame;
  if (!buffer.Dump(&slices).ok()) return frame;
  frame.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    frame.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return frame;
}

}  // namespace nexus::remote
