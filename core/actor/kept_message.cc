#include "core/actor/kept_message.h"

#include "core/actor/context.h"
#include "core/actor_system.h"

namespace nexus::core {

KeptMessage::KeptMessage(Context& context)
    : system_(&context.system()),
      lifeline_(context.system().lifeline()),
      actor_(context.self()),
      message_(context.take_message()) {}

KeptMessage::~KeptMessage() {
  if (message_ == nullptr) return;
  lifeline_->run([this] { system_->registry().bury(actor_, std::move(message_)); });
}

}  // namespace nexus::core
