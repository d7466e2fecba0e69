// config_reference(): the reference page of the configuration, docs/config.md. Pure; any thread.
#pragma once

#include <string>

namespace nexus::daemon {

// Markdown, derived from the table of options. docs/config.md is this text; a test compares the
// two.
std::string config_reference();

}  // namespace nexus::daemon
