// nexusctl as a function: understands the command line, does what it says, prints, and returns the
// exit code. One call at a time; uses the standard streams.
#pragma once

#include <string>
#include <vector>

namespace nexus::cli {

// `arguments` without the name of the program.
int run(const std::vector<std::string>& arguments);
// For main(): tells a fault that nothing else caught, as the arguments want errors told. The exit code.
int give_up(const std::vector<std::string>& arguments, const std::string& why);

}  // namespace nexus::cli
