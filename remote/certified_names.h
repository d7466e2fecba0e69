// Whether a certificate was made out to a host. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nexus::remote {

// The host of `host:port`; an IPv6 address without its brackets.
std::string_view host_of(std::string_view address);

// `names`: the subject's alternative names, DNS names and IP addresses as text. Case does not matter, nor how an IPv6 address is
// written. `*.example.org` stands for one more label: for a.example.org, not for example.org, a.b.example.org or an IP address.
bool certifies(std::span<const std::string> names, std::string_view host);

}  // namespace nexus::remote
