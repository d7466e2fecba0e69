// Envelope: one message in flight: link, type, target, sender and the message itself in one recycled node.
//
// An envelope has exactly one owner at a time (EnvelopePtr): the sender, then a queue, then the worker that runs the target,
// which destroys it. Nodes come from a cache of the allocating thread and go to the cache of the destroying one.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/actor/message.h"
#include "core/actor/pid.h"
#include "core/base/check.h"
#include "core/base/clock.h"

namespace nexus::core {

using Headers = std::vector<std::pair<std::string, std::string>>;

class Envelope {
 public:
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;

  const MessageType& type() const { return *type_; }

  template <typename T>
  bool is() const {
    return type_ == &message_type<T>();
  }
  // The message, or null when it is of another type.
  template <typename T>
  T* get() {
    return is<T>() ? static_cast<T*>(message()) : nullptr;
  }
  template <typename T>
  const T* get() const {
    return is<T>() ? static_cast<const T*>(message()) : nullptr;
  }
  void* message() { return type_->place == MessageType::Place::heap ? *heap_slot() : payload(); }
  const void* message() const { return const_cast<Envelope*>(this)->message(); }

  const Pid& sender() const { return sender_; }
  void set_sender(Pid sender) { sender_ = std::move(sender); }

  const Headers& headers() const;
  void set_headers(Headers headers);

  // The sender wants to be told what becomes of the message (Notice); see notices.h.
  bool wants_notices() const { return wants_notices_; }
  void set_wants_notices(bool wanted) { wants_notices_ = wanted; }

  // Which actor of the target's cell this was sent to, and the request id of the target Pid. Set by the registry.
  std::uint32_t target_generation() const { return target_generation_; }
  std::uint32_t target_request_id() const { return target_request_id_; }
  void set_target(const Pid& target) {
    target_generation_ = target.generation();
    target_request_id_ = target.request_id();
  }

 private:
  friend class EnvelopeStack;
  friend class EnvelopeList;
  friend struct EnvelopeDeleter;
  template <typename T>
  friend EnvelopePtr make_envelope(T message);

  explicit Envelope(const MessageType& type) : type_(&type) {}
  ~Envelope() = default;

  static void* allocate(MessageType::Place place);
  static void deallocate(void* node, MessageType::Place place) noexcept;
  void* payload() { return this + 1; }
  void** heap_slot() { return static_cast<void**>(payload()); }

  Envelope* next_ = nullptr;
  const MessageType* type_;
  Pid sender_;
  std::unique_ptr<Headers> headers_;
  std::uint32_t target_generation_ : 31 = 0;
  std::uint32_t wants_notices_ : 1 = 0;
  std::uint32_t target_request_id_ = 0;
};
static_assert(sizeof(Envelope) == 48);

template <typename T>
EnvelopePtr make_envelope(T message) {
  using Place = MessageType::Place;
  constexpr const MessageType& type = message_type<T>();
  if constexpr (internal::place_of<T>() == Place::heap) {
    auto owned = std::make_unique<T>(std::move(message));
    auto* envelope = ::new (Envelope::allocate(type.place)) Envelope(type);
    *envelope->heap_slot() = owned.release();
    return EnvelopePtr(envelope);
  } else {
    // A throwing move would leak the node, so such types take the heap path above by their size or are refused here.
    static_assert(std::is_nothrow_move_constructible_v<T>);
    auto* envelope = ::new (Envelope::allocate(type.place)) Envelope(type);
    ::new (envelope->payload()) T(std::move(message));
    return EnvelopePtr(envelope);
  }
}

// A chain of envelopes with one owner, first in first out.
class EnvelopeList {
 public:
  EnvelopeList() = default;
  EnvelopeList(EnvelopeList&& other) noexcept
      : head_(std::exchange(other.head_, nullptr)), tail_(std::exchange(other.tail_, nullptr)) {}
  EnvelopeList& operator=(EnvelopeList&& other) noexcept {
    clear();
    head_ = std::exchange(other.head_, nullptr);
    tail_ = std::exchange(other.tail_, nullptr);
    return *this;
  }
  ~EnvelopeList() { clear(); }

  bool empty() const { return head_ == nullptr; }
  // Only when not empty().
  const Envelope& front() const { return *head_; }
  void push_back(EnvelopePtr envelope) {
    Envelope* node = envelope.release();
    node->next_ = nullptr;
    (tail_ == nullptr ? head_ : tail_->next_) = node;
    tail_ = node;
  }
  EnvelopePtr pop_front() {
    Envelope* node = head_;
    if (node == nullptr) return nullptr;
    head_ = node->next_;
    if (head_ == nullptr) tail_ = nullptr;
    return EnvelopePtr(node);
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Envelope* node = head_; node != nullptr; node = node->next_) visit(*node);
  }
  void clear() {
    while (pop_front() != nullptr) {
    }
  }

 private:
  friend class EnvelopeStack;
  Envelope* head_ = nullptr;
  Envelope* tail_ = nullptr;
};

}  // namespace nexus::core
