// MemberId: names one run of one node process, for ever: 128 random bits, made at start. A node that comes back at the same
// address has a new id, so nobody takes it for the old one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nexus::cluster {

class MemberId {
 public:
  // From the system's random device.
  static MemberId random();
  // 32 lower-case hex digits; nothing else parses.
  static std::optional<MemberId> parse(std::string_view text);

  // 32 lower-case hex digits: the form that Proto.Actor peers on .NET expect.
  std::string to_string() const;

  bool operator==(const MemberId&) const = default;
  auto operator<=>(const MemberId&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace nexus::cluster
