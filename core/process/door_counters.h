// DoorCounters: what one worker counts at the door. Plain counting: only that worker writes, anybody reads.
#pragma once

#include <atomic>
#include <cstdint>

namespace nexus::core {

class OwnCounter {
 public:
  // The one writer.
  void add(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct alignas(64) DoorCounters {
  OwnCounter accepted;
  OwnCounter processed;
  OwnCounter taken_by_processes;
  OwnCounter forwarded;
};

}  // namespace nexus::core
