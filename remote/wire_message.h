// WireMessage: one message on its way to a peer, its body already encoded, so that its size is known to every limit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/actor/envelope.h"
#include "core/process/process.h"

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

struct WireMessage {
  core::Pid target;
  core::Pid sender;
  // Full protobuf name of what `data` holds.
  std::string type_name;
  std::string data;
  core::Headers headers;
  bool wants_notices = false;
  core::Lane lane = core::Lane::user;
  // A Terminated: keeps its place behind what the actor sent before, but no full queue turns it away.
  bool exempt = false;

  // The type name of a client's bytes that travel in a nexus.v1.Payload.
  static constexpr std::string_view kWrappedName = "nexus.v1.Payload";
  // Of a type name, and of a content type.
  static constexpr std::size_t kNameBytesMax = 512;
  // What nexus.v1.Payload adds to a client's bytes: its own type name and content type, and the tags of its fields.
  static constexpr std::size_t kWrappingBytes = 2 * kNameBytesMax + 32;
};

}  // namespace nexus::remote
