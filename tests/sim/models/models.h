// Models by name: what --model offers.
//
//   all calls   any
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/process.h"

namespace nexus::sim {

// Of all models that there are.
std::vector<std::string> model_names();
// Null when there is none of that name.
std::unique_ptr<Model> make_model(const std::string& name);

}  // namespace nexus::sim
