// nexusd: a node with the built-in kinds.

#include <exception>
#include <iostream>

#include "daemon/node.h"

int main(int argc, char** argv) {
  try {
    nexus::Node node;
    return node.run(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << "nexusd: " << exception.what() << "\n";
  }
  return nexus::daemon::exit_status(nexus::daemon::ExitCode::failure);
}
