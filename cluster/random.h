// Random: chance of the protocols, from a seed: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Equal seeds give equal rows on every
// machine, which no distribution of the standard library promises. Owner only. Not for secrets.
#pragma once

#include <cstdint>

#include "core/base/check.h"
#include "core/base/clock.h"

namespace nexus::cluster {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t x = state_ += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }
  // In [0, end); end > 0. Its bias is below end / 2^64.
  std::uint64_t below(std::uint64_t end) {
    CHECK(end > 0);
    return next() % end;
  }
  // In [base * (100 - percent) / 100, base * (100 + percent) / 100].
  core::Duration around(core::Duration base, std::uint32_t percent) {
    const auto spread = base.count() * static_cast<std::int64_t>(percent) / 100;
    return base - core::Duration(spread) +
           core::Duration(below(static_cast<std::uint64_t>(2 * spread) + 1));
  }

 private:
  std::uint64_t state_;
};

}  // namespace nexus::cluster
