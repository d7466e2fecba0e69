// Random: chance of the protocols, from a seed: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Equal seeds give equal rows on every
// machine, which no distribution of the standard library promises. Owner only. Not for secrets.
#pragma once

#include <cstdint>

#include "cluster/view/digest.h"
#include "core/base/check.h"
#include "core/base/clock.h"

namespace nexus::cluster {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    const std::uint64_t x = scramble(state_);
    state_ += kScrambleStep;
    return x;
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
