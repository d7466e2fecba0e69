// nexusctl: the operator's tool of a nexus node.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "daemon/cli/run.h"

int main(int argc, char** argv) {
  try {
    return nexus::cli::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "nexusctl: %s\n", fault.what());
    return 1;
  }
}
