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

// What a node sends, and reads of others, on control connections.
//
// These share the node's one listener with `remote` and the clients, and a listener has one limit for what it reads: GrpcServer takes the
// larger of control_frame_bytes_max() and remote::frame_bytes_max(). With the defaults both are 8 MiB + 64 KiB, so that the cluster adds
// nothing to it; a smaller `remote.message_bytes_max` does not keep a cluster's views out, and a larger one makes no control message larger.
struct ControlLimits {
  // Of one message; a larger one is neither sent nor decoded. A view of 10,000 members takes 1 to 2 MB, one of members_max about 7 MB;
  // states are sent in parts (StateTable::Options::message_bytes_max).
  std::size_t bytes_max = 8 * 1024 * 1024;
  std::size_t members_max = 65536;
  // Of what one member says of itself as it joins; all others keep it.
  std::size_t member_bytes_max = 64 * 1024;
  // Of one message of a node that is no member and was not asked: a Join with all that a member may say of itself, and more than enough
  // for everything else that strangers have to say.
  std::size_t stranger_bytes_max = 256 * 1024;
  // Larger ones that a node which is in no view yet has in hand at once: who lets it in is none that it has asked.
  std::size_t stranger_large_count_max = 4;
};

// Of a frame with the largest message.
inline std::size_t control_frame_bytes_max(const ControlLimits& limits) {
  return limits.bytes_max + 64 * 1024;
}

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
  core::Duration wait_max = std::chrono::seconds(30);
  // For so long as a member one removal is forgiven.
  core::Duration forgiven_after = std::chrono::minutes(1);
  // A node that heard nobody, alone, must hear the others for so long before it joins again: so much for each member of the view that it
  // was in, within the two bounds, twice as long each time, up to the upper one. A return that does not last costs each of them two
  // views.
  core::Duration settle_per_member = std::chrono::milliseconds(500);
  core::Duration settle_min = std::chrono::seconds(3);
  core::Duration settle_max = std::chrono::seconds(25);
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
  // A node that has been joining for so long says what it waits for.
  core::Duration waiting_told = std::chrono::seconds(10);
  // A member that was frozen proposes nothing for so long after it may go on: links come back one after the other.
  core::Duration thaw = std::chrono::seconds(2);
  // Cuts that are kept for members that missed them.
  std::size_t history_max = 64;
  // Joiners that wait are offered again after this.
  core::Duration reoffer = std::chrono::milliseconds(500);
  // A seed that is not in the view is greeted so often: when it has founded another cluster, the two learn of each other.
  core::Duration greet_seeds = std::chrono::seconds(5);
  // Where few could do so, each does it more often: all together every so often.
  core::Duration greet_seeds_together = std::chrono::milliseconds(100);
  // Standing alerts are repeated after this, then after twice as long, and so on up to the longest.
  core::Duration repeat_alerts = std::chrono::seconds(1);
  core::Duration repeat_alerts_max = std::chrono::seconds(16);
};

}  // namespace nexus::cluster
