// Sampler: which of the events of one thread are measured. SamplingRate: how many of them, for all threads of a system.
//
//   SamplingRate   any thread
//   Sampler        owner        due() is a decrement and a branch
//
// L1  At a rate of N, 1 of N events is chosen on average. The gaps are random, from 1 to 2N - 1, so that no rhythm of the traffic
//     is always met or always missed. N = 1 chooses every event, 0 none.
// L2  A Sampler goes by the rate at its first event, and follows a new one within kFollowMax events.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace nexus::core {

class SamplingRate {
 public:
  static constexpr std::uint32_t kDefault = 64;
  // Greater ones count as this.
  static constexpr std::uint32_t kMax = 1u << 30;

  // Relaxed: a setting that publishes nothing.
  std::uint32_t get() const { return one_in_.load(std::memory_order_relaxed); }
  void set(std::uint32_t one_in) {
    one_in_.store(std::min(one_in, kMax), std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> one_in_{kDefault};
};

class Sampler {
 public:
  static constexpr std::uint32_t kFollowMax = 256;

  // `rate` outlives the sampler; `seed` differs between threads.
  Sampler(const SamplingRate& rate, std::uint64_t seed);

  // Of the next event.
  [[nodiscard]] bool due() {
    if (--left_ > 0) [[likely]]
      return false;
    return due_or_look_again();
  }

 private:
  bool due_or_look_again();
  std::uint32_t next_gap();

  // Events until due_or_look_again().
  std::uint32_t left_ = 1;
  // Of the gap, after those.
  std::uint32_t gap_left_ = 0;
  std::uint32_t one_in_ = 0;
  const SamplingRate& rate_;
  std::uint64_t random_;
};

}  // namespace nexus::core
