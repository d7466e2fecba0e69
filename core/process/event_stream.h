// EventStream: tells observers what happened (dead letters, failures, link changes). Parts of the runtime that depend on
// each other call each other; the stream is for onlookers.
//
//   subscribe(), publish()   any thread, also from inside a handler
//
// A handler runs on the publishing thread, must not block or throw, and sees each event published after subscribe() returned and
// before the subscription died. No lock is held while it runs.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <typeindex>
#include <vector>

#include "core/base/mutex.h"

namespace nexus::core {

class EventStream {
 public:
  // Ends the subscription when it dies. A handler may still be running on another thread at that moment.
  using Subscription = std::shared_ptr<void>;

  template <typename Event>
  [[nodiscard]] Subscription subscribe(std::function<void(const Event&)> handler) {
    return add(typeid(Event), [handler = std::move(handler)](const void* event) {
      handler(*static_cast<const Event*>(event));
    });
  }

  template <typename Event>
  void publish(const Event& event) {
    publish(typeid(Event), &event);
  }

 private:
  struct Handler {
    std::type_index type;
    std::function<void(const void*)> call;
  };
  using Handlers = std::vector<std::weak_ptr<Handler>>;

  Subscription add(std::type_index type, std::function<void(const void*)> call);
  void publish(std::type_index type, const void* event);

  Mutex mutex_{"event_stream"};
  // Replaced, never changed, so that publish() walks a snapshot.
  std::shared_ptr<const Handlers> handlers_ GUARDED_BY(mutex_) = std::make_shared<Handlers>();
};

}  // namespace nexus::core
