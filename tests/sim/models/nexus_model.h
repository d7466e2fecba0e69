// The protocols that ship (cluster/), as a model of the simulator. Nothing is modelled here: the same classes run in nexusd, and the
// sizes of messages are those of their encoding. Views are shared between processes to save memory; each counts them as its own.
#pragma once

#include <memory>

#include "tests/sim/process.h"

namespace nexus::sim {

std::unique_ptr<Model> make_nexus_model();

}  // namespace nexus::sim
