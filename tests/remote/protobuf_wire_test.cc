// Varints, the reader of fields, and what is UTF-8: each against protobuf's own.
#include "remote/protobuf_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protoactor/remote.pb.h"
#include "tests/remote/wire_bytes.h"

namespace nexus::remote::pb {
namespace {

TEST(ProtobufWire, NumbersTakeAsManyBytesAsInProtobuf) {
  std::vector<std::uint32_t> numbers = {0, 0xffff'ffff};
  for (std::uint32_t bit = 1; bit != 0; bit <<= 1) {
    for (const std::uint32_t number : {bit - 1, bit, bit + 1}) numbers.push_back(number);
  }
  for (const std::uint32_t number : numbers) {
    char ours[16] = {};
    std::uint8_t theirs[16] = {};
    const auto our_size = static_cast<std::size_t>(put_varint(ours, number) - ours);
    const auto their_size = static_cast<std::size_t>(
        google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(number, theirs) - theirs);
    EXPECT_EQ(our_size, their_size) << number;
    EXPECT_EQ(varint_bytes(number), their_size) << number;
    EXPECT_EQ(std::string(ours, our_size), std::string(theirs, theirs + their_size)) << number;
    FieldReader reader(std::string_view(ours, our_size));
    std::uint32_t read = 0;
    EXPECT_TRUE(reader.read_varint(read));
    EXPECT_EQ(read, number);
    EXPECT_TRUE(reader.at_end());
  }
}

bool is_utf8_for_protobuf(const std::string& text) {
  ::remote::ActorPidRequest request;
  const std::string message = std::string("\x0a") + static_cast<char>(text.size()) + text;
  return request.ParseFromString(message);
}

// All that begins with each byte and goes on with bytes from both sides of each border that the encoding has.
TEST(ProtobufWire, WhatIsUtf8IsWhatProtobufTakesForIt) {
  const google::protobuf::LogSilencer quiet;
  const std::string borders("\x00\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xff", 10);
  const auto expect_same = [](const std::string& text) {
    ASSERT_EQ(is_utf8(text), is_utf8_for_protobuf(text)) << hex(text);
    // Behind eight plain bytes and before some, where another loop looks at it.
    const std::string inside = "plaintext" + text + "plain";
    ASSERT_EQ(is_utf8(inside), is_utf8_for_protobuf(inside)) << hex(inside);
  };
  for (int first = 0; first < 256; ++first) {
    const std::string one(1, static_cast<char>(first));
    expect_same(one);
    for (int second = 0; second < 256; ++second) {
      expect_same(one + static_cast<char>(second));
      if (first < 0xc0) continue;
      for (const char third : borders) {
        expect_same(one + static_cast<char>(second) + third);
        if (first < 0xe0) continue;
        for (const char fourth : borders)
          expect_same(one + static_cast<char>(second) + third + fourth);
      }
    }
  }
  EXPECT_TRUE(is_utf8(""));
}

TEST(ProtobufWire, AReaderStopsAtTheEndOfItsBytes) {
  for (const char* text : {"80", "8080", "ffffffffffffffffff"}) {
    // In memory of their own, so that a look behind the end is seen.
    const std::string whole = bytes(text);
    const std::vector<char> copy(whole.begin(), whole.end());
    const std::string_view view(copy.data(), copy.size());
    std::uint32_t number = 0;
    std::string_view found;
    EXPECT_EQ(FieldReader(view).read_tag(), 0u) << text;
    EXPECT_FALSE(FieldReader(view).read_varint(number)) << text;
    EXPECT_FALSE(FieldReader(view).read_bytes(found)) << text;
    for (const std::uint32_t wire_type : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u}) {
      EXPECT_FALSE(FieldReader(view.substr(0, 3)).skip(9 << 3 | wire_type, kDepthMax)) << text;
    }
  }
  std::uint32_t number = 0;
  EXPECT_EQ(FieldReader().read_tag(), 0u);
  EXPECT_FALSE(FieldReader().read_varint(number));
}

}  // namespace
}  // namespace nexus::remote::pb
