// shrink: which faults of a failing plan are needed for it to fail.
//
//   all calls   any
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace nexus::sim {

// Indices of faults that are kept.
using Kept = std::vector<std::uint32_t>;

// Drops ever smaller parts, down to single faults, as long as `fails` without them; asks at most `attempts_max` times. What it
// returns fails, and when attempts were enough, would not without any one of its faults.
Kept shrink(Kept all, const std::function<bool(const Kept&)>& fails, std::uint32_t attempts_max);

}  // namespace nexus::sim
