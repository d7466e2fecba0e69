// InternTable: from a hash to the index of what was seen before, for tables that are filled and forgotten again and again.
//
//   all calls   owner   no lock inside
//
// What the indices stand for is the caller's, who compares. Forgetting all is O(1) and frees nothing.
#pragma once

#include <cstdint>
#include <vector>

namespace nexus::remote {

class InternTable {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  std::uint32_t count() const { return count_; }

  void clear() {
    count_ = 0;
    if (++epoch_ != 0) return;
    // After 2^32 times old slots would come to life again.
    slots_.assign(slots_.size(), Slot{});
    epoch_ = 1;
  }

  // `same(index)`: whether this is what is looked for. kNone when it is not there; insert() then knows the place.
  template <typename Same>
  std::uint32_t find(std::uint32_t hash, Same same) {
    for (place_ = hash & mask_;; place_ = (place_ + 1) & mask_) {
      const Slot& slot = slots_[place_];
      if (slot.epoch != epoch_) return kNone;
      if (slot.hash == hash && same(slot.index)) return slot.index;
    }
  }
  // Right after a find() of the same hash that found nothing. The index is the number of those before.
  std::uint32_t insert(std::uint32_t hash) {
    if (count_ > mask_ / 4 * 3) grow(hash);
    slots_[place_] = {epoch_, hash, count_};
    return count_++;
  }
  // Right after the insert().
  void undo_insert() {
    slots_[place_].epoch = 0;
    --count_;
  }

 private:
  static constexpr std::size_t kCapacityMin = 16;

  // Free when the epoch is not that of the table, which is never 0.
  struct Slot {
    std::uint32_t epoch = 0;
    std::uint32_t hash = 0;
    std::uint32_t index = 0;
  };

  std::size_t free_place(std::uint32_t hash) const {
    std::size_t place = hash & mask_;
    while (slots_[place].epoch == epoch_) place = (place + 1) & mask_;
    return place;
  }
  void grow(std::uint32_t hash) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.epoch == epoch_) slots_[free_place(slot.hash)] = slot;
    }
    place_ = free_place(hash);
  }

  // Open addressing, linear probing, a power of two of places, at most three quarters taken.
  std::vector<Slot> slots_ = std::vector<Slot>(kCapacityMin);
  std::size_t mask_ = kCapacityMin - 1;
  std::uint32_t epoch_ = 1;
  std::uint32_t count_ = 0;
  // Where the last find() ended.
  std::size_t place_ = 0;
};

}  // namespace nexus::remote
