// nexusctl as a function: understands the command line, does what it says, prints, and returns the
// exit code. One call at a time; uses the standard streams.
#pragma once

#include <string>
#include <vector>

namespace nexus::cli {

// `arguments` without the name of the program.
int run(const std::vector<std::string>& arguments);

}  // namespace nexus::cli
