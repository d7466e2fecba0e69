// PidSet: a set of Pids with one key for adding, looking up and removing: address and id (Pid::operator==).
//
//   all calls   owner   no lock inside
//
// Small sets live in the object itself, larger ones in a hash table. add, remove and contains are O(1) and allocate nothing, but
// for the table when it grows. Two rare lookups cost more, because they compare names:
//   - a handle, while the set has records of this node: one name is built;
//   - a record of this node, while the set has handles: O(n) in a large set. resolve() it first.
//
// S1  A handle stays in the set, and can be found and removed, whatever becomes of its actor.
// S2  While for_each() runs the set must not change (checked in every build). Where what is done per Pid may change the set,
//     go over to_vector() or take_all().
// S3  All handles of a set belong to one node. One of another node in the same process is not found by its name.
// S4  The empty Pid is in no set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/actor/pid.h"
#include "core/base/check.h"

namespace nexus::core {

class PidSet {
 public:
  // Up to here a scan of 16-byte handles beats hashing; docs/design/0006-pid-set.md has the figures.
  static constexpr std::size_t kInlineCountMax = 8;

  PidSet() = default;
  PidSet(PidSet&& other) noexcept { swap(other); }
  PidSet& operator=(PidSet&& other) noexcept {
    PidSet taken(std::move(other));
    swap(taken);
    return *this;
  }

  // False when it was there already.
  bool add(const Pid& pid);
  // False when it was not there.
  bool remove(const Pid& pid);
  bool contains(const Pid& pid) const;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { *this = PidSet(); }

  // In no order; see S2.
  template <typename Visit>
  void for_each(Visit visit) const {
    const Iteration iteration(*this);
    if (!hashed()) {
      for (std::uint32_t i = 0; i < size_; ++i) visit(inline_slots_[i]);
      return;
    }
    for (std::uint32_t place = 0; place <= mask_; ++place) {
      if (tags_[place] != kFree) visit(slots_[place]);
    }
  }
  std::vector<Pid> to_vector() const;
  // Leaves the set empty.
  std::vector<Pid> take_all();

 private:
  // 31 bits of a hash, and a lowest bit that is set: what a place holds, without a look at the Pid.
  using Tag = std::uint32_t;
  static constexpr Tag kFree = 0;
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
  static constexpr std::uint32_t kCapacityMin = 16;
  static_assert(kInlineCountMax + kCapacityMin / 4 < kCapacityMin);

  struct Iteration {
    explicit Iteration(const PidSet& s) : set(s) { ++set.iteration_count_; }
    ~Iteration() { --set.iteration_count_; }
    Iteration(const Iteration&) = delete;
    Iteration& operator=(const Iteration&) = delete;
    const PidSet& set;
  };

  bool hashed() const { return slots_ != nullptr; }
  static Tag tag_of(const Pid& pid);
  // Without the address of a record: enough for so few.
  static Tag inline_tag_of(const Pid& pid);
  std::uint32_t first_place(Tag tag) const { return (tag >> 1) & mask_; }

  // Where the element is that equals `pid`: an index of inline_slots_ or slots_, or kNowhere.
  std::uint32_t find(const Pid& pid) const;
  // The same among elements of its own sort, handle or record.
  std::uint32_t find_same_sort(const Pid& pid) const;
  std::uint32_t find_inline(const Pid& pid) const;
  std::uint32_t find_handle_named(const PidRecord& record) const;
  std::uint32_t find_record_named_as(const Pid& handle) const;
  void learn_home(const Pid& handle);
  bool is_home(const PidRecord& record) const {
    return home_ != nullptr && *home_ == record.address;
  }

  void insert(Pid pid, Tag tag);
  void erase_at(std::uint32_t place);
  void move_to_table(std::uint32_t capacity);
  void shrink();
  void swap(PidSet& other) noexcept;

  // While slots_ is null: elements in [0, size_), without order. Tags behind them are kFree.
  std::array<Pid, kInlineCountMax> inline_slots_;
  std::array<Tag, kInlineCountMax> inline_tags_{};
  // Open addressing, linear probing, mask_ + 1 places of which at most three quarters are taken. No gap lies between an
  // element and its first place.
  std::unique_ptr<Pid[]> slots_;
  std::unique_ptr<Tag[]> tags_;
  std::uint32_t mask_ = 0;

  std::uint32_t size_ = 0;
  std::uint32_t record_count_ = 0;
  // Address of the node that the handles belong to, known from the first of them until the set is empty, and how many
  // records have it.
  std::uint32_t home_record_count_ = 0;
  const std::string* home_ = nullptr;
  mutable std::uint32_t iteration_count_ = 0;
};

}  // namespace nexus::core
