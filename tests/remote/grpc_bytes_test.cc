#include "remote/grpc_bytes.h"

#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "remote/batch_encoder.h"

namespace nexus::remote {
namespace {

TEST(GrpcBytes, AFrameOfTheEncoderIsHandedOverWithoutACopy) {
  BatchEncoder encoder;
  encoder.begin(Dialect::strings);
  const core::Pid target = core::Pid::of_name("p:1", "x");
  ASSERT_TRUE(encoder.try_add({.type_name = "T", .target = target, .sender = {}},
                              std::string(10'000, 'd')));
  const std::string expected(encoder.finish());
  FrameBytes frame = encoder.take();
  const char* const place = frame.view().data();
  const grpc::ByteBuffer buffer = to_byte_buffer(std::move(frame));
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(buffer.Dump(&slices).ok());
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(reinterpret_cast<const char*>(slices[0].begin()), place);
  EXPECT_EQ(to_string(buffer), expected);
}

TEST(GrpcBytes, TextIsCopied) {
  const std::string frame = "frame";
  EXPECT_EQ(to_string(to_byte_buffer(frame)), frame);
  EXPECT_EQ(to_string(to_byte_buffer(std::string())), "");
}

}  // namespace
}  // namespace nexus::remote
