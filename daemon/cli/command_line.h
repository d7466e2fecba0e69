// The command line of nexusctl: its grammar, in one place. Pure but for the environment
// (NEXUS_NODE); one thread.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "daemon/cli/command_tree.h"
#include "daemon/cli/failure.h"
#include "daemon/cli/invocation.h"

namespace nexus::cli {

// `arguments` without the name of the program. A Failure has the reason USAGE.
std::variant<Invocation, HelpText, Failure> parse_command_line(
    const std::vector<std::string>& arguments);

// The same grammar as data, for shell completion.
CommandTree command_tree();

}  // namespace nexus::cli
