// NameTable: which cell hosts the actor of a name. 8 bytes an entry; the text itself is kept with the cell.
//
//   all calls   owner   no lock inside
//
// N1  Only names of live actors are in the table, so their cells' names are safe to read.
//
// Open addressing with linear probing and removal by shifting back (Knuth, The Art of Computer Programming 3, 6.4, R).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/actor/actor_cell.h"
#include "core/actor/cell_table.h"

namespace nexus::core {

class NameTable {
 public:
  // The cell with that name; null when there is none.
  ActorCell* find(const CellTable& cells, std::string_view name, std::uint32_t hash) const {
    const std::size_t at = place_of(cells, name, hash);
    return at == kNowhere ? nullptr : &cells.at(slots_[at].index);
  }
  // Not when it is there already.
  void add(std::uint32_t index, std::uint32_t hash) {
    if ((count_ + 1) * 5 > slots_.size() * 4) grow();
    insert({index, hash});
    ++count_;
  }
  void remove(const CellTable& cells, std::string_view name, std::uint32_t hash) {
    std::size_t hole = place_of(cells, name, hash);
    if (hole == kNowhere) return;
    --count_;
    for (std::size_t at = next(hole); slots_[at].index != ActorCell::kNoCell; at = next(at)) {
      // An entry may move into the hole unless its own place lies behind the hole.
      const std::size_t home = home_of(slots_[at].hash);
      const bool stays = hole < at ? (hole < home && home <= at) : (hole < home || home <= at);
      if (stays) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole].index = ActorCell::kNoCell;
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.index != ActorCell::kNoCell) visit(slot.index);
    }
  }

 private:
  struct Slot {
    std::uint32_t index = ActorCell::kNoCell;
    std::uint32_t hash = 0;
  };
  static constexpr std::size_t kNowhere = SIZE_MAX;

  std::size_t next(std::size_t at) const { return at + 1 == slots_.size() ? 0 : at + 1; }
  // Spreads the hashes over any number of slots (D. Lemire, Fast random integer generation in an interval, 2019).
  std::size_t home_of(std::uint32_t hash) const {
    return static_cast<std::size_t>(std::uint64_t{hash} * slots_.size() >> 32);
  }
  std::size_t place_of(const CellTable& cells, std::string_view name, std::uint32_t hash) const {
    if (slots_.empty()) return kNowhere;
    for (std::size_t at = home_of(hash); slots_[at].index != ActorCell::kNoCell; at = next(at)) {
      if (slots_[at].hash == hash && CellTable::name_of_live(cells.at(slots_[at].index)) == name) {
        return at;
      }
    }
    return kNowhere;
  }
  void insert(Slot slot) {
    std::size_t at = home_of(slot.hash);
    while (slots_[at].index != ActorCell::kNoCell) at = next(at);
    slots_[at] = slot;
  }
  void grow() {
    std::vector<Slot> old =
        std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(16, slots_.size() * 3 / 2)));
    for (const Slot& slot : old) {
      if (slot.index != ActorCell::kNoCell) insert(slot);
    }
  }

  // At most four fifths full.
  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace nexus::core
