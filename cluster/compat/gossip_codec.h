// What the gossip actors of a Proto.Actor cluster say, as bytes. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/compat/gossip_table.h"

namespace nexus::cluster {

// The same bytes under the names of both families.
namespace gossip_name {
inline constexpr std::string_view kGoRequest = "cluster.GossipRequest";
inline constexpr std::string_view kGoResponse = "cluster.GossipResponse";
inline constexpr std::string_view kDotnetRequest = "cluster.gossip.GossipRequest";
inline constexpr std::string_view kDotnetResponse = "cluster.gossip.GossipResponse";
}  // namespace gossip_name

// Keys that the node writes or looks at. Go wrote its heartbeats under a misspelt key until 2025; each version looks at its own.
namespace gossip_key {
inline constexpr const char* kHeartbeat = "heartbeat";
inline constexpr const char* kHeartbeatOf2024 = "heathbeat";
inline constexpr const char* kLeft = "left";
inline constexpr const char* kDotnetLeft = "cluster:left";
inline constexpr const char* kTopology = "topology";
}  // namespace gossip_key

// A request to the member `receiver`, whose own id it has: Go would take another id for one whose state it has been told.
std::string encode_gossip(const GossipState& state, const std::string& receiver);
// Of a request or a response. Nothing when the bytes are none.
std::optional<GossipState> decode_gossip(std::string_view data);

GossipContent heartbeat_content();
GossipContent left_content();
// The ids of the members in a topology; nothing when it is none.
std::optional<std::vector<std::string>> topology_members(const GossipContent& content);

}  // namespace nexus::cluster
