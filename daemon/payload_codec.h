// JSON <-> protobuf for message types that are compiled into this binary, by full name. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace nexus::daemon {

// Whether this binary knows the protobuf message.
bool knows_protobuf(const std::string& type_name);

// Bytes of the message that the JSON describes. Unknown fields and wrong types are errors that name the field.
core::Result<std::string> json_to_protobuf(const std::string& type_name, std::string_view json);
// Fields at their default are written too, with the names of the .proto file.
core::Result<std::string> protobuf_to_json(const std::string& type_name, const std::string& bytes);

}  // namespace nexus::daemon
