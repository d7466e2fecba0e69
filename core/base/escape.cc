#include "core/base/escape.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace nexus::core {

namespace {

void append_code_unit(std::string& out, unsigned value) {
  constexpr char kHex[] = "0123456789abcdef";
  out += "\\u00";
  out += kHex[(value >> 4) & 0xF];
  out += kHex[value & 0xF];
}

struct Bounds {
  std::uint8_t size;
  // Of the second byte; further ones are 80 to BF.
  std::uint8_t low;
  std::uint8_t high;
};

// By the first byte of a character that is not ASCII; size 0 where none begins so. RFC 3629, section 4.
Bounds bounds_of(std::uint8_t first) {
  if (first < 0xc2 || first > 0xf4) return {0, 0, 0};
  if (first < 0xe0) return {2, 0x80, 0xbf};
  if (first == 0xe0) return {3, 0xa0, 0xbf};
  if (first == 0xed) return {3, 0x80, 0x9f};
  if (first < 0xf0) return {3, 0x80, 0xbf};
  if (first == 0xf0) return {4, 0x90, 0xbf};
  if (first == 0xf4) return {4, 0x80, 0x8f};
  return {4, 0x80, 0xbf};
}

}  // namespace

std::size_t utf8_sequence_bytes(std::string_view text) {
  const auto byte_at = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (text.empty()) return 0;
  if (byte_at(0) < 0x80) return 1;
  const Bounds bounds = bounds_of(byte_at(0));
  if (bounds.size == 0 || text.size() < bounds.size) return 0;
  if (byte_at(1) < bounds.low || byte_at(1) > bounds.high) return 0;
  for (std::size_t k = 2; k < bounds.size; ++k) {
    if ((byte_at(k) & 0xc0) != 0x80) return 0;
  }
  return bounds.size;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    std::uint64_t word = 0;
    if (text.size() >= sizeof(word)) {
      std::memcpy(&word, text.data(), sizeof(word));
      if ((word & 0x8080808080808080u) == 0) {
        text.remove_prefix(sizeof(word));
        continue;
      }
    }
    const std::size_t bytes = utf8_sequence_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t bytes = utf8_sequence_bytes(text);
    if (bytes == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    if (first == '"' || first == '\\') {
      out += '\\';
      out += text.front();
    } else if (first == '\n') {
      out += "\\n";
    } else if (first == '\r') {
      out += "\\r";
    } else if (first == '\t') {
      out += "\\t";
    } else if (first < 0x20 || first == 0x7F) {
      append_code_unit(out, first);
    } else if (bytes == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0) {
      // The C1 controls: some terminals obey them.
      append_code_unit(out, static_cast<unsigned char>(text[1]));
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
}

std::string printable(std::string_view text, std::size_t bytes_max) {
  std::size_t end = std::min(text.size(), bytes_max);
  // Do not cut inside a character.
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  std::string out;
  append_escaped(out, text.substr(0, end));
  if (end < text.size()) out += "...";
  return out;
}

std::string quoted(std::string_view text, std::size_t bytes_max) {
  return '"' + printable(text, bytes_max) + '"';
}

}  // namespace nexus::core
