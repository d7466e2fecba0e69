// Answer: how a request ended.
#pragma once

#include <cstdint>
#include <string>

#include "core/actor/envelope.h"

namespace nexus::core {

struct Answer {
  enum class Outcome : std::uint8_t {
    // `message` holds the answer (null for a future that waited for `enqueued`).
    answered,
    no_such_actor,
    mailbox_full,
    // The link to the target's node is down, was lost or is full; `detail` has the dead letter's reason.
    link_failed,
    too_large,
    // The request is of a type that cannot leave this node.
    not_remotable,
    bad_payload,
    // The target failed in its turn with the request.
    failed,
    deadline,
    cancelled,
    // Too many requests are open on this node; the request was not sent.
    overloaded,
  };
  Outcome outcome;
  // The target's turn with the request had begun. Known only for requests that want notices.
  bool started = false;
  EnvelopePtr message{};
  std::string detail{};
};

}  // namespace nexus::core
