// MemberId: names one run of one node process, for ever: 128 random bits, made at start. A node that comes back at the same
// address has a new id, so nobody takes it for the old one.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nexus::cluster {

class MemberId {
 public:
  // The id of nobody.
  constexpr MemberId() = default;
  constexpr MemberId(std::uint64_t high, std::uint64_t low) : high_(high), low_(low) {}

  // From the system's random device.
  static MemberId random();
  // 32 lower-case hex digits; nothing else parses.
  static std::optional<MemberId> parse(std::string_view text);

  // 32 lower-case hex digits: the form that Proto.Actor peers on .NET expect.
  std::string to_string() const;

  constexpr std::uint64_t high() const { return high_; }
  constexpr std::uint64_t low() const { return low_; }

  constexpr bool operator==(const MemberId&) const = default;
  // As the texts are ordered.
  constexpr auto operator<=>(const MemberId&) const = default;

 private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

}  // namespace nexus::cluster
