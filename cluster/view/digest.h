// Digests that all members compute alike, whatever their machine: of views, cuts and states. Not against an adversary. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "cluster/view/member_id.h"

namespace nexus::cluster {

// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection in which each input bit changes half of the output.
inline constexpr std::uint64_t kScrambleStep = 0x9E3779B97F4A7C15u;
constexpr std::uint64_t scramble(std::uint64_t x) {
  x += kScrambleStep;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

class Digest {
 public:
  Digest& add(std::uint64_t word) {
    value_ = scramble(value_ ^ word);
    return *this;
  }
  Digest& add(const MemberId& id) { return add(id.high()).add(id.low()); }
  Digest& add(std::string_view text) {
    add(text.size());
    std::uint64_t word = 0;
    int bits = 0;
    for (const char c : text) {
      word |= std::uint64_t{static_cast<unsigned char>(c)} << bits;
      bits += 8;
      if (bits == 64) {
        add(word);
        word = 0;
        bits = 0;
      }
    }
    return bits == 0 ? *this : add(word);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace nexus::cluster
