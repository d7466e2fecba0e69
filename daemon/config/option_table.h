// The table of options: what may stand in a configuration. Parser, messages, printed configuration and reference page are all derived
// from it. To add an option, add a member to a section in node_config.h and one entry to option_table.cc. Constant data; any thread.
#pragma once

#include <span>
#include <string_view>

#include "daemon/config/option.h"

namespace nexus::daemon {

struct SectionSpec {
  std::string_view name;
  std::string_view doc;
};

// The top level, in the order of the reference.
std::span<const SectionSpec> sections();
// Every option but those of kinds, grouped by section.
std::span<const NodeOption> node_options();
// What may be set for one kind.
std::span<const KindOption> kind_options();

}  // namespace nexus::daemon
