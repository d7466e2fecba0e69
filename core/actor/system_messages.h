// The closed set of messages that travel in the system lane, ahead of user messages. Only the runtime makes them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/actor/messages.h"
#include "core/actor/pid.h"
#include "core/base/unique_function.h"

namespace nexus::core {

class Context;
class FutureSlot;

struct Watch {
  Pid watcher;
};
struct Unwatch {
  Pid watcher;
};

// Stops the actor after its current turn.
struct Stop {};

// From a child to its parent: the child is suspended and waits for one of the three below.
struct Failure {
  Pid child;
  // what() of the exception.
  std::string reason;
  // Name of the message in whose turn it failed.
  std::string message_name;
};
struct Resume {};
struct Restart {
  // ActorCell::restart_count() of the object that it is for; nothing: of whichever is there.
  std::optional<std::uint32_t> restart_count{};
};

// From an actor to one whose mailbox was full: it is suspended and waits for the GoOn with this number.
struct SlowSender {
  Pid sender;
  std::uint32_t number;
};
struct GoOn {
  std::uint32_t number;
};

// Code to run in the actor's own turn, between messages.
struct Continuation {
  UniqueFunction<void(Context&)> run;
};

// Something that the actor wants to do about now is due; see ActorTimers.
struct TimerDue {
  std::uint32_t key;
};

// A future of the actor's own is done; what came, and what to do with it, is in its slot.
struct FutureDone {
  FutureSlot* slot;
};

}  // namespace nexus::core
