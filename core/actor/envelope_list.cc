#include "core/actor/envelope_list.h"

namespace nexus::core {

EnvelopePtr EnvelopeList::pop_front_packed() {
  auto* packet = static_cast<EnvelopePacket*>(head_);
  EnvelopePtr envelope = packet->take();
  if (packet->count() == 0) {
    head_ = packet->next_;
    packet->drop();
  }
  return envelope;
}

}  // namespace nexus::core
