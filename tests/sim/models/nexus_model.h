// The protocols that ship (cluster/), as a model of the simulator. Nothing is modelled here: the same classes run in nexusd, and the
// sizes of messages are those of their encoding. Views are shared between processes to save memory; each counts them as its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cluster/agreement/partition_policy.h"
#include "tests/sim/process.h"

namespace nexus::sim {

// As the configuration names them, in the order of PartitionPolicy::Kind.
const std::vector<std::string>& policy_names();
std::unique_ptr<Model> make_nexus_model(const cluster::PartitionPolicy& policy);

}  // namespace nexus::sim
