#include "remote/grpc_bytes.h"

#include <grpcpp/support/byte_buffer.h>

#include <array>
#include <memory>
#include <vector>

#include "remote/batch_codec.h"

namespace nexus::remote {

grpc::ByteBuffer to_byte_buffer(const std::string& frame) {
  const grpc::Slice slice(frame);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer to_byte_buffer(OutgoingFramePtr frame, std::uint64_t sequence) {
  const std::string_view bytes = frame->bytes.view();
  // What gRPC gives back is a plain pointer.
  auto held = std::make_unique<OutgoingFramePtr>(std::move(frame));
  const grpc::Slice slice(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void* holder) {
        std::unique_ptr<OutgoingFramePtr>(static_cast<OutgoingFramePtr*>(holder));
      },
      held.release());
  if (sequence == 0) return grpc::ByteBuffer(&slice, 1);
  const auto field = encode_sequence(sequence);
  const std::array<grpc::Slice, 2> slices{grpc::Slice(field.data(), field.size()), slice};
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string_view to_view(const grpc::ByteBuffer& buffer, grpc::Slice& slice) {
  if (!buffer.TrySingleSlice(&slice).ok() && !buffer.DumpToSingleSlice(&slice).ok()) return {};
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
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
