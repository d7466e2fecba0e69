// What the nodes of a cluster say to each other on their control connections. Plain data; control_codec.h has the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "cluster/agreement/ballot.h"
#include "cluster/detection/alert.h"
#include "cluster/state/state_entry.h"
#include "cluster/view/view.h"
#include "core/base/clock.h"

namespace nexus::cluster {

// --- observing

// Are you there? Comes back as it is in the answer.
struct Probe {
  // On the clock of the sender.
  core::Instant sent;
};
struct ProbeAck {
  core::Instant sent;
};
// Do you hear this member? `sent` comes back as it is.
struct IndirectProbe {
  MemberId subject;
  core::Instant sent;
};
struct IndirectAck {
  MemberId subject;
  core::Instant sent;
  bool heard = false;
};

// --- spreading

// Flooded from each member to its subjects, in bundles.
struct Gossip {
  std::vector<Alert> alerts;
  std::vector<Proposal> proposals;
  std::vector<Tally> tallies;
  std::vector<Prepare> prepares;
  // Of any view.
  std::vector<StateEntry> entries;
};

// What must be equal, or fit, among the nodes of a cluster.
struct Compatibility {
  std::string cluster;
  std::uint32_t protocol_min = 1;
  std::uint32_t protocol_max = 1;
  // Digest of the settings that all members must share.
  std::uint64_t settings = 0;

  bool operator==(const Compatibility&) const = default;
};

// --- catching up

// Tell me what came after my view. The header says which one I have; none when its epoch is 0.
struct CatchUp {};
struct ViewDelta {
  // The first one is of the receiver's view.
  std::vector<CutPtr> cuts;
};
struct Snapshot {
  ViewPtr view;
  std::vector<StateEntry> state;
  // Ids that never come back, the newest of them, oldest first.
  std::vector<MemberId> removed;
};
// You are not in my view, which is not older than yours.
struct NotMember {
  // Who is none, or of another view.
  MemberId about;
  std::uint64_t lineage = 0;
  // Of the view; 0 when it is frozen.
  std::uint64_t size = 0;
  MemberId lowest;
  Compatibility compatibility;
};

// --- joining

struct Join {
  MemberPtr member;
  Compatibility compatibility;
  // This process was a member before and was removed: is its link good again?
  bool again = false;
};
struct JoinRefused {
  MemberId joiner;
  // The cluster has removed that id; the node comes back under another.
  bool removed = false;
  // For an operator.
  std::string why;
};
// Sent to the address that the joiner has given: does it lead to you? `sent` comes back as it is.
struct JoinCheck {
  MemberId joiner;
  core::Instant sent;
};
struct JoinConfirm {
  MemberId joiner;
  core::Instant sent;
};
// From the member that a node has asked to those which may propose.
struct JoinOffer {
  std::vector<MemberPtr> joiners;
};

// --- founding

// Between nodes that are in no view yet: these should found the cluster; will you be in it, and in no other?
struct Found {
  std::vector<MemberPtr> members;
};
struct FoundAck {
  std::uint64_t lineage = 0;
};

// --- comparing states

constexpr std::size_t kStateBuckets = 16;
struct StateDigests {
  std::array<std::uint64_t, kStateBuckets> buckets{};
};
// All that I have in these buckets.
struct StateVersions {
  // A bit each.
  std::uint32_t buckets = 0;
  std::vector<StateVersion> versions;
};
struct StateWanted {
  std::vector<StateVersion> versions;
};

using ControlBody =
    std::variant<Probe, ProbeAck, IndirectProbe, IndirectAck, Gossip, Promise, CatchUp, ViewDelta,
                 Snapshot, NotMember, Join, JoinRefused, JoinCheck, JoinConfirm, JoinOffer, Found,
                 FoundAck, StateDigests, StateVersions, StateWanted>;

struct ControlMessage {
  // The sender's view; 0 and 0 when it has none.
  Epoch epoch = 0;
  ViewId view = 0;
  // Of the states that the sender knows.
  std::uint64_t state = 0;
  // The sender hears too few of its view to go on in it.
  bool frozen = false;
  ControlBody body;
};

using ControlMessagePtr = std::shared_ptr<const ControlMessage>;

// Who is at the other end of a control connection, as its handshake said.
struct Peer {
  MemberId id;
  std::string address;
};

// What a machine wants done, in this order.
struct Send {
  std::string address;
  ControlMessagePtr message;
};

}  // namespace nexus::cluster
