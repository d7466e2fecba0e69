#include "daemon/cli/time_text.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <ctime>

namespace nexus::cli {
namespace {

using std::chrono::milliseconds;

core::Error bad_duration(std::string_view text, std::string_view what) {
  return core::Error{core::Errc::invalid_argument,
                     "'" + std::string(text) + "' " + std::string(what)};
}

}  // namespace

core::Result<milliseconds> parse_duration(std::string_view text) {
  static constexpr std::string_view kForm =
      "is not a duration: write a number and ms, s, m or h, for example 5s";
  static constexpr milliseconds kLongest = std::chrono::hours(24);

  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault == std::errc::result_out_of_range) return bad_duration(text, "is longer than 24h");
  if (fault != std::errc{} || number < 0) return bad_duration(text, kForm);

  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  std::int64_t unit_ms = 0;
  if (unit == "ms") unit_ms = 1;
  if (unit == "s") unit_ms = 1000;
  if (unit == "m") unit_ms = 60 * 1000;
  if (unit == "h") unit_ms = 60 * 60 * 1000;
  if (unit_ms == 0) return bad_duration(text, kForm);
  if (number == 0) return bad_duration(text, "is no time at all");
  if (number > kLongest.count() / unit_ms) return bad_duration(text, "is longer than 24h");
  return milliseconds(number * unit_ms);
}

std::string age_text(std::chrono::seconds age) {
  struct Unit {
    std::int64_t seconds;
    char name;
  };
  static constexpr std::array<Unit, 4> kUnits = {{{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};

  std::int64_t rest = age.count() < 0 ? 0 : age.count();
  for (std::size_t i = 0; i + 1 < kUnits.size(); ++i) {
    if (rest < kUnits[i].seconds) continue;
    const std::int64_t small = rest % kUnits[i].seconds / kUnits[i + 1].seconds;
    std::string text = std::to_string(rest / kUnits[i].seconds) + kUnits[i].name;
    if (small > 0) text += std::to_string(small) + kUnits[i + 1].name;
    return text;
  }
  return std::to_string(rest) + 's';
}

std::string utc_text(std::int64_t unix_seconds) {
  const auto when = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  if (gmtime_r(&when, &parts) == nullptr) return "";
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text.data(), length);
}

}  // namespace nexus::cli
