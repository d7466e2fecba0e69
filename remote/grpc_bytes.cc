#include "remote/grpc_bytes.h"

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <vector>

namespace nexus::remote {

grpc::ByteBuffer to_byte_buffer(const std::string& frame) {
  const grpc::Slice slice(frame);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer to_byte_buffer(FrameBytes frame) {
  const std::string_view bytes = frame.view();
  const auto free = [](void* memory) {
    std::unique_ptr<char[]>(static_cast<char*>(memory)).reset();
  };
  const grpc::Slice slice(const_cast<char*>(bytes.data()), bytes.size(), free,
                          frame.take_memory().release());
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
