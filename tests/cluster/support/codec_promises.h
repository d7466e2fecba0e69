// What control_codec.h promises of whatever bytes a peer sends. For a test with bytes of its own and for a fuzzer.
#pragma once

#include <string>
#include <string_view>

#include "cluster/control_codec.h"

namespace nexus::cluster::test {

// Bytes that are a message come out of it again, whatever they were written like. Empty, or what is not so.
inline std::string broken_promise(std::string_view bytes) {
  const auto message = decode(bytes, {}, {});
  if (!message.ok()) return message.error().detail.empty() ? "refused without a reason" : "";
  const std::string written = encode(**message);
  const auto again = decode(written, {}, {});
  if (!again.ok()) {
    // The bytes that are not written again, such as fields that nobody knows, had made room for it.
    const bool is_dense = again.error().detail.find("far larger in memory") != std::string::npos;
    if (is_dense && written.size() < bytes.size()) return "";
    return "what was written is refused: " + again.error().detail;
  }
  if ((*again)->body.index() != (*message)->body.index()) return "it comes back as another kind";
  if (encoded_bytes(**message) != written.size()) return "its size is not what was said";
  if (encode(**again) != written) return "it comes back as another message";
  return "";
}

}  // namespace nexus::cluster::test
