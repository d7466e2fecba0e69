// Sends a message that is text and bytes over a link, as an actor would that knows its type.
//
//   all calls   any thread
#pragma once

#include <utility>

#include "remote/endpoint.h"
#include "tests/support/wire_message.h"

namespace nexus::remote {

inline void send_message(Endpoint& endpoint, const WireMessage& message) {
  auto envelope =
      core::make_envelope(core::Payload{message.type_name, core::Payload::kProtobuf, message.data});
  envelope->set_sender(message.sender);
  if (!message.headers.empty()) envelope->set_headers(message.headers);
  envelope->set_wants_notices(message.wants_notices);
  endpoint.send(message.target, std::move(envelope), core::Lane::user);
}

}  // namespace nexus::remote
