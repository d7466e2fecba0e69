// What a router understands itself; every other message goes to its routees. A message that follows one of these in the router's
// mailbox finds it done.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/actor/envelope.h"
#include "core/actor/pid.h"

namespace nexus::core {

// Adds an actor, which the router watches. Again, or when the router is full: nothing but a line in the log happens.
struct AddRoutee {
  Pid routee;
};

// Takes a routee out. One that the router spawned stops when it has handled what was sent to it.
struct RemoveRoutee {
  Pid routee;
};

// Answered with Routees.
struct GetRoutees {};
struct Routees {
  std::vector<Pid> routees;
};

// Pools only: spawns so many routees, or with a negative number stops those that came last, each when it has handled what was sent
// to it. Counts those only that the router spawned.
struct AdjustPoolSize {
  std::int32_t delta;
};

// Hands a message to every routee whatever the router's strategy is, with sender and headers of the BroadcastMessage. The message
// is copied, see router.h.
struct BroadcastMessage {
  EnvelopePtr message;

  template <typename T>
  static BroadcastMessage of(T message) {
    return {make_envelope(std::move(message))};
  }
};

}  // namespace nexus::core
