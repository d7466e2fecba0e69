// MailboxOverflow: what becomes of a user message to an actor whose mailbox holds mailbox_user_count_max already.
#pragma once

#include <cstdint>

namespace nexus::core {

enum class MailboxOverflow : std::uint8_t {
  // It is a dead letter `mailbox_full`, and its sender is told.
  reject,
  // It is a dead letter `mailbox_full`, and its sender is not told.
  drop_newest,
  // It is taken, and when the actor gets to its next message the oldest that are too many become dead letters `mailbox_full`.
  // During one turn the mailbox grows up to Mailbox::beyond(); what comes then is dropped as by drop_newest.
  drop_oldest,
  // From an actor: it is taken, up to Mailbox::beyond(), and the sender is suspended when its current message is done, until
  // the mailbox is half empty, or for ActorCell::kSlowedMax. From other threads, from the actor itself, and beyond: as by reject.
  // No thread waits. Of two actors that slow each other the one that learns of it goes on; longer rings end by the time limit.
  slow_sender,
};

}  // namespace nexus::core
