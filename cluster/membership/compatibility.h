// Which nodes can be members of one cluster. Pure; any thread.
#pragma once

#include <string>

#include "cluster/messages.h"

namespace nexus::cluster {

// Why a node that says `theirs` can be no member with this one, for the operator of either; empty when it can.
std::string why_not_together(const Compatibility& mine, const Compatibility& theirs);

}  // namespace nexus::cluster
