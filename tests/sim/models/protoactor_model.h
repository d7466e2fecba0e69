// ProtoActorModel: the gossip of Proto.Actor for Go with its default constants. A model: the protocol and its constants, not its code.
//
//   make()   harness
//
// Modelled: every 300 ms a heartbeat that raises a sequence number in one's own gossip state, sent with the states of at most 50
// members to 3 random ones; who was not heard of for 20 s is blocked; block lists travel with the gossip; the blocked shuts itself
// down and does not come back.
// Assumed: a cluster provider that is perfect and immediate about who joins and leaves, and says nothing about crashes.
// Not modelled: committed offsets. They save nothing while every state changes every 300 ms; as memory they are counted.
#pragma once

#include <memory>

#include "tests/sim/process.h"

namespace nexus::sim {

std::unique_ptr<Model> make_protoactor_model();

}  // namespace nexus::sim
