// TimerWheel: deadlines in, due entries out. Pure: no threads, no clock; `now` is an argument.
//
//   all calls   owner   no lock inside
//
// T1  An entry is never due before its deadline, and due at the first advance() at or after its deadline rounded up to a tick.
// T2  add() and cancel() are O(1); advance() is O(ticks passed + entries moved) and sorts those of a tick, and skips idle
//     stretches: while the lowest levels are empty it looks only at the slots of the first level that is not.
// T3  Entries leave by the tick in which they are due, those of a tick by their deadlines, those of a deadline in the order of add().
//
// Algorithm: hierarchical timing wheels (Varghese and Lauck, SOSP 1987), 4 levels of 256 slots.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/clock.h"

namespace nexus::core {

template <typename Entry>
class TimerWheel {
 public:
  // Names one entry; stays unique after the entry is gone.
  struct Id {
    std::uint32_t index = UINT32_MAX;
    std::uint32_t generation = 0;
    bool operator==(const Id&) const = default;
  };

  // tick > 0: the resolution.
  TimerWheel(Instant start, Duration tick) : start_(start), tick_(tick) {
    CHECK(tick > Duration::zero());
    for (auto& level : slots_) level.fill(kNone);
  }

  // A deadline in the past is due at the next advance().
  Id add(Instant deadline, Entry entry) {
    std::uint32_t index = free_;
    if (index == kNone) {
      index = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
    } else {
      free_ = nodes_[index].next;
    }
    Node& node = nodes_[index];
    node.entry = std::move(entry);
    node.deadline = deadline;
    node.sequence = ++last_sequence_;
    node.due_tick = std::max(tick_at_or_after(deadline), current_tick_ + 1);
    place(index);
    ++size_;
    return {index, node.generation};
  }

  // The entry, or nothing when it was due or cancelled before.
  std::optional<Entry> cancel(Id id) {
    if (id.index >= nodes_.size()) return std::nullopt;
    Node& node = nodes_[id.index];
    if (node.generation != id.generation || node.slot == nullptr) return std::nullopt;
    unlink(id.index);
    return release(id.index);
  }

  // Moves time to `now` and appends what is due to `due` (T3).
  void advance(Instant now, std::vector<Entry>& due) {
    const std::uint64_t target = tick_at_or_before(now);
    while (current_tick_ < target) {
      if (size_ == 0) {
        current_tick_ = target;
        return;
      }
      const std::uint64_t next = std::min(next_event_tick(), target);
      current_tick_ = next;
      cascade();
      std::uint32_t index = std::exchange(slots_[0][next % kSlotCount], kNone);
      for (; index != kNone; index = nodes_[index].next) {
        nodes_[index].slot = nullptr;
        --level_size_[0];
        due_now_.push_back(index);
      }
      std::sort(due_now_.begin(), due_now_.end(), [this](std::uint32_t a, std::uint32_t b) {
        return std::tie(nodes_[a].deadline, nodes_[a].sequence) <
               std::tie(nodes_[b].deadline, nodes_[b].sequence);
      });
      for (const std::uint32_t due_index : due_now_) due.push_back(*release(due_index));
      due_now_.clear();
    }
  }

  // Appends all entries to `taken`, in no order; none is left.
  void take_all(std::vector<Entry>& taken) {
    for (std::uint32_t index = 0; index < nodes_.size(); ++index) {
      if (nodes_[index].slot == nullptr) continue;
      unlink(index);
      taken.push_back(*release(index));
    }
  }

  // When to call advance() next: never later than the first deadline's tick, possibly earlier. Nothing when empty.
  std::optional<Instant> next_wake() const {
    if (size_ == 0) return std::nullopt;
    return start_ + tick_ * static_cast<std::int64_t>(next_event_tick());
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kLevelCount = 4;
  static constexpr std::uint64_t kSlotBits = 8;
  static constexpr std::uint64_t kSlotCount = 1 << kSlotBits;

  struct Node {
    std::optional<Entry> entry;
    Instant deadline{};
    // Of the calls of add().
    std::uint64_t sequence = 0;
    std::uint64_t due_tick = 0;
    std::uint32_t generation = 0;
    std::uint32_t next = kNone;
    std::uint32_t previous = kNone;
    // The level and slot that link this node; the slot is null while it is free.
    std::size_t level = 0;
    std::uint32_t* slot = nullptr;
  };

  std::uint64_t tick_at_or_after(Instant instant) const {
    // Compared and rounded without adding first: a deadline at either end of time must not overflow.
    if (instant <= start_) return 0;
    const auto since = instant - start_;
    return static_cast<std::uint64_t>(since / tick_) + (since % tick_ == Duration::zero() ? 0 : 1);
  }
  std::uint64_t tick_at_or_before(Instant instant) const {
    return instant <= start_ ? 0 : static_cast<std::uint64_t>((instant - start_) / tick_);
  }

  // First tick after the current one at which advance() has something to do: an entry is due or a slot is to be spread.
  std::uint64_t next_event_tick() const {
    std::size_t level = 0;
    while (level + 1 < kLevelCount && level_size_[level] == 0) ++level;
    const std::uint64_t step = std::uint64_t{1} << (kSlotBits * level);
    for (std::uint64_t tick = (current_tick_ / step + 1) * step;; tick += step) {
      const auto slot = (tick >> (kSlotBits * level)) % kSlotCount;
      // At slot 0 a slot of a higher level is spread.
      if (slot == 0 || slots_[level][slot] != kNone) return tick;
    }
  }

  void place(std::uint32_t index) {
    const std::uint64_t due = nodes_[index].due_tick;
    const std::uint64_t distance = due - current_tick_;
    std::size_t level = 0;
    while (level + 1 < kLevelCount && distance >= (std::uint64_t{1} << (kSlotBits * (level + 1)))) {
      ++level;
    }
    // What lies beyond the top level waits in its farthest slot and is placed again from there.
    const std::uint64_t horizon = std::uint64_t{1} << (kSlotBits * kLevelCount);
    const std::uint64_t at = distance >= horizon ? current_tick_ + horizon - 1 : due;
    std::uint32_t& slot = slots_[level][(at >> (kSlotBits * level)) % kSlotCount];
    ++level_size_[level];
    Node& node = nodes_[index];
    node.level = level;
    node.slot = &slot;
    node.previous = kNone;
    node.next = slot;
    if (slot != kNone) nodes_[slot].previous = index;
    slot = index;
  }

  void unlink(std::uint32_t index) {
    Node& node = nodes_[index];
    if (node.next != kNone) nodes_[node.next].previous = node.previous;
    if (node.previous != kNone) {
      nodes_[node.previous].next = node.next;
    } else {
      *node.slot = node.next;
    }
    node.slot = nullptr;
    --level_size_[node.level];
  }

  std::optional<Entry> release(std::uint32_t index) {
    Node& node = nodes_[index];
    std::optional<Entry> entry = std::exchange(node.entry, std::nullopt);
    ++node.generation;
    node.next = free_;
    free_ = index;
    --size_;
    return entry;
  }

  // Spreads the slots of higher levels whose time has come over the levels below.
  void cascade() {
    for (std::size_t level = 1; level < kLevelCount; ++level) {
      if (current_tick_ % (std::uint64_t{1} << (kSlotBits * level)) != 0) return;
      const auto slot = (current_tick_ >> (kSlotBits * level)) % kSlotCount;
      std::uint32_t index = std::exchange(slots_[level][slot], kNone);
      while (index != kNone) {
        const std::uint32_t after = nodes_[index].next;
        --level_size_[level];
        place(index);
        index = after;
      }
    }
  }

  const Instant start_;
  const Duration tick_;
  std::uint64_t current_tick_ = 0;
  std::size_t size_ = 0;
  std::array<std::size_t, kLevelCount> level_size_{};
  std::vector<Node> nodes_;
  std::uint32_t free_ = kNone;
  std::uint64_t last_sequence_ = 0;
  // Within advance(), the nodes of one tick.
  std::vector<std::uint32_t> due_now_;
  std::array<std::array<std::uint32_t, kSlotCount>, kLevelCount> slots_;
};

}  // namespace nexus::core
