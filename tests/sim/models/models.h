// Models by name: what --model offers.
//
//   all calls   any
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cluster/agreement/partition_policy.h"
#include "tests/sim/process.h"

namespace nexus::sim {

// Of all models that there are.
std::vector<std::string> model_names();
// Null when there is none of that name. `policy` is for nexus; the others have but one, or none.
std::unique_ptr<Model> make_model(const std::string& name,
                                  const cluster::PartitionPolicy& policy = {});

}  // namespace nexus::sim
