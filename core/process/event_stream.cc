#include "core/process/event_stream.h"

namespace nexus::core {

EventStream::Subscription EventStream::add(std::type_index type,
                                           std::function<void(const void*)> call) {
  auto handler = std::make_shared<Handler>(Handler{type, std::move(call)});
  MutexLock lock(mutex_);
  auto next = std::make_shared<Handlers>();
  for (const auto& known : *handlers_) {
    if (!known.expired()) next->push_back(known);
  }
  next->push_back(handler);
  handlers_ = std::move(next);
  return handler;
}

void EventStream::publish(std::type_index type, const void* event) {
  std::shared_ptr<const Handlers> snapshot;
  {
    MutexLock lock(mutex_);
    snapshot = handlers_;
  }
  for (const auto& known : *snapshot) {
    const auto handler = known.lock();
    if (handler != nullptr && handler->type == type) handler->call(event);
  }
}

}  // namespace nexus::core
