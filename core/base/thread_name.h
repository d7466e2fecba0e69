// Names of threads as `ps -L`, debuggers and docs/threads.md show them.
#pragma once

#include <string>

namespace nexus::core {

// The calling thread. At most 15 bytes are kept.
void set_thread_name(const std::string& name);

}  // namespace nexus::core
