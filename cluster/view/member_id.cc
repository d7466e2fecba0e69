#include "cluster/view/member_id.h"

#include <random>

namespace nexus::cluster {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kHalf = 16;

std::optional<std::uint64_t> parse_half(std::string_view text) {
  std::uint64_t word = 0;
  for (const char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    word = word << 4 | digit;
  }
  return word;
}

void append_half(std::string& text, std::uint64_t word) {
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[word >> shift & 15];
}

}  // namespace

MemberId MemberId::random() {
  std::random_device device;
  const auto word = [&device] { return std::uint64_t{device()} << 32 | device(); };
  const std::uint64_t high = word();
  return MemberId(high, word());
}

std::optional<MemberId> MemberId::parse(std::string_view text) {
  if (text.size() != 2 * kHalf) return std::nullopt;
  const auto high = parse_half(text.substr(0, kHalf));
  const auto low = parse_half(text.substr(kHalf));
  if (!high || !low) return std::nullopt;
  return MemberId(*high, *low);
}

std::string MemberId::to_string() const {
  std::string text;
  text.reserve(2 * kHalf);
  append_half(text, high_);
  append_half(text, low_);
  return text;
}

}  // namespace nexus::cluster
