// What nexusd's exit status tells a service manager or a script.
//
//   0  ok                 ran and stopped as asked; with --check: the configuration is valid
//   1  failure            something failed while running that no other code names
//   2  usage              the command line is wrong; nothing was read or started
//   3  invalid_config     the configuration is missing, unreadable or wrong; nothing was started.
//                         Also the answer of --check
//   4  cannot_listen      the address to listen on is taken, not of this machine, or not permitted
//   5  shutdown_deadline  not everything had ended node.shutdown_timeout after the order to stop
//
// Starting again cannot mend 2 and 3; it may mend the others. A status of 128 + n means killed by
// signal n, and is never returned by us.
#pragma once

namespace nexus::daemon {

enum class ExitCode : int {
  ok = 0,
  failure = 1,
  usage = 2,
  invalid_config = 3,
  cannot_listen = 4,
  shutdown_deadline = 5,
};

// For `return` from main.
constexpr int exit_status(ExitCode code) { return static_cast<int>(code); }

}  // namespace nexus::daemon
