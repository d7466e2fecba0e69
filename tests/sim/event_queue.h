// EventQueue: what will happen when, in the order in which it happens.
//
//   all calls   the simulation's thread
//
// Q1  Events leave by time; those of one time in the order in which they were pushed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/clock.h"

namespace nexus::sim {

// True time since the simulation began: what no node can read.
using SimTime = core::Duration;
constexpr SimTime kNever = SimTime::max();

enum class EventKind : std::uint8_t {
  arrive,
  retry,
  stream_end,
  run,
  wake,
  fault,
  fault_end,
  recovered,
  starve,
  first_event,
  heal,
  check,
};

// `a` and `b` are whatever the one that pushed it needs to know it again.
struct Event {
  SimTime at;
  std::uint64_t sequence;
  EventKind kind;
  std::uint32_t a;
  std::uint32_t b;
};

// A heap of four children a node: half as deep as a binary one, and the children share a cache line or two.
class EventQueue {
 public:
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  // Not when empty.
  SimTime next_at() const { return heap_.front().at; }

  void push(SimTime at, EventKind kind, std::uint32_t a, std::uint32_t b = 0) {
    const Event event{at, ++sequence_, kind, a, b};
    std::size_t hole = heap_.size();
    heap_.push_back(event);
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / 4;
      if (!before(event, heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = event;
  }

  // Not when empty.
  Event pop() {
    const Event first = heap_.front();
    const Event last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sink(last);
    return first;
  }

 private:
  static bool before(const Event& one, const Event& other) {
    return one.at != other.at ? one.at < other.at : one.sequence < other.sequence;
  }

  // Puts `event` where it belongs, coming from the top.
  void sink(const Event& event) {
    const std::size_t size = heap_.size();
    std::size_t hole = 0;
    for (;;) {
      const std::size_t first = hole * 4 + 1;
      if (first >= size) break;
      const std::size_t end = first + 4 < size ? first + 4 : size;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < end; ++child) {
        if (before(heap_[child], heap_[least])) least = child;
      }
      if (!before(heap_[least], event)) break;
      heap_[hole] = heap_[least];
      hole = least;
    }
    heap_[hole] = event;
  }

  std::vector<Event> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace nexus::sim
