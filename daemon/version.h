// Version of this source tree; the build sets it from CMakeLists.txt.
#pragma once

namespace nexus::daemon {

inline constexpr const char* kVersion = NEXUS_VERSION;

}  // namespace nexus::daemon
