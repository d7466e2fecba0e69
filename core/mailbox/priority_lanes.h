// PriorityLanes: the user messages of an actor whose Props have a priority function, sorted into levels.
//
//   all calls   the mailbox's owner
//
// B4  The lowest number leaves first; within a level, the order of arrival.
// B5  Every kOthersEvery-th goes to the levels in turn: what has n before it in its level leaves as one of the next
//     kOthersEvery * kLevelCount * (n + 1), however many of other levels come.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "core/actor/envelope.h"

namespace nexus::core {

class PriorityLanes {
 public:
  static constexpr std::uint8_t kLevelCount = 8;
  static constexpr std::uint32_t kOthersEvery = 16;

  bool empty() const { return filled_ == 0; }
  // `level` < kLevelCount.
  void push_back(std::uint8_t level, EnvelopePtr envelope) {
    levels_[level].push_back(std::move(envelope));
    filled_ |= 1u << level;
  }
  // All below: only when not empty().
  EnvelopePtr pop() {
    if (++pop_count_ % kOthersEvery != 0) return pop_of(first());
    do {
      turn_ = (turn_ + kLevelCount - 1u) % kLevelCount;
    } while ((filled_ >> turn_ & 1u) == 0);
    return pop_of(turn_);
  }
  EnvelopePtr pop_oldest_of_last() {
    return pop_of(31u - static_cast<unsigned>(__builtin_clz(filled_)));
  }

  // Lends one out, so that the mailbox shows that something waits; the next that is taken from the mailbox is that one, and
  // comes back to its place.
  EnvelopePtr lend() {
    lent_ = true;
    lent_level_ = first();
    return pop_of(lent_level_);
  }
  bool has_lent() const { return lent_; }
  void take_back(EnvelopePtr envelope) {
    lent_ = false;
    EnvelopeList level;
    level.push_back(std::move(envelope));
    level.append(std::move(levels_[lent_level_]));
    levels_[lent_level_] = std::move(level);
    filled_ |= 1u << lent_level_;
  }

  // All, level by level.
  EnvelopeList take_all() {
    EnvelopeList all;
    for (EnvelopeList& level : levels_) all.append(std::move(level));
    filled_ = 0;
    return all;
  }

 private:
  unsigned first() const { return static_cast<unsigned>(__builtin_ctz(filled_)); }
  EnvelopePtr pop_of(unsigned level) {
    EnvelopePtr envelope = levels_[level].pop_front();
    if (levels_[level].empty()) filled_ &= ~(1u << level);
    return envelope;
  }

  std::array<EnvelopeList, kLevelCount> levels_;
  // A bit for each level that holds anything.
  unsigned filled_ = 0;
  std::uint32_t pop_count_ = 0;
  unsigned turn_ = 0;
  bool lent_ = false;
  unsigned lent_level_ = 0;
};

}  // namespace nexus::core
