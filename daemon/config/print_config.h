// print_config(): the configuration in effect, as YAML. Pure; any thread.
#pragma once

#include <string>

#include "daemon/config/node_config.h"

namespace nexus::daemon {

// Every option, those with default values too. Loads back to an equal NodeConfig where the same
// kinds are known.
std::string print_config(const NodeConfig& config);

}  // namespace nexus::daemon
