// PekkoModel: Pekko's cluster with its split brain resolver (keep-majority). A model: the protocol and its constants, not its code.
//
//   make()   harness
//
// Modelled: heartbeats to the 9 next on a hash ring each second; an accrual detector (phi 8, 3 s of pause); one observer's mark is
// enough; gossip each second, three times as often while fewer than half have seen it, to those that have not with probability 0.8;
// the leader moves members on convergence only; who stays unreachable for 20 s is downed by the leader of the larger side; all are
// downed when reachability does not settle for 35 s; the downed shut themselves down and do not come back.
// The detector is a rule: unavailable after a silence of mean + 3 s + 5.6 deviations (at least 100 ms), which is where phi reaches 8.
// Not modelled: weakly up, roles, data centres, leases, Distributed Data (so nothing is learned). Shards and singletons wait for
// another 20 s (down-removal-margin) after a removal; views do not.
#pragma once

#include <memory>

#include "tests/sim/process.h"

namespace nexus::sim {

std::unique_ptr<Model> make_pekko_model();

}  // namespace nexus::sim
