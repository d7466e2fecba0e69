// What a message has on the wire beside its body: headers of the node's own, and limits.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/actor/envelope.h"

namespace nexus::remote {

// Header by which a nexus node asks for notices; other peers ignore it.
inline constexpr const char* kNoticesHeader = "nexus-notices";
// Its values: all notices, to the sender; or only whether the message got into the mailbox, for a message that has no sender in
// the eyes of the actor.
inline constexpr const char* kAllNotices = "1";
inline constexpr const char* kEnqueuedNotice = "enqueued";
// Header that says how many milliseconds are left until the message's deadline. A length of time, because two nodes do not share
// a clock: what the message waits on its way comes on top.
inline constexpr const char* kTimeoutHeader = "nexus-timeout-ms";

// What headers count for wherever bytes are limited: their text, and for each what two strings cost in memory, which is more than
// it takes on the wire. The node's own header is free.
inline std::size_t headers_bytes(std::span<const core::Headers::value_type> headers) {
  std::size_t total = 0;
  for (const auto& [key, value] : headers) {
    if (key == kNoticesHeader && value == kEnqueuedNotice) continue;
    total += key.size() + value.size() + sizeof(std::pair<std::string, std::string>);
  }
  return total;
}

// What one message may have.
struct WireLimits {
  // Of a type name, and of a content type.
  static constexpr std::size_t kNameBytesMax = 512;
  // The type name of a client's bytes that travel in a nexus.v1.Payload, and what that adds to them: its own type name and content
  // type, and the tags of its fields.
  static constexpr std::string_view kWrappedName = "nexus.v1.Payload";
  static constexpr std::size_t kWrappingBytes = 2 * kNameBytesMax + 32;
};

}  // namespace nexus::remote
