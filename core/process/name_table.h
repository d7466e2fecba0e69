// NameTable: which cell hosts the actor of a name. An entry is the index of the cell and one byte of the name's hash; twelve of
// them share a cache line. The text itself is kept with the cell.
//
//   all calls   owner   no lock inside
//
// N1  Only names of live actors are in the table, so their cells' names are safe to read.
//
// Open addressing by lines, with a count in each line of the entries that found it full and went on: a search ends at the first
// line that nobody passed, and a removal leaves no mark (N. Bronson and X. Shi, F14, 2019). Names that differ in their last
// character only take the same way through the lines, so that ten numbered children mostly cost one cache miss.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "core/actor/actor_cell.h"
#include "core/actor/cell_table.h"
#include "core/actor/name_hash.h"

namespace nexus::core {

class NameTable {
 public:
  // The cell with that name; null when there is none.
  ActorCell* find(const CellTable& cells, std::string_view name, NameHash hash) const {
    Way way(*this, hash);
    // A line may still count those that passed it when it has room again, and in time all may.
    for (std::size_t seen = 0; seen < lines_.size(); ++seen, way.go_on()) {
      const Line& line = lines_[way.at()];
      for (Entries left(line, hash.tag); !left.empty(); left.drop_first()) {
        ActorCell& cell = cells.at(line.indexes[left.first()]);
        if (CellTable::name_of_live(cell) == name) return &cell;
      }
      if (line.passed_count == 0) break;
    }
    return nullptr;
  }
  // Not when it is there already.
  void add(const CellTable& cells, std::uint32_t index, NameHash hash) {
    if ((count_ + 1) * kFullOf > lines_.size() * kEntryCount * kFull) grow(cells);
    insert(index, hash);
    ++count_;
  }
  // `index` as it was added; nothing when it is not there.
  void remove(std::uint32_t index, NameHash hash) {
    Way way(*this, hash);
    for (std::size_t seen = 0; seen < lines_.size(); ++seen, way.go_on()) {
      Line& line = lines_[way.at()];
      for (Entries left(line, hash.tag); !left.empty(); left.drop_first()) {
        const std::size_t entry = left.first();
        if (line.indexes[entry] != index) continue;
        line.tags[entry] = 0;
        --count_;
        for (Way back(*this, hash); back.at() != way.at(); back.go_on()) {
          --lines_[back.at()].passed_count;
        }
        return;
      }
      if (line.passed_count == 0) return;
    }
  }
  // How many lines a search looks at that finds nothing.
  std::size_t search_length(NameHash hash) const {
    Way way(*this, hash);
    std::size_t length = 0;
    while (length < lines_.size() && (++length, lines_[way.at()].passed_count > 0)) way.go_on();
    return length;
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Line& line : lines_) visit_line(line, visit);
  }

 private:
  static constexpr std::size_t kEntryCount = 12;
  // At most so many of so many entries are taken.
  static constexpr std::size_t kFull = 3;
  static constexpr std::size_t kFullOf = 4;
  struct alignas(64) Line {
    // 0: nothing is there.
    std::array<std::uint8_t, kEntryCount> tags{};
    std::uint32_t passed_count = 0;
    std::array<std::uint32_t, kEntryCount> indexes{};
  };
  static_assert(sizeof(Line) == 64);

  // The lines where a name may be, in order: all, as they are a power of two and the stride is odd. The lowest bits chose the table.
  class Way {
   public:
    Way(const NameTable& table, NameHash hash)
        : mask_(table.lines_.size() - 1),
          at_(hash.family >> 4 & mask_),
          stride_(hash.family >> 16 | 1) {}
    std::size_t at() const { return at_; }
    void go_on() { at_ = (at_ + stride_) & mask_; }

   private:
    std::size_t mask_;
    std::size_t at_;
    std::size_t stride_;
  };
  // The entries with that tag, a bit for each.
  class Entries {
   public:
    Entries(const Line& line, std::uint8_t tag) {
      std::uint64_t first = 0;
      std::uint32_t others = 0;
      std::memcpy(&first, line.tags.data(), sizeof first);
      std::memcpy(&others, line.tags.data() + sizeof first, sizeof others);
      bits_ = zero_bytes(first ^ tag * kLow) >> 7 |
              zero_bytes((others ^ static_cast<std::uint32_t>(tag * kLow)) | kLow << 32) >> 6;
    }
    bool empty() const { return bits_ == 0; }
    std::size_t first() const {
      const auto at = static_cast<std::size_t>(std::countr_zero(bits_));
      // The four last have the bits beside those of the first four.
      return at / 8 + at % 8 * 8;
    }
    void drop_first() { bits_ &= bits_ - 1; }

   private:
    static constexpr std::uint64_t kLow = 0x0101'0101'0101'0101;
    // The highest bit of each byte that is zero (H. Warren, Hacker's Delight, 2012, 6-1).
    static std::uint64_t zero_bytes(std::uint64_t word) {
      constexpr std::uint64_t kRest = 0x7f7f'7f7f'7f7f'7f7f;
      return ~(((word & kRest) + kRest) | word | kRest);
    }
    std::uint64_t bits_;
  };
  void insert(std::uint32_t index, NameHash hash) {
    Way way(*this, hash);
    Entries free(lines_[way.at()], 0);
    for (; free.empty(); free = Entries(lines_[way.at()], 0)) {
      ++lines_[way.at()].passed_count;
      way.go_on();
    }
    Line& line = lines_[way.at()];
    line.tags[free.first()] = hash.tag;
    line.indexes[free.first()] = index;
  }
  template <typename Visit>
  static void visit_line(const Line& line, Visit visit) {
    for (std::size_t i = 0; i < kEntryCount; ++i) {
      if (line.tags[i] != 0) visit(line.indexes[i]);
    }
  }
  // The names lie all over the memory: they are asked for some lines ahead.
  void grow(const CellTable& cells) {
    const std::vector<Line> old =
        std::exchange(lines_, std::vector<Line>(std::max<std::size_t>(1, lines_.size() * 2)));
    const std::size_t end = old.size();
    for (std::size_t at = 0; at < end + 2; ++at) {
      if (at < end) {
        visit_line(old[at], [&](std::uint32_t index) { __builtin_prefetch(&cells.at(index)); });
      }
      if (at >= 1 && at - 1 < end) {
        visit_line(old[at - 1],
                   [&](std::uint32_t index) { CellTable::prefetch_name(cells.at(index)); });
      }
      if (at < 2) continue;
      visit_line(old[at - 2], [&](std::uint32_t index) {
        insert(index, CellTable::name_hash_of_live(cells.at(index)));
      });
    }
  }

  std::vector<Line> lines_;
  std::size_t count_ = 0;
};

}  // namespace nexus::core
