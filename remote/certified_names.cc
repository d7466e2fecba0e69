#include "remote/certified_names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

namespace nexus::remote {
namespace {

// The bytes of an IP address; nothing when the text is none.
std::optional<std::string> ip_bytes(std::string_view text) {
  const std::string terminated(text);
  std::array<char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
    return std::string(bytes.data(), sizeof(in_addr));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) {
    return std::string(bytes.data(), sizeof(in6_addr));
  }
  return std::nullopt;
}

bool equal_names(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool covers(std::string_view name, std::string_view host) {
  if (!name.starts_with("*.")) return equal_names(name, host);
  const std::size_t dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 && equal_names(name.substr(1), host.substr(dot));
}

}  // namespace

std::string_view host_of(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return host;
}

bool certifies(std::span<const std::string> names, std::string_view host) {
  if (host.empty()) return false;
  const auto ip = ip_bytes(host);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return ip ? ip_bytes(name) == ip : covers(name, host);
  });
}

}  // namespace nexus::remote
