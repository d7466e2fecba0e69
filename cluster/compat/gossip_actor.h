// The gossip actor of a Proto.Actor cluster: carries between the pure classes beside it and the messages of remote.
#pragma once

#include <string>
#include <vector>

#include "cluster/compat/node_health.h"
#include "core/actor/props.h"
#include "core/base/result.h"

namespace nexus::cluster {

// Understood by it, besides the requests of other gossip actors.
struct PollRound {
  std::vector<core::Result<NodeHealth>> answers;
};
// Answered with FamilyLeft.
struct LeaveFamily {};
struct FamilyLeft {
  // All have taken it.
  bool all_told;
};

core::PropsPtr gossip_actor_props(const NodeHealth& self, std::vector<std::string> hosts);

}  // namespace nexus::cluster
