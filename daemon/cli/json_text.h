// JSON as nexusctl needs it: checks and compacts what the user typed, and writes flat objects, one
// a line. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace nexus::cli {

// The same JSON (RFC 8259) without white space between tokens. The error says at which character
// the text stops being JSON. Values nest at most kJsonDepthMax deep.
inline constexpr int kJsonDepthMax = 100;
core::Result<std::string> compact_json(std::string_view text);

// `text` in quotes, escaped. Bytes that are not UTF-8 become U+FFFD.
std::string quote_json(std::string_view text);

// Writes one object; the keys come out in the order they were put in.
class JsonObject {
 public:
  JsonObject& put(std::string_view key, std::string_view value);
  JsonObject& put(std::string_view key, const char* value) {
    return put(key, std::string_view(value));
  }
  JsonObject& put(std::string_view key, std::uint64_t value);
  JsonObject& put(std::string_view key, bool value);
  JsonObject& put(std::string_view key, const std::map<std::string, std::string>& value);
  // `json` must be JSON already.
  JsonObject& put_json(std::string_view key, std::string_view json);

  std::string text() const { return text_ + '}'; }

 private:
  std::string text_ = "{";
};

}  // namespace nexus::cli
