#include "daemon/config/host_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "core/base/escape.h"

namespace nexus::daemon {

namespace {

constexpr std::size_t kHostBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;

core::Error invalid(std::string detail) {
  return core::Error{core::Errc::invalid_argument, std::move(detail)};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_label_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

std::optional<in_addr> ipv4(std::string_view host) {
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(host).c_str(), &address) != 1) return std::nullopt;
  return address;
}

std::optional<in6_addr> ipv6(std::string_view host) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, std::string(host).c_str(), &address) != 1) return std::nullopt;
  return address;
}

// The IPv4 address inside ::ffff:a.b.c.d.
std::optional<in_addr> mapped(const in6_addr& address) {
  if (!IN6_IS_ADDR_V4MAPPED(&address)) return std::nullopt;
  in_addr inner{};
  std::memcpy(&inner, address.s6_addr + 12, sizeof(inner));
  return inner;
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax) return false;
  std::size_t label_bytes = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label_bytes == 0) return false;
      label_bytes = 0;
    } else if (!is_label_character(c) || ++label_bytes > kLabelBytesMax) {
      return false;
    }
  }
  return label_bytes > 0;
}

bool is_loopback_v4(const in_addr& address) { return (ntohl(address.s_addr) >> 24) == 127; }

}  // namespace

std::string HostPort::to_string() const {
  if (empty()) return {};
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

core::Result<HostPort> parse_host_port(std::string_view text) {
  std::string_view host;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos)
      return invalid(core::quoted(text) +
                     " lacks the closing bracket; write for example \"[::1]:7701\"");
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    // A zero byte would end the text early for inet_pton().
    if (host.find('\0') != std::string_view::npos || !ipv6(host))
      return invalid(core::quoted(host) + " in brackets is not an IPv6 address");
  } else {
    const std::size_t colons = static_cast<std::size_t>(std::count(text.begin(), text.end(), ':'));
    if (colons > 1)
      return invalid(
          core::quoted(text) +
          " has several colons; write an IPv6 address in brackets, for example \"[::1]:7701\"");
    if (colons == 0)
      return invalid(core::quoted(text) +
                     " is not host:port; write for example \"127.0.0.1:7701\"");
    host = text.substr(0, text.find(':'));
    rest = text.substr(host.size());
    if (host.empty())
      return invalid(core::quoted(text) + " has no host; write for example \"127.0.0.1:7701\"");
    if (!is_host_name(host)) return invalid(core::quoted(host) + " is not a host name");
    const bool numeric =
        std::all_of(host.begin(), host.end(), [](char c) { return is_digit(c) || c == '.'; });
    if (numeric && !ipv4(host)) return invalid(core::quoted(host) + " is not an IPv4 address");
  }

  if (!rest.starts_with(':'))
    return invalid(core::quoted(text) + " has no port; write for example \"[::1]:7701\"");
  rest.remove_prefix(1);
  std::uint32_t port = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  if (rest.empty() || parsed.ptr != rest.data() + rest.size() || parsed.ec != std::errc{} ||
      port > 65535)
    return invalid("port " + core::quoted(rest) + " is not in 0..65535");
  return HostPort{std::string(host), static_cast<std::uint16_t>(port)};
}

bool is_loopback(std::string_view host) {
  if (const auto v4 = ipv4(host)) return is_loopback_v4(*v4);
  if (const auto v6 = ipv6(host)) {
    const auto inner = mapped(*v6);
    return inner ? is_loopback_v4(*inner) : IN6_IS_ADDR_LOOPBACK(&*v6);
  }
  constexpr std::string_view kLocalhost = "localhost";
  return host.size() == kLocalhost.size() &&
         std::equal(host.begin(), host.end(), kLocalhost.begin(),
                    [](char a, char b) { return (a | 0x20) == b; });
}

bool is_wildcard(std::string_view host) {
  if (const auto v4 = ipv4(host)) return v4->s_addr == INADDR_ANY;
  if (const auto v6 = ipv6(host)) {
    const auto inner = mapped(*v6);
    return inner ? inner->s_addr == INADDR_ANY : IN6_IS_ADDR_UNSPECIFIED(&*v6);
  }
  return false;
}

}  // namespace nexus::daemon
