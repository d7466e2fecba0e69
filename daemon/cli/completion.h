// Completion scripts for bash, zsh and fish, written from the command tree so that they never lag
// behind the program. Pure; any thread.
#pragma once

#include <string>

#include "daemon/cli/command_tree.h"

namespace nexus::cli {

std::string bash_completion(const CommandTree& tree);
std::string zsh_completion(const CommandTree& tree);
std::string fish_completion(const CommandTree& tree);

}  // namespace nexus::cli
