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
  auto frame =
      std::make_shared<const OutgoingFrame>(encoder.take(), 1u, core::Lane::user, Dialect::strings);
  const std::weak_ptr<const OutgoingFrame> weak = frame;
  const char* const place = frame->bytes.view().data();
  {
    const grpc::ByteBuffer buffer = to_byte_buffer(std::move(frame), 0);
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(buffer.Dump(&slices).ok());
    ASSERT_EQ(slices.size(), 1u);
    EXPECT_EQ(reinterpret_cast<const char*>(slices[0].begin()), place);
    EXPECT_EQ(to_string(buffer), expected);
    EXPECT_FALSE(weak.expired());
  }
  EXPECT_TRUE(weak.expired()) << "gRPC is done with it";
}

TEST(GrpcBytes, AFrameIsReadWhereItIsOrPutTogether) {
  const grpc::Slice one(std::string("one"));
  const grpc::Slice two(std::string(5'000, '2'));
  grpc::Slice kept;
  EXPECT_EQ(to_view(grpc::ByteBuffer(&one, 1), kept), "one");
  const std::vector<grpc::Slice> both{one, two};
  EXPECT_EQ(to_view(grpc::ByteBuffer(both.data(), both.size()), kept),
            "one" + std::string(5'000, '2'));
  EXPECT_EQ(to_view(grpc::ByteBuffer(), kept), "");
}

TEST(GrpcBytes, TextIsCopied) {
  const std::string frame = "frame";
  EXPECT_EQ(to_string(to_byte_buffer(frame)), frame);
  EXPECT_EQ(to_string(to_byte_buffer(std::string())), "");
}

}  // namespace
}  // namespace nexus::remote
