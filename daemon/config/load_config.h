// load_config(): from a YAML file to a NodeConfig, or to everything that is wrong with the file.
//
//   load_config(), load_config_text()   any thread; never throw but for want of memory
//
// F1  a key that is unknown, repeated, of the wrong type or out of range is an error; nothing is
//     ever ignored.
// F2  all problems are found in one go, as far as the YAML can be read at all; an error shows the
//     first 20 of them, one a line, with line and column of the key:
//       node.yaml:12:3: core.workers: 5000 is not in 0..1024 (from ${NEXUS_WORKERS})
// F3  the result is complete: names and addresses are well formed, values in range, and the rules
//     of checks.h hold.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "daemon/config/expansion.h"
#include "daemon/config/node_config.h"
#include "daemon/config/problems.h"

namespace nexus::daemon {

struct LoadOptions {
  // Names of the actor kinds that this binary can spawn.
  std::vector<std::string> kinds{};
  // Where ${NAME} is looked up; when empty, the environment of this process.
  Environment environment{};
  // What an empty node.name becomes; when empty, the name of this host.
  std::string host_name{};
  // Looks further into a configuration that is right by itself, for example at the files that it names. What it finds is
  // reported with the place of the key. May be empty.
  std::function<std::vector<KeyProblem>(const NodeConfig&)> look_further{};
};

// Errors: not_found (no such file), permission_denied, failed_precondition (not a regular file),
// unavailable (reading failed), invalid_argument (everything about the content).
core::Result<NodeConfig> load_config(const std::string& path, const LoadOptions& options);

// The same for text that is at hand; `source` stands for the file's name in messages.
core::Result<NodeConfig> load_config_text(std::string_view text, std::string_view source,
                                          const LoadOptions& options);

}  // namespace nexus::daemon
