// EnvelopeStack: the many-producer side of a mailbox lane. Producers push one by one; the consumer takes everything at once
// and gets it in the order it was pushed.
//
//   push()      any thread   lock-free, one compare-and-swap; never allocates
//   take_all()  any thread   one exchange; the mailbox lets only the owner call it
//
// Algorithm: Treiber's stack (R. K. Treiber, 1986) without pop of single nodes, hence free of ABA; the taken chain is
// reversed by its new owner.
#pragma once

#include <atomic>

#include "core/actor/envelope.h"

namespace nexus::core {

class EnvelopeStack {
 public:
  EnvelopeStack() = default;
  EnvelopeStack(const EnvelopeStack&) = delete;
  EnvelopeStack& operator=(const EnvelopeStack&) = delete;
  ~EnvelopeStack() { take_all(); }

  void push(EnvelopePtr envelope) {
    Envelope* node = envelope.release();
    // Relaxed: the value is only a guess for the compare-and-swap below.
    Envelope* head = head_.load(std::memory_order_relaxed);
    do {
      node->next_ = head;
      // Release publishes the node's contents to the taker.
    } while (!head_.compare_exchange_weak(head, node, std::memory_order_release,
                                          std::memory_order_relaxed));
  }

  // Oldest first.
  EnvelopeList take_all() {
    EnvelopeList list;
    // Relaxed: a push that is not seen here is seen after its notify(), which orders the two.
    if (head_.load(std::memory_order_relaxed) == nullptr) return list;
    // Acquire pairs with the release of each push in the chain.
    Envelope* node = head_.exchange(nullptr, std::memory_order_acquire);
    list.tail_ = node;
    Envelope* previous = nullptr;
    while (node != nullptr) {
      Envelope* next = node->next_;
      node->next_ = previous;
      previous = node;
      node = next;
    }
    list.head_ = previous;
    return list;
  }

  bool empty_approx() const { return head_.load(std::memory_order_relaxed) == nullptr; }

 private:
  std::atomic<Envelope*> head_{nullptr};
};

}  // namespace nexus::core
