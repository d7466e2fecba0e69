// CellRing: a growing first-in first-out queue of cells for one owner at a time.
//
//   size_approx()   any thread   while the owner works
//   all else        owner
#pragma once

#include <cstddef>
#include <memory>

#include "core/base/atomic.h"
#include "core/base/check.h"

namespace nexus::core {

class ActorCell;

class CellRing {
 public:
  std::size_t size() const { return tail() - head(); }
  bool empty() const { return head() == tail(); }
  std::size_t size_approx() const {
    const std::size_t head_now = head();
    const std::size_t tail_now = tail();
    return tail_now > head_now ? tail_now - head_now : 0;
  }
  // Counts what has left by the front.
  std::size_t begin() const { return head(); }

  void push_back(ActorCell& cell) {
    if (size() == capacity_) resize(capacity_ == 0 ? kCapacityMin : capacity_ * 2);
    cells_[tail() & (capacity_ - 1)] = &cell;
    set(tail_, tail() + 1);
  }
  // Null when empty.
  ActorCell* pop_front() {
    if (empty()) return nullptr;
    ActorCell* cell = cells_[head() & (capacity_ - 1)];
    set(head_, head() + 1);
    // A burst must not hold its memory for ever.
    if (empty() && capacity_ > kCapacityKept) resize(kCapacityKept);
    return cell;
  }
  ActorCell* pop_back() {
    if (empty()) return nullptr;
    set(tail_, tail() - 1);
    return cells_[tail() & (capacity_ - 1)];
  }

 private:
  // Powers of two.
  static constexpr std::size_t kCapacityMin = 64;
  static constexpr std::size_t kCapacityKept = 4096;

  void resize(std::size_t capacity) {
    auto cells = std::make_unique<ActorCell*[]>(capacity);
    const std::size_t count = size();
    DCHECK(count <= capacity);
    for (std::size_t i = head(); i != head() + count; ++i) {
      cells[i & (capacity - 1)] = cells_[i & (capacity_ - 1)];
    }
    cells_ = std::move(cells);
    capacity_ = capacity;
  }

  // Relaxed: one writer at a time, and readers that want a rough number.
  std::size_t head() const { return head_.load(std::memory_order_relaxed); }
  std::size_t tail() const { return tail_.load(std::memory_order_relaxed); }
  static void set(Atomic<std::size_t>& place, std::size_t value) {
    place.store(value, std::memory_order_relaxed);
  }

  std::unique_ptr<ActorCell*[]> cells_;
  std::size_t capacity_ = 0;
  Atomic<std::size_t> head_{0};
  Atomic<std::size_t> tail_{0};
};

}  // namespace nexus::core
