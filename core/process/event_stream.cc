#include "core/process/event_stream.h"

#include "core/actor_system.h"
#include "core/base/user_code.h"

namespace nexus::core {

EventStream::Subscription EventStream::add(std::type_index type, Call call) {
  auto shared = std::make_shared<Call>(std::move(call));
  auto next = std::make_shared<Entries>();
  MutexLock lock(mutex_);
  for (const Entry& known : *entries_) {
    if (!known.call.expired()) next->push_back(known);
  }
  next->push_back({type, shared});
  entries_ = std::move(next);
  wanted_bits_.fetch_or(bit_of(type), std::memory_order_relaxed);
  return shared;
}

void EventStream::publish(std::type_index type, const void* event) {
  std::shared_ptr<const Entries> snapshot;
  {
    MutexLock lock(mutex_);
    snapshot = entries_;
  }
  for (const Entry& known : *snapshot) {
    if (known.type != type) continue;
    // Held while it runs, so that a handler may end its own subscription.
    const std::shared_ptr<Call> call = known.call.lock();
    if (call == nullptr) continue;
    if (const auto failure = failure_of([&] { (*call)(event); })) {
      log_.warn("event handler threw", {{"event", demangle(type.name())}, {"reason", *failure}});
    }
  }
}

bool EventStream::has_stopped(const Pid& actor) {
  return actor.is_cell() && actor.cell()->generation() != actor.generation();
}

void EventStream::send(const Pid& actor, EnvelopePtr event) {
  (void)system_->registry().send_user(actor, std::move(event));
}

}  // namespace nexus::core
