#include "cluster/state/gossip_bundle.h"

#include <algorithm>
#include <utility>

namespace nexus::cluster {

void GossipBundle::added(core::Instant now) {
  if (due_ == core::Instant::max())
    due_ = std::max(now + options_.first, last_taken_ + options_.period);
}

void GossipBundle::add(const Alert& alert, core::Instant now) {
  gossip_.alerts.push_back(alert);
  added(now);
}

void GossipBundle::add(const Proposal& proposal, core::Instant now) {
  gossip_.proposals.push_back(proposal);
  added(now);
}

void GossipBundle::add(const Tally& tally, core::Instant now) {
  const auto same = std::find_if(
      gossip_.tallies.begin(), gossip_.tallies.end(),
      [&](const Tally& other) { return other.round == tally.round && other.cut == tally.cut; });
  if (same != gossip_.tallies.end()) {
    *same = tally;
  } else {
    gossip_.tallies.push_back(tally);
  }
  added(now);
}

void GossipBundle::add(const Prepare& prepare, core::Instant now) {
  gossip_.prepares.push_back(prepare);
  added(now);
}

void GossipBundle::add(const StateEntry& entry, core::Instant now) {
  const auto same =
      std::find_if(gossip_.entries.begin(), gossip_.entries.end(), [&](const StateEntry& other) {
        return other.owner == entry.owner && other.key == entry.key;
      });
  if (same != gossip_.entries.end()) {
    *same = entry;
  } else {
    gossip_.entries.push_back(entry);
  }
  added(now);
}

Gossip GossipBundle::take(core::Instant now) {
  due_ = core::Instant::max();
  last_taken_ = now;
  return std::exchange(gossip_, {});
}

}  // namespace nexus::cluster
