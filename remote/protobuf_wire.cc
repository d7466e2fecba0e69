#include "remote/protobuf_wire.h"

#include <algorithm>
#include <array>

namespace nexus::remote::pb {
namespace {

enum WireType : std::uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroupBegin = 3,
  kGroupEnd = 4,
  kFixed32 = 5,
};

constexpr std::size_t kTagBytesMax = 5;
constexpr std::size_t kVarintBytesMax = 10;

std::uint32_t number_of(std::uint32_t tag) { return tag >> 3; }

}  // namespace

std::uint32_t FieldReader::read_long_tag() {
  std::uint32_t tag = 0;
  const std::size_t bytes_max = std::min(left(), kTagBytesMax);
  for (std::size_t i = 0; i < bytes_max; ++i) {
    const std::uint8_t byte = next_byte();
    tag |= std::uint32_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) return tag;
  }
  return 0;
}

bool FieldReader::read_long_varint(std::uint32_t& value) {
  std::uint64_t number = 0;
  const std::size_t bytes_max = std::min(left(), kVarintBytesMax);
  for (std::size_t i = 0; i < bytes_max; ++i) {
    const std::uint8_t byte = next_byte();
    number |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      value = static_cast<std::uint32_t>(number);
      return true;
    }
  }
  return false;
}

// Unlike other numbers a size is not cut: five bytes, of which the last has the upper three bits of 31.
bool FieldReader::read_long_size(std::uint32_t& size) {
  size = 0;
  const std::size_t bytes_max = std::min(left(), kTagBytesMax);
  for (std::size_t i = 0; i < bytes_max; ++i) {
    const std::uint8_t byte = next_byte();
    if (i == kTagBytesMax - 1 && byte >= 8) return false;
    size |= std::uint32_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) return true;
  }
  return false;
}

bool FieldReader::skip_bytes(std::size_t count) {
  if (count > left()) return false;
  at_ += count;
  return true;
}

bool FieldReader::skip_value(std::uint32_t tag) {
  std::uint32_t number = 0;
  std::string_view bytes;
  switch (tag & 7) {
    case kVarint:
      return read_varint(number);
    case kFixed64:
      return skip_bytes(8);
    case kBytes:
      return read_bytes(bytes);
    case kFixed32:
      return skip_bytes(4);
    default:
      return false;
  }
}

bool FieldReader::skip(std::uint32_t tag, std::uint32_t depth) {
  if (number_of(tag) == 0) return false;
  return (tag & 7) == kGroupBegin ? skip_group(tag, depth) : skip_value(tag);
}

bool FieldReader::skip_group(std::uint32_t tag, std::uint32_t depth) {
  std::array<std::uint32_t, kDepthMax> open;
  std::size_t open_count = 0;
  for (;;) {
    if (number_of(tag) == 0) return false;
    if ((tag & 7) == kGroupBegin) {
      if (open_count == depth) return false;
      open[open_count++] = number_of(tag);
    } else if ((tag & 7) == kGroupEnd) {
      if (open[--open_count] != number_of(tag)) return false;
      if (open_count == 0) return true;
    } else if (!skip_value(tag)) {
      return false;
    }
    tag = read_tag();
  }
}

}  // namespace nexus::remote::pb
