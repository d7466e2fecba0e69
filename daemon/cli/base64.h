// Base64 (RFC 4648, section 4) of bytes that cannot be shown as text. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace nexus::cli {

std::string base64(std::string_view bytes);

}  // namespace nexus::cli
