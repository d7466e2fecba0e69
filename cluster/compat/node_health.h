// NodeHealth: who a node of a Proto.Actor cluster is, as it answers to `GET /_health` where the cluster finds its members with Go's
// automanaged provider. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace nexus::cluster {

struct NodeHealth {
  // Of this run of the node: 1..128 printable ASCII characters.
  std::string id;
  // Where it takes messages. An IPv6 address stands in brackets: a Go node puts a colon and the port behind it as it is.
  std::string host;
  std::uint16_t port = 0;
  // Where it answers /_health.
  std::uint16_t health_port = 0;
  std::vector<std::string> kinds{};
  std::string cluster;

  bool operator==(const NodeHealth&) const = default;
};

// A kind list of none is `[]`, as a Go node writes it.
std::string to_json(const NodeHealth& health);

// What a node of ours takes: one JSON object; more names than it knows; no more than kKindCountMax kinds; kinds that are null or
// missing are none. Error: invalid_argument, with what is wrong.
inline constexpr std::size_t kKindCountMax = 1024;
core::Result<NodeHealth> parse_node_health(std::string_view json);

}  // namespace nexus::cluster
