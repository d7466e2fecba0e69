// read_config_file(): the bytes of one regular file, with errors that name it. Any thread; blocks
// on the disk.
#pragma once

#include <cstddef>
#include <string>

#include "core/base/result.h"

namespace nexus::daemon {

// Errors as those of load_config(): not_found, permission_denied, failed_precondition (a directory,
// pipe or device), invalid_argument (empty path, or more than `bytes_max` bytes), unavailable.
core::Result<std::string> read_config_file(const std::string& path, std::size_t bytes_max);

}  // namespace nexus::daemon
