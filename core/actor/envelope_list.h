// What envelopes wait in, first in first out, with one owner at a time.
//
//   EnvelopeList     any number
//   EnvelopeChain    up to kCountMax, on their way into a mailbox together: they stay in one packet then
//   EnvelopeRing     an EnvelopeList without packets in half the memory, for lanes that are mostly empty
#pragma once

#include <cstdint>
#include <new>
#include <utility>

#include "core/actor/envelope.h"
#include "core/memory/node_cache.h"

namespace nexus::core {

// Links to envelopes side by side, so that who takes one can have the next ones fetched: what another core sent lies in that one's
// cache, and each link of a plain list is known only when the envelope before it has come (Z. Shao, J. H. Reppy, A. W. Appel:
// Unrolling lists, 1994). In a list it takes the place of an envelope, is never empty, and never leaves it.
class EnvelopePacket : public Envelope {
 public:
  static constexpr std::uint32_t kCountMax = 32;

  // With a first envelope.
  static EnvelopePacket* make(EnvelopePtr first) {
    void* memory = NodeCache::allocate<NodeCache::kPacketBytes>();
    auto* packet = ::new (memory) EnvelopePacket();
    packet->add(std::move(first));
    return packet;
  }
  // When nothing is in it.
  void drop() noexcept { NodeCache::deallocate<NodeCache::kPacketBytes>(this); }

  std::uint32_t count() const { return span_.end - span_.begin; }
  bool has_room() const { return span_.end < kCountMax; }
  // Only when it has room.
  void add(EnvelopePtr envelope) { nodes_[span_.end++] = envelope.release(); }
  Envelope& front() { return *nodes_[span_.begin]; }
  // Only when it is not empty.
  EnvelopePtr take() {
    Envelope* taken = nodes_[span_.begin++];
    fetch_ahead();
    return EnvelopePtr(taken);
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::uint32_t i = span_.begin; i < span_.end; ++i) visit(*nodes_[i]);
  }

 private:
  // How far before their turn envelopes are fetched.
  static constexpr std::uint32_t kAhead = 8;

  EnvelopePacket() : Envelope(kType) {
    set(kPacket, true);
    span_ = {0, 0};
  }

  // First the packet behind this one, later what is in it.
  void fetch_ahead() const {
    if (span_.begin == 1 && next_ != nullptr) {
      __builtin_prefetch(next_, 1);
      __builtin_prefetch(reinterpret_cast<const char*>(next_) + 64, 1);
    }
    const std::uint32_t place = span_.begin + kAhead;
    if (place < span_.end) {
      fetch(nodes_[place]);
    } else if (next_ != nullptr && next_->has(kPacket)) {
      const auto* next = static_cast<const EnvelopePacket*>(next_);
      const std::uint32_t beyond = place - span_.end;
      if (beyond < next->span_.end) fetch(next->nodes_[beyond]);
    }
  }
  // A node may lie in two cache lines.
  static void fetch(const Envelope* node) {
    const char* first = reinterpret_cast<const char*>(node);
    __builtin_prefetch(first, 1);
    __builtin_prefetch(first + sizeof(Envelope) + kSmallPayloadBytes - 1, 1);
  }

  static constexpr MessageType kType{};

  Envelope* nodes_[kCountMax];
};
static_assert(sizeof(EnvelopePacket) == NodeCache::kPacketBytes);

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
  Envelope& front() {
    return head_->has(Envelope::kPacket) ? static_cast<EnvelopePacket*>(head_)->front() : *head_;
  }
  const Envelope& front() const { return const_cast<EnvelopeList*>(this)->front(); }
  void push_back(EnvelopePtr envelope) { link(envelope.release()); }
  EnvelopePtr pop_front() {
    Envelope* node = head_;
    if (node != nullptr) {
      if (node->has(Envelope::kPacket)) [[unlikely]]
        return pop_front_packed();
      Envelope* next = node->next_;
      head_ = next;
      // One that was filled evenly, alone or in turns with others, goes on with the same stride.
      if (next != nullptr) prefetch_after(node, next);
    }
    return EnvelopePtr(node);
  }
  void append(EnvelopeList&& other) {
    if (other.head_ != nullptr) push_back_chain(std::exchange(other.head_, nullptr), other.tail_);
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Envelope* node = head_; node != nullptr; node = node->next_) {
      if (node->has(Envelope::kPacket)) {
        static_cast<const EnvelopePacket*>(node)->for_each(visit);
      } else {
        visit(*node);
      }
    }
  }
  void clear() {
    while (pop_front() != nullptr) {
    }
  }

 private:
  friend class EnvelopeChain;
  friend class Mailbox;

  // Envelopes and packets that are linked already, from `first` to `last`, whose link is null.
  void push_back_chain(Envelope* first, Envelope* last) {
    (head_ == nullptr ? head_ : tail_->next_) = first;
    tail_ = last;
  }
  // An envelope or a packet.
  void link(Envelope* node) {
    node->next_ = nullptr;
    push_back_chain(node, node);
  }
  EnvelopePtr pop_front_packed();
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

class EnvelopeChain {
 public:
  static constexpr std::uint32_t kCountMax = EnvelopePacket::kCountMax;

  EnvelopeChain() = default;
  EnvelopeChain(EnvelopeChain&& other) noexcept : packet_(std::exchange(other.packet_, nullptr)) {}
  EnvelopeChain& operator=(EnvelopeChain&& other) noexcept {
    std::swap(packet_, other.packet_);
    return *this;
  }
  ~EnvelopeChain() { (void)list(); }

  std::uint32_t count() const { return packet_ == nullptr ? 0 : packet_->count(); }
  // Only below kCountMax.
  void add(EnvelopePtr envelope) {
    if (packet_ == nullptr) {
      packet_ = EnvelopePacket::make(std::move(envelope));
    } else {
      packet_->add(std::move(envelope));
    }
  }
  // Leaves the chain empty.
  EnvelopeList list() {
    EnvelopeList list;
    if (packet_ != nullptr) list.link(std::exchange(packet_, nullptr));
    return list;
  }

 private:
  friend class Mailbox;

  // Null: empty.
  EnvelopePacket* packet_ = nullptr;
};

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
