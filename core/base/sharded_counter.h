// ShardedCounter: a sum that many threads add to without sharing a cache line, read rarely.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nexus::core {

class ShardedCounter {
 public:
  // Any thread.
  void add(std::uint64_t amount = 1) {
    // Relaxed: a statistic, it publishes nothing.
    shards_[shard_of_this_thread()].value.fetch_add(amount, std::memory_order_relaxed);
  }
  // Any thread. Exact once the adding threads have been synchronised with.
  std::uint64_t sum() const {
    std::uint64_t total = 0;
    for (const Shard& shard : shards_) total += shard.value.load(std::memory_order_relaxed);
    return total;
  }

 private:
  static constexpr std::size_t kShardCount = 16;
  struct alignas(64) Shard {
    std::atomic<std::uint64_t> value{0};
  };

  static std::size_t shard_of_this_thread() {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t shard =
        next.fetch_add(1, std::memory_order_relaxed) % kShardCount;
    return shard;
  }

  std::array<Shard, kShardCount> shards_;
};

}  // namespace nexus::core
