#include "daemon/config/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "core/base/escape.h"

namespace nexus::daemon {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Milliseconds each; largest first.
constexpr std::array<Unit, 4> kTimeUnits = {
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
// Bytes each; largest first.
constexpr std::array<Unit, 4> kByteUnits = {
    {{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"", 1}}};

constexpr std::uint64_t kValueMax = std::numeric_limits<std::int64_t>::max();

core::Error invalid(std::string detail) {
  return core::Error{core::Errc::invalid_argument, std::move(detail)};
}

// The digits that `text` begins with.
std::string_view digits_of(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789");
  return text.substr(0, end);
}

template <std::size_t N>
core::Result<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, N>& units,
                                            std::string_view how) {
  const std::string_view digits = digits_of(text);
  const std::string_view name = text.substr(digits.size());
  const Unit* unit = nullptr;
  for (const Unit& candidate : units)
    if (candidate.name == name) unit = &candidate;
  if (digits.empty() || !unit) return invalid(core::quoted(text) + " is not " + std::string(how));
  const auto number = parse_count(digits);
  if (!number || *number > kValueMax / unit->factor)
    return invalid(core::quoted(text) + " is too large");
  return *number * unit->factor;
}

template <std::size_t N>
std::string format_with_unit(std::uint64_t value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units)
    if (value != 0 && value % unit.factor == 0)
      return std::to_string(value / unit.factor) + std::string(unit.name);
  return "0";
}

}  // namespace

core::Result<std::uint64_t> parse_count(std::string_view text) {
  if (text.empty() || digits_of(text).size() != text.size())
    return invalid(core::quoted(text) + " is not a whole number");
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return invalid(core::quoted(text) + " is too large");
  return value;
}

core::Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_with_unit(
      text, kTimeUnits, "a whole number with a unit (ms, s, m or h), for example 500ms");
  if (!value) return value.error();
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

core::Result<std::uint64_t> parse_bytes(std::string_view text) {
  return parse_with_unit(text, kByteUnits,
                         "a number of bytes or one with KiB, MiB or GiB, for example 4MiB");
}

std::string format_duration(std::chrono::milliseconds value) {
  if (value.count() <= 0) return "0ms";
  return format_with_unit(static_cast<std::uint64_t>(value.count()), kTimeUnits);
}

std::string format_bytes(std::uint64_t value) { return format_with_unit(value, kByteUnits); }

}  // namespace nexus::daemon
