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
  copy->take_after(envelope);
  return copy;
}

Envelope::Extended& Envelope::extend() {
  if (!has(kExtended)) {
    auto extended = std::make_unique<Extended>(Extended{.sender = std::move(sender_)});
    sender_.~Pid();
    extended_ = extended.release();
    set(kExtended, true);
  }
  return *extended_;
}

void Envelope::set_headers(Headers headers) {
  if (has(kExtended) || !headers.empty()) extend().headers = std::move(headers);
}

void Envelope::set_deadline(Instant deadline) {
  if (has(kExtended) || deadline != Instant::max()) extend().deadline = deadline;
}

CancellationToken Envelope::cancellation() const {
  return has(kExtended) ? extended_->cancellation : CancellationToken{};
}

void Envelope::set_cancellation(CancellationToken token) {
  if (has(kExtended) || token) extend().cancellation = std::move(token);
}

const std::string& Envelope::answer_content_type() const {
  static const std::string none;
  return has(kExtended) ? extended_->answer_content_type : none;
}

void Envelope::set_answer_content_type(std::string content_type) {
  if (has(kExtended) || !content_type.empty()) {
    extend().answer_content_type = std::move(content_type);
  }
}

void Envelope::take_after(const Envelope& other) {
  if (other.has(kExtended)) {
    extend() = *other.extended_;
  } else {
    set_sender(other.sender_);
  }
  set_wants_notices(other.wants_notices());
}

}  // namespace nexus::core
