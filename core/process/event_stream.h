// EventStream: tells observers what happened (dead letters, failures, link changes). Parts of the runtime that depend on
// each other call each other; the stream is for onlookers.
//
//   subscribe(), publish()   any thread, also from inside a handler
//   wants()                  any thread   no lock; for events that are dear to make
//
// E1  A handler runs on the publishing thread and must not block. No lock is held while it runs.
// E2  A handler sees each event that is published after subscribe() returned and before its subscription died, in the order in
//     which a thread publishes them. One that dies while an event is handed round misses it, unless it had its turn.
// E3  What a handler or a predicate throws is logged; the other handlers and the publisher notice nothing.
// E4  An actor gets each event as a message without a sender. After it has stopped it gets none, and that is no dead letter.
// E5  An event that an actor had no room for is a dead letter, of which no event tells: there would be no end to it.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <typeindex>
#include <utility>
#include <vector>

#include "core/actor/envelope.h"
#include "core/actor/pid.h"
#include "core/base/log.h"
#include "core/base/mutex.h"

namespace nexus::core {

class ActorSystem;

class EventStream {
 public:
  // Ends the subscription when it dies. A handler may still be running on another thread at that moment.
  using Subscription = std::shared_ptr<void>;
  template <typename Event>
  using Handler = std::function<void(const Event&)>;
  // Which events are wanted; empty = all.
  template <typename Event>
  using Predicate = std::function<bool(const Event&)>;

  // For functions only; what they throw is dropped.
  EventStream() = default;
  // By the ActorSystem, which must outlive all publishing.
  EventStream(ActorSystem& system, Log log) : system_(&system), log_(std::move(log)) {}

  template <typename Event>
  [[nodiscard]] Subscription subscribe(Handler<Event> handler, Predicate<Event> wanted = {}) {
    return add(typeid(Event),
               [handler = std::move(handler), wanted = std::move(wanted)](const void* published) {
                 const Event& event = *static_cast<const Event*>(published);
                 if (!wanted || wanted(event)) handler(event);
               });
  }
  // `actor` gets copies. The subscription best lives in the actor object, so that a restart renews it.
  template <std::copy_constructible Event>
  [[nodiscard]] Subscription subscribe(const Pid& actor, Predicate<Event> wanted = {}) {
    CHECK(system_ != nullptr);
    return add(typeid(Event), [this, actor, wanted = std::move(wanted)](const void* published) {
      if (has_stopped(actor)) return;
      const Event& event = *static_cast<const Event*>(published);
      if (!wanted || wanted(event)) send(actor, make_envelope(Event(event)));
    });
  }

  template <typename Event>
  void publish(const Event& event) {
    if (wants<Event>()) publish(typeid(Event), &event);
  }
  // False when nobody has subscribed to these events so far. True may be wrong.
  template <typename Event>
  bool wants() const {
    static const std::uint64_t bit = bit_of(typeid(Event));
    // Relaxed: who publishes after subscribe() returned, on another thread, has been told so by means that also bring this.
    return (wanted_bits_.load(std::memory_order_relaxed) & bit) != 0;
  }

 private:
  using Call = std::function<void(const void* event)>;
  struct Entry {
    std::type_index type;
    std::weak_ptr<Call> call;
  };
  using Entries = std::vector<Entry>;

  static std::uint64_t bit_of(std::type_index type) {
    return std::uint64_t{1} << (type.hash_code() % 64);
  }
  Subscription add(std::type_index type, Call call);
  void publish(std::type_index type, const void* event);
  static bool has_stopped(const Pid& actor);
  void send(const Pid& actor, EnvelopePtr event);

  // Set at construction, then read by any thread. No system: no actor can subscribe.
  ActorSystem* const system_ = nullptr;
  const Log log_;

  // A bit for each type that was ever subscribed to; types share bits. Only added to.
  std::atomic<std::uint64_t> wanted_bits_{0};

  Mutex mutex_{"event_stream"};
  // Replaced, never changed, so that publish() walks a snapshot.
  std::shared_ptr<const Entries> entries_ GUARDED_BY(mutex_) = std::make_shared<Entries>();
};

}  // namespace nexus::core
