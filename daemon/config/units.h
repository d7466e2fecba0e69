// Numbers, durations and sizes as the configuration writes them. Pure functions; any thread. An
// error says what is wrong with the text and how to write it; whether the value is in range is the
// caller's question.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace nexus::daemon {

// Decimal digits, nothing else; at most 2^64 - 1.
core::Result<std::uint64_t> parse_count(std::string_view text);

// A whole number and one of ms, s, m, h: 500ms, 5s, 10m, 1h. At most 2^63 - 1 ms.
core::Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// A whole number of bytes, or one with KiB, MiB or GiB (powers of 1024): 3500000, 512KiB, 4MiB. At
// most 2^63 - 1 bytes.
core::Result<std::uint64_t> parse_bytes(std::string_view text);

// The shortest text without a fraction that parses back to the same value.
std::string format_duration(std::chrono::milliseconds value);
std::string format_bytes(std::uint64_t value);

}  // namespace nexus::daemon
