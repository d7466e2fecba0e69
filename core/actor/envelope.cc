#include "core/actor/envelope.h"

#include <cxxabi.h>

#include <cstdlib>
#include <new>

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
  DCHECK(!is_timed());
  if (other.has(kExtended)) {
    extend() = *other.extended_;
  } else {
    set_sender(other.sender());
  }
  set_wants_notices(other.wants_notices());
}

const Pid& Envelope::rare_sender() const {
  static const Pid none;
  return has(kExtended) ? extended_->sender : none;
}

Envelope::Extended& Envelope::extend() {
  if (has(kExtended)) return *extended_;
  void* node = NodeCache::allocate<NodeCache::kLargeBytes>();
  Extended* extended = nullptr;
  if (is_timed()) {
    extended = ::new (node) Extended{.sender = {}, .times = times_};
  } else {
    extended = ::new (node) Extended{.sender = std::move(sender_)};
    sender_.~Pid();
  }
  extended_ = extended;
  set(kExtended, true);
  return *extended;
}

void Envelope::drop_extended() {
  extended_->~Extended();
  NodeCache::deallocate<NodeCache::kLargeBytes>(extended_);
}

void Envelope::make_timed() {
  if (!is_timed() && !has(kExtended) && sender_.empty()) {
    sender_.~Pid();
    ::new (&times_) Times{};
  } else {
    extend().times = Times{};
  }
  set(kTimed, true);
}

void Envelope::note_entered(bool made_runnable) {
  make_timed();
  times().entered_at = TickClock::now();
  set_made_runnable(made_runnable);
}

void Envelope::note_runnable() {
  if (!is_timed()) make_timed();
  times().runnable_at = TickClock::now();
}

Envelope::Times Envelope::take_times() {
  DCHECK(is_timed());
  const Times taken = times();
  set(kTimed, false);
  if (!has(kExtended)) ::new (&sender_) Pid();
  return taken;
}

}  // namespace nexus::core
