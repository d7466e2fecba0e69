// Protobuf's wire format: numbers as varints, and a reader that accepts and refuses exactly the bytes that protobuf's own parser
// (3.21) does.
//
//   all calls   any thread, no state but the reader's own
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/base/escape.h"

namespace nexus::remote::pb {

// Messages and groups inside each other that protobuf's parser goes into.
inline constexpr std::uint32_t kDepthMax = 100;

inline constexpr std::size_t varint_bytes(std::uint32_t value) {
  // Seven bits a byte; 9/64 is 1/7 as exactly as 32 bits need it.
  return (static_cast<std::size_t>(std::bit_width(value | 1u)) * 9 + 64) / 64;
}

// Returns the end of what was written.
inline char* put_varint(char* at, std::uint32_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<char>(value);
  return at;
}
inline char* put_bytes(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}
// A length-delimited field whose tag is one byte.
inline std::size_t field_bytes(std::size_t size) {
  return 1 + varint_bytes(static_cast<std::uint32_t>(size)) + size;
}
inline char* put_field(char* at, std::uint8_t tag, std::string_view bytes) {
  *at++ = static_cast<char>(tag);
  return put_bytes(put_varint(at, static_cast<std::uint32_t>(bytes.size())), bytes);
}

// Goes through the fields of one message. False, or tag 0, means that the bytes are no protobuf; the reader is of no use then.
class FieldReader {
 public:
  FieldReader() = default;
  explicit FieldReader(std::string_view message)
      : at_(message.data()), end_(message.data() + message.size()) {}

  bool at_end() const { return at_ == end_; }

  // Of up to five bytes, cut to 32 bits.
  [[nodiscard]] std::uint32_t read_tag() {
    if (at_ != end_ && byte_at(0) < 0x80) return byte_at(0) == 0 ? 0 : next_byte();
    return read_long_tag();
  }
  // Any number as its lowest 32 bits, of up to ten bytes.
  [[nodiscard]] bool read_varint(std::uint32_t& value) {
    if (at_ != end_ && byte_at(0) < 0x80) {
      value = next_byte();
      return true;
    }
    return read_long_varint(value);
  }
  [[nodiscard]] bool read_fixed64(std::uint64_t& value) {
    if (left() < sizeof value) return false;
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 8) {
      value |= static_cast<std::uint64_t>(next_byte()) << shift;
    }
    return true;
  }
  [[nodiscard]] bool read_bytes(std::string_view& bytes) {
    std::uint32_t size = 0;
    if (at_ != end_ && byte_at(0) < 0x80) {
      size = next_byte();
    } else if (!read_long_size(size)) {
      return false;
    }
    if (size > left()) return false;
    bytes = {at_, size};
    at_ += size;
    return true;
  }
  // What follows the tag of a field that means nothing to us. `depth` is how many groups may be open inside each other.
  [[nodiscard]] bool skip(std::uint32_t tag, std::uint32_t depth);

 private:
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  std::uint8_t byte_at(std::size_t offset) const { return static_cast<std::uint8_t>(at_[offset]); }
  std::uint8_t next_byte() { return static_cast<std::uint8_t>(*at_++); }
  bool skip_bytes(std::size_t count);
  bool skip_value(std::uint32_t tag);
  bool skip_group(std::uint32_t tag, std::uint32_t depth);
  std::uint32_t read_long_tag();
  bool read_long_varint(std::uint32_t& value);
  bool read_long_size(std::uint32_t& size);

  const char* at_ = nullptr;
  const char* end_ = nullptr;
};

// What `string` fields must hold.
using core::is_utf8;

}  // namespace nexus::remote::pb
