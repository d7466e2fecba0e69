// CellRing: a growing first-in first-out queue of cells for one owner at a time.
#pragma once

#include <cstddef>
#include <memory>

#include "core/base/check.h"

namespace nexus::core {

class ActorCell;

class CellRing {
 public:
  std::size_t size() const { return tail_ - head_; }
  bool empty() const { return head_ == tail_; }

  void push_back(ActorCell& cell) {
    if (size() == capacity_) resize(capacity_ == 0 ? kCapacityMin : capacity_ * 2);
    cells_[tail_++ & (capacity_ - 1)] = &cell;
  }
  // Null when empty.
  ActorCell* pop_front() {
    if (empty()) return nullptr;
    ActorCell* cell = cells_[head_++ & (capacity_ - 1)];
    // A burst must not hold its memory for ever.
    if (empty() && capacity_ > kCapacityKept) resize(kCapacityKept);
    return cell;
  }
  ActorCell* pop_back() {
    if (empty()) return nullptr;
    return cells_[--tail_ & (capacity_ - 1)];
  }

 private:
  // Powers of two.
  static constexpr std::size_t kCapacityMin = 64;
  static constexpr std::size_t kCapacityKept = 4096;

  void resize(std::size_t capacity) {
    auto cells = std::make_unique<ActorCell*[]>(capacity);
    const std::size_t count = size();
    DCHECK(count <= capacity);
    for (std::size_t i = 0; i < count; ++i) cells[i] = cells_[(head_ + i) & (capacity_ - 1)];
    cells_ = std::move(cells);
    capacity_ = capacity;
    head_ = 0;
    tail_ = count;
  }

  std::unique_ptr<ActorCell*[]> cells_;
  std::size_t capacity_ = 0;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};

}  // namespace nexus::core
