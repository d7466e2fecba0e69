// CommandLine: what nexusd was told when it was started.
#pragma once

#include <string>
#include <variant>

#include "daemon/exit_codes.h"

namespace nexus::daemon {

struct CommandLine {
  enum class Action : std::uint8_t { serve, check, print_config, print_reference };
  Action action = Action::serve;
  // Empty: the defaults.
  std::string config_path;
};

// What to do, or the status to end with after help, version or a usage error has been printed.
std::variant<CommandLine, ExitCode> parse_command_line(int argc, char** argv);

}  // namespace nexus::daemon
