// GossipBundle: what a member floods next. The first thing after a silence leaves nearly at once, later things wait for each other, so
// that a wave of alerts costs each member a few messages. Pure; owner only.
#pragma once

#include <cstdint>

#include "cluster/messages.h"

namespace nexus::cluster {

class GossipBundle {
 public:
  struct Options {
    // After a silence of at least `period`.
    core::Duration first = std::chrono::milliseconds(5);
    core::Duration period = std::chrono::milliseconds(50);
    // Keys and values of members' states in one; what is beyond waits for the next.
    std::size_t state_bytes_max = 2 * 1024 * 1024;
  };

  explicit GossipBundle(Options options) : options_(options) {}

  void add(const Alert& alert, core::Instant now);
  void add(const Proposal& proposal, core::Instant now);
  // Takes the place of an older one of the same round and cut.
  void add(const Tally& tally, core::Instant now);
  void add(const Prepare& prepare, core::Instant now);
  void add(const StateEntry& entry, core::Instant now);

  bool empty() const { return due_ == core::Instant::max(); }
  // When to take(); Instant::max() when there is nothing.
  core::Instant due() const { return due_; }
  [[nodiscard]] Gossip take(core::Instant now);

 private:
  void added(core::Instant now);

  const Options options_;
  Gossip gossip_;
  core::Instant due_ = core::Instant::max();
  core::Instant last_taken_{};
};

}  // namespace nexus::cluster
