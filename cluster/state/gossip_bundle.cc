#include "cluster/state/gossip_bundle.h"

#include <algorithm>
#include <iterator>
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
  std::size_t bytes = 0;
  const auto rest =
      std::find_if(gossip_.entries.begin(), gossip_.entries.end(), [&](const StateEntry& entry) {
        bytes += entry.key.size() + entry.value.size();
        return bytes > options_.state_bytes_max;
      });
  // At least one, whatever its size.
  const auto end =
      rest == gossip_.entries.begin() && rest != gossip_.entries.end() ? rest + 1 : rest;
  std::vector<StateEntry> later(std::make_move_iterator(end),
                                std::make_move_iterator(gossip_.entries.end()));
  gossip_.entries.erase(end, gossip_.entries.end());
  Gossip taken = std::exchange(gossip_, {});
  if (!later.empty()) {
    gossip_.entries = std::move(later);
    added(now);
  }
  return taken;
}

}  // namespace nexus::cluster
