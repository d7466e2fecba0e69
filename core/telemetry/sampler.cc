#include "core/telemetry/sampler.h"

namespace nexus::core {

Sampler::Sampler(const SamplingRate& rate, std::uint64_t seed)
    : rate_(rate), random_((seed + 1) * 0x9e37'79b9'7f4a'7c15u) {}

bool Sampler::due_or_look_again() {
  const std::uint32_t wanted = rate_.get();
  if (wanted != one_in_) {
    one_in_ = wanted;
    // This event is the first of the gap.
    gap_left_ = wanted == 0 ? 0 : next_gap() - 1;
  }
  if (wanted == 0) {
    left_ = kFollowMax;
    return false;
  }
  const bool chosen = gap_left_ == 0;
  if (chosen) gap_left_ = next_gap();
  left_ = std::min(gap_left_, kFollowMax);
  gap_left_ -= left_;
  return chosen;
}

// xorshift64 (G. Marsaglia, 2003).
std::uint32_t Sampler::next_gap() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return 1 + static_cast<std::uint32_t>((random_ >> 32) % (2 * std::uint64_t{one_in_} - 1));
}

}  // namespace nexus::core
