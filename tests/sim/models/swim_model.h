// SwimModel: SWIM with Lifeguard as memberlist ships it (DefaultLANConfig). A model: the protocol and its constants, not its code.
//
//   make()   harness
//
// Modelled: probing with indirect probes and TCP fallback, suspicion that shrinks with confirmations, local health (awareness), nacks,
// the buddy system, gossip in packets of 1,400 bytes with piggyback on probes, gossip to the dead, push/pull, refutation, leaving.
// Not modelled: encryption, compression, the limit of 128 concurrent push/pulls, Serf's own queries and its reconnect loop.
#pragma once

#include <memory>

#include "tests/sim/process.h"

namespace nexus::sim {

std::unique_ptr<Model> make_swim_model();

}  // namespace nexus::sim
