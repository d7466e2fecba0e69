// TimerSet: the many timers of a model over the one that its Env has.
//
//   all calls   its process
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/sim/process.h"

namespace nexus::sim {

class TimerSet {
 public:
  struct Timer {
    core::Instant at;
    std::uint64_t sequence;
    std::uint32_t kind;
    std::uint32_t subject;
    // Whatever tells the timer that counts from one that was set before.
    std::uint32_t tag;
  };

  explicit TimerSet(Env& env) : env_(env) {}

  void set(core::Instant at, std::uint32_t kind, std::uint32_t subject = 0, std::uint32_t tag = 0) {
    heap_.push_back({at, ++sequence_, kind, subject, tag});
    std::push_heap(heap_.begin(), heap_.end(), is_later);
    env_.wake_at(at);
  }

  // One that is due. When none is left, asks to be woken for the next.
  std::optional<Timer> take(core::Instant now) {
    if (heap_.empty()) return std::nullopt;
    if (heap_.front().at > now) {
      env_.wake_at(heap_.front().at);
      return std::nullopt;
    }
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    const Timer timer = heap_.back();
    heap_.pop_back();
    return timer;
  }

  std::size_t size() const { return heap_.size(); }

 private:
  static bool is_later(const Timer& one, const Timer& other) {
    return one.at != other.at ? one.at > other.at : one.sequence > other.sequence;
  }

  Env& env_;
  std::vector<Timer> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace nexus::sim
