#include "core/actor/envelope.h"

#include <cxxabi.h>

#include <cstdlib>

namespace nexus::core {

std::string demangle(const char* name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                              &std::free);
  return status == 0 ? text.get() : name;
}

const Headers& Envelope::headers() const {
  static const Headers none;
  return has(kExtended) ? extended_->headers : none;
}

EnvelopePtr copy_of(const Envelope& envelope) {
  if (envelope.type().copy == nullptr) return nullptr;
  EnvelopePtr copy = envelope.type().copy(envelope.message());
  copy->set_sender(envelope.sender());
  copy->set_headers(envelope.headers());
  copy->set_wants_notices(envelope.wants_notices());
  return copy;
}

void Envelope::set_headers(Headers headers) {
  if (has(kExtended)) {
    extended_->headers = std::move(headers);
    return;
  }
  if (headers.empty()) return;
  auto extended = std::make_unique<Extended>(Extended{std::move(sender_), std::move(headers)});
  sender_.~Pid();
  extended_ = extended.release();
  set(kExtended, true);
}

}  // namespace nexus::core
