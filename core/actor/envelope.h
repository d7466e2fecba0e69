// Envelope: one message in flight: link, type, sender and the message itself in one recycled node.
//
// An envelope has exactly one owner at a time (EnvelopePtr): the sender, then a mailbox, then the worker that runs the target,
// which destroys it. The head of 32 bytes and a message of 16 make a node of 48.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/actor/cancellation.h"
#include "core/actor/message.h"
#include "core/actor/pid.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/tick_clock.h"
#include "core/memory/node_cache.h"

namespace nexus::core {

using Headers = std::vector<std::pair<std::string, std::string>>;

class Envelope {
 public:
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;

  const MessageType& type() const {
    return *reinterpret_cast<const MessageType*>(bits_ & kTypeMask);
  }

  template <typename T>
  bool is() const {
    return &type() == &message_type<T>();
  }
  // The message, or null when it is of another type.
  template <typename T>
  T* get() {
    return is<T>() ? static_cast<T*>(message_in(internal::place_of<T>())) : nullptr;
  }
  template <typename T>
  const T* get() const {
    return const_cast<Envelope*>(this)->get<T>();
  }
  void* message() { return message_in(type().place); }
  const void* message() const { return const_cast<Envelope*>(this)->message(); }

  const Pid& sender() const { return has(kExtended | kTimed) ? rare_sender() : sender_; }
  void set_sender(Pid sender) {
    (has(kExtended | kTimed) ? extend().sender : sender_) = std::move(sender);
  }

  const Headers& headers() const;
  void set_headers(Headers headers);

  // A message that is still waiting at its deadline is not handled: it becomes a dead letter `expired`. The same for one whose
  // token was cancelled. Deadlines travel to other nodes, tokens do not. Instant::max(): none.
  Instant deadline() const { return has(kExtended) ? extended_->deadline : Instant::max(); }
  void set_deadline(Instant deadline);
  // Null: none.
  CancellationToken cancellation() const;
  void set_cancellation(CancellationToken token);

  // Content type that the sender of a Payload wants its answer in; empty for typed messages.
  const std::string& answer_content_type() const;
  void set_answer_content_type(std::string content_type);

  // Whether one of the above was set; else the sender is all that there is.
  bool is_extended() const { return has(kExtended); }
  // Not zero when there is more to do with the message than to hand it to the actor.
  std::uint64_t specials() const { return bits_ & (kExtended | kWantsNotices); }
  // Gives this message all of the above, and sender and notices, as `other` has them.
  void take_after(const Envelope& other);

  // The sender wants to be told what becomes of the message (Notice); see messages.h.
  bool wants_notices() const { return has(kWantsNotices); }
  void set_wants_notices(bool wanted) { set(kWantsNotices, wanted); }

  // Which actor of the target's cell this was sent to. Set by the registry.
  std::uint32_t target_generation() const {
    return static_cast<std::uint32_t>(bits_ >> kGenerationShift);
  }
  void set_target_generation(std::uint32_t generation) {
    DCHECK(generation <= kGenerationMax);
    bits_ = (bits_ & ~(kGenerationMax << kGenerationShift)) |
            (std::uint64_t{generation} << kGenerationShift);
  }
  static constexpr std::uint64_t kGenerationMax = 0xffff;

  // Whether the message was chosen to be measured (RuntimeTelemetry). Such a one is slower, and otherwise the same.
  bool is_timed() const { return has(kTimed); }
  // 0 where there is nothing to measure.
  struct Times {
    // When the message entered the mailbox.
    Ticks entered_at;
    // When it made the actor runnable, or the actor became runnable again with this message in front.
    Ticks runnable_at;
  };
  // Before the message enters a mailbox.
  void note_entered(bool made_runnable);
  // Of a message that waits already.
  void note_runnable();
  // Once; afterwards it is not timed any more.
  Times take_times();

 private:
  friend class EnvelopeChain;
  friend class EnvelopeList;
  friend class EnvelopeRing;
  friend class Mailbox;
  friend struct EnvelopeDeleter;
  template <typename T>
  friend EnvelopePtr make_envelope(T message);

  // Flags in the low bits of the pointer to the type.
  static constexpr std::uint64_t kExtended = 1;
  static constexpr std::uint64_t kWantsNotices = 2;
  static constexpr std::uint64_t kSystemLane = 4;
  static constexpr std::uint64_t kTimed = 8;
  static constexpr unsigned kGenerationShift = 48;
  static constexpr std::uint64_t kTypeMask = 0x0000'ffff'ffff'fff0;

  // What few envelopes have; takes the place of the sender. The times of a message that has neither this nor a sender take that
  // place, too: with a long queue before it, memory of their own would be another cache miss.
  struct Extended {
    Pid sender;
    Headers headers{};
    std::string answer_content_type{};
    Instant deadline = Instant::max();
    CancellationToken cancellation{};
    Times times{};
  };
  static_assert(sizeof(Extended) <= NodeCache::kLargeBytes &&
                alignof(Extended) <= NodeCache::kAlignment);

  explicit Envelope(const MessageType& type)
      : bits_(reinterpret_cast<std::uintptr_t>(&type)), sender_() {}
  ~Envelope() {
    if (has(kExtended)) {
      drop_extended();
    } else if (!has(kTimed)) {
      sender_.~Pid();
    }
  }

  bool has(std::uint64_t flag) const { return (bits_ & flag) != 0; }
  void set(std::uint64_t flag, bool on) { bits_ = on ? bits_ | flag : bits_ & ~flag; }
  const Pid& rare_sender() const;
  Extended& extend();
  void drop_extended();
  // Of a timed one.
  Times& times() { return has(kExtended) ? extended_->times : times_; }
  // The same; `made`: the mailbox that it enters is idle.
  void set_made_runnable(bool made) { times().runnable_at = made ? times().entered_at : 0; }
  // Makes it one that has no times yet.
  void make_timed();

  void* message_in(MessageType::Place place) {
    void* inside = this + 1;
    return place == MessageType::Place::heap ? *static_cast<void**>(inside) : inside;
  }

  Envelope* next_ = nullptr;
  std::uint64_t bits_;
  union {
    Pid sender_;
    Extended* extended_;
    Times times_;
  };
};
static_assert(sizeof(Envelope) == 32);
static_assert(sizeof(Envelope) + kSmallPayloadBytes == NodeCache::kSmallBytes);
static_assert(sizeof(Envelope) + kLargePayloadBytes == NodeCache::kLargeBytes);
static_assert(kPayloadAlignment <= NodeCache::kAlignment);

[[gnu::always_inline]] inline void EnvelopeDeleter::operator()(Envelope* envelope) const noexcept {
  const MessageType& type = envelope->type();
  if (type.destroy != nullptr) type.destroy(envelope->message());
  envelope->~Envelope();
  if (type.place == MessageType::Place::large_node) {
    NodeCache::deallocate<NodeCache::kLargeBytes>(envelope);
  } else {
    NodeCache::deallocate<NodeCache::kSmallBytes>(envelope);
  }
}

template <typename T>
EnvelopePtr make_envelope(T message) {
  using Place = MessageType::Place;
  constexpr const MessageType& type = message_type<T>();
  constexpr Place place = internal::place_of<T>();
  if constexpr (place == Place::heap) {
    auto owned = std::make_unique<T>(std::move(message));
    void* node = NodeCache::allocate<NodeCache::kSmallBytes>();
    auto* envelope = ::new (node) Envelope(type);
    ::new (static_cast<void*>(envelope + 1)) T*(owned.release());
    return EnvelopePtr(envelope);
  } else {
    // A throwing move would leak the node.
    static_assert(std::is_nothrow_move_constructible_v<T>);
    constexpr std::size_t bytes =
        place == Place::large_node ? NodeCache::kLargeBytes : NodeCache::kSmallBytes;
    auto* envelope = ::new (NodeCache::allocate<bytes>()) Envelope(type);
    ::new (static_cast<void*>(envelope + 1)) T(std::move(message));
    return EnvelopePtr(envelope);
  }
}

// A second envelope with a copy of the message, from the same sender, with the same headers and the same wish for notices. Null
// when messages of the type cannot be copied. Throws what the copying of the message throws.
EnvelopePtr copy_of(const Envelope& envelope);

// A chain of envelopes with one owner, first in first out.
class EnvelopeList {
 public:
  EnvelopeList() = default;
  EnvelopeList(EnvelopeList&& other) noexcept
      : head_(std::exchange(other.head_, nullptr)), tail_(std::exchange(other.tail_, nullptr)) {}
  EnvelopeList& operator=(EnvelopeList&& other) noexcept {
    if (this != &other) {
      clear();
      head_ = std::exchange(other.head_, nullptr);
      tail_ = std::exchange(other.tail_, nullptr);
    }
    return *this;
  }
  ~EnvelopeList() { clear(); }

  bool empty() const { return head_ == nullptr; }
  // Only when not empty().
  const Envelope& front() const { return *head_; }
  Envelope& front() { return *head_; }
  void push_back(EnvelopePtr envelope) {
    Envelope* node = envelope.release();
    node->next_ = nullptr;
    (head_ == nullptr ? head_ : tail_->next_) = node;
    tail_ = node;
  }
  EnvelopePtr pop_front() {
    Envelope* node = head_;
    if (node != nullptr) {
      Envelope* next = node->next_;
      head_ = next;
      // A long queue is cold. One that was filled evenly, alone or in turns with others, goes on with the same stride.
      if (next != nullptr) prefetch_after(node, next);
    }
    return EnvelopePtr(node);
  }
  // Nodes that are linked already, from `first` to `last`, whose link is null.
  void push_back_chain(Envelope* first, Envelope* last) {
    (head_ == nullptr ? head_ : tail_->next_) = first;
    tail_ = last;
  }
  void append(EnvelopeList&& other) {
    if (other.head_ == nullptr) return;
    (head_ == nullptr ? head_ : tail_->next_) = std::exchange(other.head_, nullptr);
    tail_ = other.tail_;
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
  static void prefetch_after(const Envelope* node, const Envelope* next) {
    constexpr std::uintptr_t kAhead = 4;
    const auto at = reinterpret_cast<std::uintptr_t>(next);
    const std::uintptr_t stride = at - reinterpret_cast<std::uintptr_t>(node);
    __builtin_prefetch(reinterpret_cast<const void*>(at + kAhead * stride), 1);
  }

  Envelope* head_ = nullptr;
  // Meaningless while head_ is null.
  Envelope* tail_ = nullptr;
};

// Envelopes linked newest first, ready to enter a mailbox together.
class EnvelopeChain {
 public:
  EnvelopeChain() = default;
  EnvelopeChain(EnvelopeChain&& other) noexcept
      : newest_(std::exchange(other.newest_, nullptr)),
        oldest_(std::exchange(other.oldest_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  EnvelopeChain& operator=(EnvelopeChain&& other) noexcept {
    std::swap(newest_, other.newest_);
    std::swap(oldest_, other.oldest_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~EnvelopeChain() {
    while (newest_ != nullptr) {
      const EnvelopePtr envelope(newest_);
      newest_ = newest_ == oldest_ ? nullptr : newest_->next_;
    }
  }

  std::uint32_t count() const { return count_; }
  void add(EnvelopePtr envelope) {
    Envelope* node = envelope.release();
    node->next_ = newest_;
    if (newest_ == nullptr) oldest_ = node;
    newest_ = node;
    ++count_;
  }
  // Leaves the chain empty.
  EnvelopeList oldest_first() {
    if (newest_ == nullptr) return {};
    EnvelopeList list;
    Envelope* node = std::exchange(newest_, nullptr);
    Envelope* const last = node;
    Envelope* const first = std::exchange(oldest_, nullptr);
    count_ = 0;
    Envelope* behind = nullptr;
    while (behind != first) behind = std::exchange(node, std::exchange(node->next_, behind));
    list.push_back_chain(first, last);
    return list;
  }

 private:
  friend class Mailbox;

  Envelope* newest_ = nullptr;
  Envelope* oldest_ = nullptr;
  std::uint32_t count_ = 0;
};

// An EnvelopeList in half the memory, for lanes that are mostly empty.
class EnvelopeRing {
 public:
  EnvelopeRing() = default;
  EnvelopeRing(const EnvelopeRing&) = delete;
  EnvelopeRing& operator=(const EnvelopeRing&) = delete;
  ~EnvelopeRing() {
    while (pop_front() != nullptr) {
    }
  }

  bool empty() const { return tail_ == nullptr; }
  void push_back(EnvelopePtr envelope) {
    Envelope* node = envelope.release();
    if (tail_ == nullptr) {
      node->next_ = node;
    } else {
      node->next_ = tail_->next_;
      tail_->next_ = node;
    }
    tail_ = node;
  }
  EnvelopePtr pop_front() {
    if (tail_ == nullptr) return nullptr;
    Envelope* node = tail_->next_;
    if (node == tail_) {
      tail_ = nullptr;
    } else {
      tail_->next_ = node->next_;
    }
    return EnvelopePtr(node);
  }

 private:
  // Its link leads to the first.
  Envelope* tail_ = nullptr;
};

}  // namespace nexus::core
