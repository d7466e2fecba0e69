// The messages that the runtime itself sends to actors, or understands wherever they come from.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/actor/envelope.h"
#include "core/actor/pid.h"
#include "core/process/dead_letter_reason.h"

namespace nexus::core {

struct MessageBatch;
template <>
inline constexpr bool kCopyableMessage<MessageBatch> = false;

// Lifecycle, in the order of a life. Each reaches `receive` like any other message.
struct Started {};
// The actor object is about to be replaced after a failure; its children have not been stopped yet.
struct Restarting {};
// No user message follows; the children are about to be stopped.
struct Stopping {};
// The children are gone; the actor object is destroyed after this.
struct Stopped {};

enum class TerminatedReason : std::uint8_t { stopped = 0, address_terminated = 1, not_found = 2 };

// A watched actor, or a child, is gone. Comes exactly once per watch, behind everything that the actor sent before.
struct Terminated {
  Pid who;
  TerminatedReason why = TerminatedReason::stopped;
};

// Stops the actor when its turn in the mailbox comes.
struct PoisonPill {};

// Answered by the runtime with Touched{self}.
struct Touch {};
struct Touched {
  Pid who;
};

// What Context::envelope() shows where there is no message. Never sent.
struct NoMessage {};

// Nothing came for as long as Context::set_receive_timeout() said.
struct ReceiveTimeout : NotInfluenceReceiveTimeout {};

// Several messages that travel as one: the actor gets them one by one, in this order and with nothing in between (with
// Props::priority each in its own level), each with the sender and the headers that it has itself. Those for which the mailbox has
// no room end as `mailbox_full`. Within the process only.
struct MessageBatch : NotInfluenceReceiveTimeout {
  std::vector<EnvelopePtr> messages;

  template <typename T>
  void add(T message) {
    messages.push_back(make_envelope(std::move(message)));
  }
};

// The answer to a request that nobody will handle.
struct DeadLetterResponse {
  Pid target;
  // Known when it happened on this node; a peer's answer always says no_such_actor.
  DeadLetterReason reason = DeadLetterReason::no_such_actor;
};

// Tells the sender of a message what becomes of it. Sent only when the sender asked (Envelope::set_wants_notices).
struct Notice {
  enum class Kind : std::uint8_t {
    enqueued = 1,
    started = 2,
    mailbox_full = 3,
    bad_payload = 4,
    failed = 5
  };
  Kind kind;
  std::string detail;
};

}  // namespace nexus::core
