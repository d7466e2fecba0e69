// Logarithms in integers: protocols scale their timeouts with the size of the cluster, and what decides must be equal in every build.
//
//   all calls   any
#pragma once

#include <bit>
#include <cstdint>

namespace nexus::sim {

// log2(value) in 65,536ths, rounded down; value > 0.
constexpr std::uint32_t log2_65536(std::uint32_t value) {
  const int whole = std::bit_width(value) - 1;
  // In [1, 2), as 2^31ths.
  std::uint64_t rest = (std::uint64_t{value} << 31) >> whole;
  std::uint32_t result = static_cast<std::uint32_t>(whole);
  for (int bit = 0; bit < 16; ++bit) {
    rest = rest * rest >> 31;
    result <<= 1;
    if (rest >= std::uint64_t{1} << 32) {
      rest >>= 1;
      result |= 1;
    }
  }
  return result;
}

// log10(value) in 65,536ths; value > 0. log10(2) is 0.30103.
constexpr std::uint32_t log10_65536(std::uint32_t value) {
  return static_cast<std::uint32_t>(std::uint64_t{log2_65536(value)} * 30'103 / 100'000);
}

// The least whole number that is not below log10(value); value > 0.
constexpr std::uint32_t ceil_log10(std::uint32_t value) {
  std::uint32_t digits = 0;
  for (std::uint64_t power = 1; power < value; power *= 10) ++digits;
  return digits;
}

// The least whole number that is not below log2(value); value > 0.
constexpr std::uint32_t ceil_log2(std::uint32_t value) {
  return static_cast<std::uint32_t>(std::bit_width(value - 1));
}

// The largest whole number whose square is not above `value`.
constexpr std::uint64_t square_root(std::uint64_t value) {
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 31; bit > 0; bit >>= 1) {
    if ((root | bit) * (root | bit) <= value) root |= bit;
  }
  return root;
}

}  // namespace nexus::sim
