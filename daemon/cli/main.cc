// nexusctl: the operator's tool of a nexus node.
#include <exception>
#include <string>
#include <vector>

#include "daemon/cli/run.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    return nexus::cli::run(arguments);
  } catch (const std::exception& fault) {
    return nexus::cli::give_up(arguments, fault.what());
  }
}
