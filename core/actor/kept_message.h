// KeptMessage: a message that its actor has taken out of a turn to handle it in a later one. If that never comes, because the actor
// stops or restarts before, the message is a dead letter `stopped`, and who asked is told.
//
//   all calls   owner; it may be destroyed by any thread, also after the system
#pragma once

#include <memory>

#include "core/actor/envelope.h"
#include "core/base/lifeline.h"

namespace nexus::core {

class ActorSystem;
class Context;

class KeptMessage {
 public:
  // The current message, which is gone from the turn then.
  explicit KeptMessage(Context& context);
  KeptMessage(KeptMessage&&) noexcept = default;
  KeptMessage& operator=(KeptMessage&&) = delete;
  ~KeptMessage();

  // For the turn that handles it. Null when it was taken before.
  EnvelopePtr& envelope() { return message_; }
  // Its turn has come: it is handled, whatever happens.
  EnvelopePtr take() { return std::move(message_); }

 private:
  ActorSystem* system_;
  std::shared_ptr<Lifeline> lifeline_;
  Pid actor_;
  EnvelopePtr message_;
};

}  // namespace nexus::core
