// Actor: what a user implements. The only class of the runtime that is meant to be inherited.
#pragma once

namespace nexus::core {

class Context;

class Actor {
 public:
  virtual ~Actor() = default;

  // Called for one message at a time: user messages and the lifecycle messages of core/actor/messages.h. An exception that
  // leaves it is a failure: the parent decides whether the actor resumes, restarts or stops, and the message is not handed
  // out again. Must not block; a turn holds a worker.
  virtual void receive(Context& context) = 0;
};

}  // namespace nexus::core
