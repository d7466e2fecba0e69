#include "daemon/cli/json_text.h"

#include <array>
#include <cstddef>

namespace nexus::cli {
namespace {

// Reads a JSON text once, from left to right, and keeps every token.
class Compactor {
 public:
  explicit Compactor(std::string_view text) : text_(text) {}

  core::Result<std::string> run() {
    value(0);
    skip_space();
    if (fault_.empty() && position_ < text_.size()) fail("the text goes on after its value");
    if (!fault_.empty()) return core::Error{core::Errc::invalid_argument, fault_};
    return std::move(compact_);
  }

 private:
  bool failed() const { return !fault_.empty(); }

  void fail(std::string_view what) {
    if (failed()) return;
    fault_ = "not JSON at character " + std::to_string(position_ + 1) + ": ";
    fault_ += what;
  }

  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  void keep() { compact_ += text_[position_++]; }

  void skip_space() {
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
      ++position_;
    }
  }

  void value(int depth) {
    if (depth > kJsonDepthMax) return fail("values nest too deep");
    skip_space();
    if (position_ >= text_.size()) return fail("a value is missing");
    switch (peek()) {
      case '{':
        return members('}', depth);
      case '[':
        return members(']', depth);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  // An object (closed by '}') or an array (closed by ']').
  void members(char close, int depth) {
    keep();
    skip_space();
    if (peek() == close) return keep();
    while (!failed()) {
      if (close == '}') key();
      if (failed()) return;
      value(depth + 1);
      skip_space();
      if (failed()) return;
      if (peek() == close) return keep();
      if (peek() != ',') return fail(close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
      keep();
    }
  }

  void key() {
    skip_space();
    if (peek() != '"') return fail("expected a name in double quotes");
    string();
    skip_space();
    if (failed()) return;
    if (peek() != ':') return fail("expected ':'");
    keep();
  }

  void string() {
    keep();
    while (position_ < text_.size()) {
      const char c = text_[position_];
      if (c == '"') return keep();
      if (static_cast<unsigned char>(c) < 0x20) return fail("control character in a string");
      if (c == '\\') {
        escape();
        if (failed()) return;
      } else {
        keep();
      }
    }
    fail("a string is not closed");
  }

  void escape() {
    keep();
    const char c = peek();
    if (c == 'u') {
      keep();
      for (int digit = 0; digit < 4; ++digit) {
        if (!is_hex(peek())) return fail("\\u needs four hexadecimal digits");
        keep();
      }
      return;
    }
    if (c == '\0' || std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos) {
      return fail("unknown escape");
    }
    keep();
  }

  void word(std::string_view expected) {
    if (text_.substr(position_, expected.size()) != expected) return fail("expected a value");
    position_ += expected.size();
    compact_ += expected;
  }

  void number() {
    if (peek() == '-') keep();
    if (!is_digit(peek())) return fail("expected a value");
    if (peek() == '0') {
      keep();
    } else {
      digits();
    }
    if (peek() == '.') {
      keep();
      if (!is_digit(peek())) return fail("a digit must follow '.'");
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      keep();
      if (peek() == '+' || peek() == '-') keep();
      if (!is_digit(peek())) return fail("an exponent needs a digit");
      digits();
    }
  }

  void digits() {
    while (is_digit(peek())) keep();
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }

  const std::string_view text_;
  std::size_t position_ = 0;
  std::string compact_;
  std::string fault_;
};

// Bytes of the UTF-8 character that begins at `text[0]`; 0 if none does.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

void append_escaped(std::string& out, char c) {
  static constexpr std::array<char, 17> kHex = {"0123456789abcdef"};
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7F) {
    out += c;
    return;
  }
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 0xF];
}

}  // namespace

core::Result<std::string> compact_json(std::string_view text) { return Compactor(text).run(); }

std::string quote_json(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
    } else if (length == 1) {
      append_escaped(out, text[i]);
      ++i;
    } else {
      out += text.substr(i, length);
      i += length;
    }
  }
  out += '"';
  return out;
}

JsonObject& JsonObject::put(std::string_view key, std::string_view value) {
  return put_json(key, quote_json(value));
}

JsonObject& JsonObject::put(std::string_view key, std::uint64_t value) {
  return put_json(key, std::to_string(value));
}

JsonObject& JsonObject::put(std::string_view key, bool value) {
  return put_json(key, value ? "true" : "false");
}

JsonObject& JsonObject::put(std::string_view key, const std::map<std::string, std::string>& value) {
  JsonObject object;
  for (const auto& [name, text] : value) object.put(name, text);
  return put_json(key, object.text());
}

JsonObject& JsonObject::put_json(std::string_view key, std::string_view json) {
  if (text_.size() > 1) text_ += ',';
  text_ += quote_json(key);
  text_ += ':';
  text_ += json;
  return *this;
}

}  // namespace nexus::cli
