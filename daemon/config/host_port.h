// HostPort: a host and a TCP port, written `host:port`; an IPv6 address stands in brackets. Pure
// functions; any thread. No name is ever resolved here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace nexus::daemon {

struct HostPort {
  // A DNS name, an IPv4 address, or an IPv6 address without brackets. Empty: no address at all.
  std::string host{};
  std::uint16_t port = 0;

  bool empty() const { return host.empty(); }
  // `host:port` with brackets where IPv6 needs them, as gRPC takes it; empty when there is no
  // address.
  std::string to_string() const;

  bool operator==(const HostPort&) const = default;
};

// The port must be there, 0..65535. The error says what is missing and shows a correct example.
core::Result<HostPort> parse_host_port(std::string_view text);

// 127.0.0.0/8, ::1 (or an IPv4 loopback address mapped into IPv6) and the name localhost.
bool is_loopback(std::string_view host);
// 0.0.0.0 and ::, which mean every interface of this machine and are no address to reach it at.
bool is_wildcard(std::string_view host);

}  // namespace nexus::daemon
