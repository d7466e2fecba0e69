#include "core/base/escape.h"

#include <algorithm>
#include <cstdint>

namespace nexus::core {

namespace {

void append_code_unit(std::string& out, unsigned value) {
  constexpr char kHex[] = "0123456789abcdef";
  out += "\\u00";
  out += kHex[(value >> 4) & 0xF];
  out += kHex[value & 0xF];
}

}  // namespace

std::size_t utf8_sequence_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  if (text.empty()) return 0;
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    // The second byte decides whether the value is overlong (E0) or a surrogate (ED).
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    // Likewise: overlong (F0), or above U+10FFFF (F4).
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
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
