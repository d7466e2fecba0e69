// BroadcastQueue: memberlist's TransmitLimitedQueue: rumours that are still to be passed on, those passed on least first, the newest of
// these before older ones.
//
//   all calls   its process
#pragma once

#include <cstdint>
#include <vector>

#include "tests/sim/flat_map.h"
#include "tests/sim/models/swim_message.h"

namespace nexus::sim {

class BroadcastQueue {
 public:
  bool empty() const { return live_.size() == 0; }
  std::size_t size() const { return live_.size(); }
  bool has(NodeIndex node) const { return live_.find(node) != FlatMap::kNone; }

  // Takes the place of an older rumour about the same member.
  void push(const SwimUpdate& update) {
    live_.put(key_of(update), ++version_);
    if (tiers_.empty()) tiers_.emplace_back();
    tiers_[0].push_back({update, version_});
  }

  // What fits into `room` bytes, each with `overhead`; after `transmit_max` times a rumour is dropped.
  std::vector<SwimUpdate> take(std::uint32_t room, std::uint32_t overhead,
                               std::uint32_t transmit_max) {
    std::vector<SwimUpdate> taken;
    std::vector<std::pair<std::size_t, Queued>> again;
    for (std::size_t tier = 0; tier < tiers_.size() && room >= kLeastBytes + overhead; ++tier) {
      std::vector<Queued>& queue = tiers_[tier];
      while (!queue.empty()) {
        const Queued queued = queue.back();
        if (live_.find(key_of(queued.update)) != queued.version) {
          queue.pop_back();
          continue;
        }
        const std::uint32_t bytes = queued.update.bytes() + overhead;
        if (bytes > room) break;
        queue.pop_back();
        room -= bytes;
        taken.push_back(queued.update);
        if (tier + 1 >= transmit_max) {
          live_.erase(key_of(queued.update));
        } else {
          again.emplace_back(tier + 1, queued);
        }
      }
    }
    for (const auto& [tier, queued] : again) {
      if (tiers_.size() <= tier) tiers_.resize(tier + 1);
      tiers_[tier].push_back(queued);
    }
    return taken;
  }

  std::size_t memory_bytes() const {
    std::size_t bytes = live_.size() * 32;
    for (const auto& tier : tiers_) bytes += tier.capacity() * sizeof(Queued);
    return bytes;
  }

 private:
  static constexpr std::uint32_t kLeastBytes = 72;

  struct Queued {
    SwimUpdate update;
    std::uint32_t version;
  };

  static std::uint64_t key_of(const SwimUpdate& update) {
    return update.kind == SwimUpdate::Kind::user ? std::uint64_t{1} << 32 | update.node
                                                 : update.node;
  }

  // By how often they were passed on. What was replaced stays until it is met.
  std::vector<std::vector<Queued>> tiers_;
  FlatMap live_;
  std::uint32_t version_ = 0;
};

}  // namespace nexus::sim
