// Control messages for tests.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/messages.h"
#include "tests/cluster/support/members.h"

namespace nexus::cluster::test {

inline CutPtr some_cut() {
  auto joiner = std::make_shared<Member>(Member{.id = MemberId(77, 1),
                                                .process = MemberId(76, 1),
                                                .address = "10.0.0.77:7701",
                                                .version = "0.1.0",
                                                .zone = "b",
                                                .kinds = {"counter", "echo"},
                                                .labels = {{"rack", "7"}}});
  return std::make_shared<const Cut>(Cut{.base = 5,
                                         .removed = {{.member = 1, .why = Departure::failed},
                                                     {.member = 4, .why = Departure::replaced}},
                                         .joined = {std::move(joiner)}});
}

// One of each kind, every field with a value of its own.
inline std::vector<ControlBody> one_of_each() {
  const MemberId id(0x0123456789abcdef, 42);
  const core::Instant sent{std::chrono::milliseconds(-5)};
  MemberSet voters(70);
  voters.add(3);
  voters.add(69);
  const Round round{.attempt = 2, .coordinator = 9};
  const StateEntry entry{.owner = id, .key = "k", .sequence = 3, .value = std::string("\0\xff", 2)};
  Gossip gossip;
  gossip.alerts = {{.subject = 1, .observer = 2, .sequence = 3, .down = true}};
  gossip.proposals = {{.round = round, .cut = some_cut()}};
  gossip.tallies = {{.round = {}, .cut = 8, .voters = voters}};
  gossip.prepares = {{.round = round}};
  gossip.entries = {entry};
  StateDigests digests;
  digests.buckets[15] = 15;
  const Compatibility compatibility{
      .cluster = "prod", .protocol_min = 1, .protocol_max = 2, .settings = 6};
  return {
      Probe{.sent = sent},
      ProbeAck{.sent = sent},
      IndirectProbe{.subject = id, .sent = sent},
      IndirectAck{.subject = id, .sent = sent, .heard = true},
      gossip,
      Promise{.round = round, .voted = Proposal{.round = {}, .cut = some_cut()}},
      Promise{.round = round, .voted = std::nullopt},
      CatchUp{},
      ViewDelta{.cuts = {some_cut(), some_cut()}},
      ViewDelta{},
      Snapshot{.view = view_of(15), .state = {entry}, .removed = {id, MemberId(1, 2)}},
      NotMember{
          .about = id,
          .lineage = 1,
          .size = 2,
          .lowest = id,
          .compatibility = {.cluster = "c", .protocol_min = 1, .protocol_max = 2, .settings = 3}},
      Join{.member = member(3), .compatibility = compatibility, .again = true},
      JoinRefused{.joiner = id, .removed = true, .why = "no"},
      JoinCheck{.joiner = id, .sent = sent},
      JoinConfirm{.joiner = id, .sent = sent},
      JoinOffer{.joiners = members(3)},
      Found{.members = members(2)},
      FoundAck{.lineage = 9},
      digests,
      StateVersions{.buckets = 3, .versions = {{.owner = id, .key = "k", .sequence = 1}}},
      StateWanted{.versions = {{.owner = id, .key = "k", .sequence = 1}}}};
}

}  // namespace nexus::cluster::test
