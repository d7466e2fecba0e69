// ControlLinkCounts: what the control connections of a node have counted since it began, at one moment.
#pragma once

#include <cstdint>

namespace nexus::cluster {

struct ControlLinkCounts {
  // Handed to gRPC; bytes are those of messages.
  std::uint64_t sent_message_count = 0;
  std::uint64_t sent_bytes = 0;
  // Not sent: they waited when their connection ended, or were one too many.
  std::uint64_t dropped_message_count = 0;
  // Connections that were ended because too much waited.
  std::uint64_t overrun_count = 0;
  // Not sent either: larger than any node reads.
  std::uint64_t oversized_message_count = 0;
  // Of others: decoded; and refused, being too large, unreadable, or too large for a stranger.
  std::uint64_t received_message_count = 0;
  std::uint64_t refused_message_count = 0;
  // Connections of others that were ended, or not taken, because there were too many.
  std::uint64_t refused_link_count = 0;
};

}  // namespace nexus::cluster
