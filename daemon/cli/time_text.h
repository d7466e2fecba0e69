// Times as a user types and reads them. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace nexus::cli {

// A whole number and a unit: 250ms, 5s, 2m, 1h. Within [1ms, 24h].
core::Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// The two largest units: 4s, 3m12s, 2h5m, 9d1h. Negative ages (clocks that differ) read as 0s.
std::string age_text(std::chrono::seconds age);

// Seconds since 1970 as RFC 3339 in UTC: 2026-11-22T14:16:29Z.
std::string utc_text(std::int64_t unix_seconds);

}  // namespace nexus::cli
