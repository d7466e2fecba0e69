// Variables in configuration values: ${NAME}, ${NAME:-default}, ${NAME:?message}, and $$ for one
// '$'. Pure but for the environment that is passed in; any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace nexus::daemon {

// The value of a variable, or nullopt when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The environment of this process. Reading it while another thread calls setenv() is a race.
Environment process_environment();

struct Expanded {
  std::string text;
  // Names of the variables read, in order, for messages.
  std::vector<std::string> variables;
};

// E1  expansion happens after YAML has been parsed, on one value: a variable cannot add keys.
// E2  what a variable or a default holds is not expanded again.
// E3  a variable that is not set is an error unless a default stands there; `:-` and `:?` treat an
//     empty one as not set.
// E4  a '$' that begins none of these forms is an error, so that a forgotten brace is never taken
//     as text.
// E5  the result has at most 65536 bytes.
// A name is a letter or '_', then letters, digits and '_'. Defaults and messages end at the next
// '}' and cannot hold another variable.
core::Result<Expanded> expand(std::string_view text, const Environment& environment);

// Makes `text` safe to write as a value: each '$' doubled. expand() gives `text` back.
std::string escape_variables(std::string_view text);

}  // namespace nexus::daemon
