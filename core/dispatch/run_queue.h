// RunQueue: the cells that wait for one worker, oldest first. The owner adds, everybody takes.
//
//   try_push()   owner        one store, no read-modify-write
//   try_pop()    any thread   one compare-and-swap; the owner and thieves take from the same end
//
// Q1  Cells leave in the order in which they were pushed, each exactly once.
// Q2  At most kCapacity cells are queued.
//
// A ring with two running counters: the fixed-size form of the deque of Chase and Lev (SPAA 2005) in which the owner, too,
// takes from the top.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace nexus::core {

class ActorCell;

class RunQueue {
 public:
  static constexpr std::uint64_t kCapacity = 256;

  // False when it is full.
  [[nodiscard]] bool try_push(ActorCell& cell) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    // Acquire: a slot is written again only after the pop that freed it has read it.
    if (tail - head_.load(std::memory_order_acquire) >= kCapacity) return false;
    slots_[tail % kCapacity].store(&cell, std::memory_order_relaxed);
    // Release publishes the slot.
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Null when it is empty.
  ActorCell* try_pop() {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      if (head >= tail_.load(std::memory_order_acquire)) return nullptr;
      // The slot may be overwritten while it is read, but then head_ has moved and the exchange below fails.
      ActorCell* cell = slots_[head % kCapacity].load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        return cell;
      }
    }
  }

  std::uint64_t size_approx() const {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    return tail > head ? tail - head : 0;
  }

 private:
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::array<std::atomic<ActorCell*>, kCapacity> slots_{};
};

}  // namespace nexus::core
