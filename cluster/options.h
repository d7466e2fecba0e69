// Options of a cluster member's protocols, with their defaults: for links of a data centre.
#pragma once

#include "cluster/agreement/fast_paxos.h"
#include "cluster/detection/cut_detector.h"
#include "cluster/detection/edge_monitor.h"
#include "cluster/detection/indirect_relay.h"
#include "cluster/membership/admission.h"
#include "cluster/membership/bootstrap.h"
#include "cluster/state/gossip_bundle.h"
#include "cluster/state/state_table.h"
#include "cluster/view/rings.h"

namespace nexus::cluster {

// When this member proposes a cut.
struct ProposerOptions {
  // Since the last thing that changed it; the others may have more to say.
  core::Duration quiet = std::chrono::milliseconds(100);
  // A leave does not have to be confirmed by others.
  core::Duration quiet_for_leave = std::chrono::milliseconds(20);
  // But no longer than this since there was something to propose.
  core::Duration gathering_max = std::chrono::seconds(1);
  // Each further rank gives way to the ones before it for so long.
  core::Duration rank_wait = std::chrono::milliseconds(400);
};

struct RejoinOptions {
  // A node that is told that it was removed joins again after this; the wait doubles with each time, up to the longest one.
  core::Duration wait_min = std::chrono::milliseconds(500);
  core::Duration wait_max = std::chrono::minutes(5);
  // For so long as a member one removal is forgiven.
  core::Duration forgiven_after = std::chrono::minutes(1);
  // A node that nobody could reach, alone, must hear the others for so long before it joins again.
  core::Duration settle = std::chrono::seconds(25);
};

struct MembershipOptions {
  Compatibility compatibility;
  RingOptions rings;
  EdgeOptions edges;
  IndirectRelay::Options relay;
  CutDetector::Options cut;
  FastPaxos::Options agreement;
  ProposerOptions proposer;
  GossipBundle::Options gossip;
  StateTable::Options state;
  Admission::Options admission;
  Bootstrap::Options bootstrap;
  RejoinOptions rejoin;
  // A member that was frozen proposes nothing for so long after it may go on: links come back one after the other.
  core::Duration thaw = std::chrono::seconds(2);
  // Cuts that are kept for members that missed them.
  std::size_t history_max = 64;
  // Joiners that wait are offered again after this.
  core::Duration reoffer = std::chrono::milliseconds(500);
  // A seed that is not in the view is greeted so often: when it has founded another cluster, the two learn of each other.
  core::Duration greet_seeds = std::chrono::seconds(5);
  // Standing alerts are repeated after this, then after twice as long, and so on up to the longest.
  core::Duration repeat_alerts = std::chrono::seconds(1);
  core::Duration repeat_alerts_max = std::chrono::seconds(16);
};

}  // namespace nexus::cluster
