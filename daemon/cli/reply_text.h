// How the answer of an actor is shown. Pure; any thread.
#pragma once

#include <string>

#include "daemon/cli/api_types.h"

namespace nexus::cli {

// For people: JSON as it came; a protobuf message as JSON when nexusctl was built with its type;
// else the type (or what the bytes are) and the bytes in base64. Ends with a newline.
std::string reply_text(const Payload& reply);

// For programs: {"type","content_type"} and `message` (JSON) or `data_base64`. Ends with a newline.
std::string reply_json(const Payload& reply);

}  // namespace nexus::cli
