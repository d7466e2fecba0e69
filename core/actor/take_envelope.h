// take_envelope(), refuse(): what an actor may do with the whole current message other than to forward it.
//
//   both   the actor, in its turn; the message is gone afterwards, as after Context::forward()
//
// For the conservation law of the door the message goes to a process: it counts as accepted once more, and as taken by one.
#pragma once

#include "core/actor/context.h"
#include "core/actor/envelope.h"

namespace nexus::core {

// The current message with all that belongs to it.
EnvelopePtr take_envelope(Context& context);

// Ends the current message as one that this actor does not understand: a dead letter `unreadable`. Who asked is told bad_payload.
void refuse(Context& context);

}  // namespace nexus::core
