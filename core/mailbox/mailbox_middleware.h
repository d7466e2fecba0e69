// MailboxMiddleware: is told what happens to the mailboxes of the actors whose Props name it, for metrics and tracing.
//
//   message_posted()   any thread, of the sender: at the same time for many messages
//   all others         the actor's own turns
//
// Must not block. What it throws is logged and otherwise ignored. A sender to such an actor pays for a lock; senders to
// others pay nothing.
#pragma once

#include "core/actor/envelope.h"
#include "core/actor/pid.h"

namespace nexus::core {

class MailboxMiddleware {
 public:
  virtual ~MailboxMiddleware() = default;

  // Before the actor's first Started.
  virtual void mailbox_started(const Pid&) {}
  // A user message has a place in the mailbox and is about to enter it. Not for Terminated and PoisonPill.
  virtual void message_posted(const Pid&, const Envelope&) {}
  // The actor is about to handle a user message.
  virtual void message_received(const Pid&, const Envelope&) {}
  // The actor has handled everything; the next message may be on its way already.
  virtual void mailbox_empty(const Pid&) {}
};

}  // namespace nexus::core
