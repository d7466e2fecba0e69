// Why nobody handled a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nexus::core {

enum class DeadLetterReason : std::uint8_t {
  // Turned away by the door, or left in the mailbox of an actor that stopped.
  no_such_actor,
  stopped,
  mailbox_full,
  no_route,
  // Its deadline came, or it was cancelled, before its turn.
  expired,
  cancelled,
  // An answer to a message without a sender, or to a request that is over.
  no_sender,
  no_such_request,
  // The bytes are not what their type name says, or the kind of the target does not understand them.
  unreadable,
  // It came late from an incarnation of another node that had been declared gone.
  sender_gone,
  // Found by a link to another node, after the door had forwarded the message.
  link_down,
  link_queue_full,
  link_lost_in_doubt,
  blocked,
  too_large,
  not_remotable,
};
inline constexpr std::size_t kDeadLetterReasonCount = 16;

// The enumerator's name.
std::string_view to_string(DeadLetterReason reason);

}  // namespace nexus::core
