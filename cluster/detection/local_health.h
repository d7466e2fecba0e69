// LocalHealth: how far a member should trust its own ears. 0 is healthy; each sign that the fault is its own makes it more patient
// with the others. Pure; owner only.
//
// Source: Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection", DSN-W 2018, LHA-Probe.
#pragma once

#include <algorithm>
#include <cstdint>

namespace nexus::cluster {

class LocalHealth {
 public:
  static constexpr std::uint32_t kMax = 8;

  // Waits are this many times as long: in [1, kMax + 1].
  std::uint32_t factor() const { return score_ + 1; }
  std::uint32_t score() const { return score_; }

  void worse(std::uint32_t by = 1) { score_ = std::min(kMax, score_ + by); }
  void better() { score_ -= score_ > 0 ? 1 : 0; }

 private:
  std::uint32_t score_ = 0;
};

}  // namespace nexus::cluster
