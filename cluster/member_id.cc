#include "cluster/member_id.h"

#include <random>

namespace nexus::cluster {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

MemberId MemberId::random() {
  std::random_device device;
  MemberId id;
  for (std::uint8_t& byte : id.bytes_) byte = static_cast<std::uint8_t>(device());
  return id;
}

std::optional<MemberId> MemberId::parse(std::string_view text) {
  MemberId id;
  if (text.size() != 2 * id.bytes_.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.bytes_.size(); ++i) {
    const auto high = kDigits.find(text[2 * i]);
    const auto low = kDigits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    id.bytes_[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return id;
}

std::string MemberId::to_string() const {
  std::string text;
  for (const std::uint8_t byte : bytes_) {
    text += kDigits[byte / 16];
    text += kDigits[byte % 16];
  }
  return text;
}

}  // namespace nexus::cluster
