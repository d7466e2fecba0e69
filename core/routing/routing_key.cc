#include "core/routing/routing_key.h"

#include "core/base/check.h"

namespace nexus::core {

std::size_t rendezvous(std::uint64_t key, std::span<const Routee> routees) {
  DCHECK(!routees.empty());
  std::size_t best = 0;
  std::uint64_t best_weight = 0;
  for (std::size_t i = 0; i < routees.size(); ++i) {
    const std::uint64_t weight = mix64(key ^ routees[i].identity);
    // Only equal identities tie, because the mixer is a bijection.
    if (i == 0 || weight > best_weight) {
      best = i;
      best_weight = weight;
    }
  }
  return best;
}

}  // namespace nexus::core
