// Bytes as the wire's description writes them, and messages to put on it.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/wire_message.h"

namespace nexus::remote {

// Hex digits, 'text', and blanks that mean nothing.
inline std::string bytes(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text[i] == '\'') {
      const std::size_t end = text.find('\'', i + 1);
      out += text.substr(i + 1, end - i - 1);
      i = end;
      continue;
    }
    out += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
    ++i;
  }
  return out;
}

// For the message of a failure.
inline std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

inline WireMessage message(const std::string& target, const std::string& type,
                           const std::string& data) {
  WireMessage made;
  made.target = core::Pid::of_name("p:1", target);
  made.type_name = type;
  made.data = data;
  return made;
}

inline WireMessage with_sender(WireMessage made, const std::string& id,
                               std::uint32_t request_id = 0) {
  made.sender = core::Pid::of_name("n:1", id, request_id);
  return made;
}

}  // namespace nexus::remote
