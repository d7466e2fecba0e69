// The closed set of messages that travel in the system lane, ahead of user messages. Only the runtime makes them.
#pragma once

#include <memory>
#include <string>

#include "core/actor/messages.h"
#include "core/actor/pid.h"
#include "core/base/unique_function.h"

namespace nexus::core {

class Context;
class Props;

// First message of every life: what the cell needs to become the actor. Sent by spawn, so that only the worker that runs
// the cell ever touches the cell's fields.
struct Start {
  std::shared_ptr<const Props> props;
  Pid parent;
};

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
struct Restart {};

// Code to run in the actor's own turn, between messages.
struct Continuation {
  UniqueFunction<void(Context&)> run;
};

}  // namespace nexus::core
