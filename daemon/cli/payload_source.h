// Turns what was typed into the messages to send: JSON is checked here, before anything is sent.
// Reads files; one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/api_types.h"
#include "daemon/cli/failure.h"
#include "daemon/cli/invocation.h"

namespace nexus::cli {

// The bytes of a file; "-" is standard input. Fails with USAGE.
Outcome<std::string> read_file(const std::string& path);

// One message from JSON text. Fails with NOT_JSON; `place` says where the text came from
// ("payload 2").
Outcome<Payload> json_payload(std::string_view text, const std::string& type,
                              const std::string& place);

// The messages of --file or of the payload arguments.
Outcome<std::vector<Payload>> read_payloads(const MessageSource& source);

}  // namespace nexus::cli
