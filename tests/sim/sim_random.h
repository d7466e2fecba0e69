// Random: the only chance there is in the simulator. Equal seeds give equal sequences on every machine and in every build, which the
// distributions of the standard library do not promise.
//
//   all calls   the simulation's thread
#pragma once

#include <bit>
#include <cstdint>

#include "core/base/clock.h"

namespace nexus::sim {

// splitmix64's finalizer: a bijection that leaves no pattern.
constexpr std::uint64_t mix64(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

constexpr std::uint64_t mix64(std::uint64_t one, std::uint64_t other) {
  return mix64(mix64(one) ^ std::rotl(other, 32) ^ other);
}

// xoshiro256** (Blackman, Vigna).
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = seed = mix64(seed);
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // In [0, bound); bound > 0. The bias is below bound / 2^32.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }

  // In [least, most), or least when that is empty; the difference below some hundred days.
  core::Duration between(core::Duration least, core::Duration most) {
    const auto width = static_cast<std::uint64_t>((most - least).count());
    if (most <= least) return least;
    return least + core::Duration(static_cast<std::int64_t>(next() % width));
  }

  // True `parts` times in 65,536.
  bool one_of_65536(std::uint32_t parts) { return (next() >> 48) < parts; }

 private:
  std::uint64_t state_[4];
};

}  // namespace nexus::sim
