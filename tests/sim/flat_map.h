// FlatMap: a small hash map from 64-bit keys to 32-bit values with open addressing. It has no order to iterate in, so nothing can
// come to depend on one.
//
//   all calls   the simulation's thread
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/sim/sim_random.h"

namespace nexus::sim {

class FlatMap {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // kNone when the key is absent.
  std::uint32_t find(std::uint64_t key) const {
    if (size_ == 0) return kNone;
    for (std::size_t at = mix64(key) & mask();; at = (at + 1) & mask()) {
      if (slots_[at].value == kNone) return kNone;
      if (slots_[at].key == key) return slots_[at].value;
    }
  }

  // The key may be there already; `value` is not kNone.
  void put(std::uint64_t key, std::uint32_t value) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    std::size_t at = mix64(key) & mask();
    while (slots_[at].value != kNone && slots_[at].key != key) at = (at + 1) & mask();
    if (slots_[at].value == kNone) ++size_;
    slots_[at] = {key, value};
  }

  void erase(std::uint64_t key) {
    if (size_ == 0) return;
    std::size_t hole = mix64(key) & mask();
    while (slots_[hole].key != key || slots_[hole].value == kNone) {
      if (slots_[hole].value == kNone) return;
      hole = (hole + 1) & mask();
    }
    // What was pushed aside by the erased one moves up, so that a search never meets a gap.
    for (std::size_t next = (hole + 1) & mask(); slots_[next].value != kNone;
         next = (next + 1) & mask()) {
      const std::size_t home = mix64(slots_[next].key) & mask();
      if (((next - home) & mask()) < ((next - hole) & mask())) continue;
      slots_[hole] = slots_[next];
      hole = next;
    }
    slots_[hole].value = kNone;
    --size_;
  }

  std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t value = kNone;
  };

  std::size_t mask() const { return slots_.size() - 1; }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    std::swap(old, slots_);
    size_ = 0;
    for (const Slot& slot : old) {
      if (slot.value != kNone) put(slot.key, slot.value);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace nexus::sim
