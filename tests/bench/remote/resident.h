// Resident memory of this process.
//
//   all calls   any thread
#pragma once

#include <cstddef>

namespace nexus::bench {

std::size_t resident_bytes();
// The most since reset_resident_peak().
std::size_t resident_bytes_peak();
void reset_resident_peak();

inline double megabytes(std::size_t bytes) { return static_cast<double>(bytes) / 1e6; }

}  // namespace nexus::bench
