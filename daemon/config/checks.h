// Rules that concern more than one value of a configuration. Pure; any thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "daemon/config/node_config.h"
#include "daemon/config/problems.h"

namespace nexus::daemon {

// Which keys a text sets, and where; keys it does not set have their defaults.
struct KeyPlaces {
  std::map<std::string, Position, std::less<>> at;
  // Keys whose value could not be used. No rule that involves them is checked: its outcome would
  // say nothing.
  std::set<std::string, std::less<>> unusable;
};

// C1  core.ask_timeout_default <= core.ask_timeout_max
// C2  remote.reconnect_min <= remote.reconnect_max
// C3  remote.batch_bytes_max <= remote.message_bytes_max <= remote.queue_bytes_max
// C4  node.listen is a loopback address unless security.insecure or TLS is on
// C5  node.listen is no wildcard unless node.advertise is set; node.advertise is never one
// C6  2 remote.ping_interval <= remote.ping_timeout
// C7  remote.blocked_members are at most remote.blocked_count_max
// C8  of security.tls_certificate, tls_key and tls_ca all are set or none; without them tls_mutual and tls_peer_name
//     are not changed
// C9  remote.inbound_watch_count_max <= remote.queue_reserve_count_max
// C10 cluster.static_quorum is set if and only if cluster.partition_policy is static-quorum
// C11 cluster.compat.protoactor.listen and hosts are both set or none, listen with a port; without them refresh is not changed;
//     hosts are at most remote.peer_count_max
// C14 cluster.bootstrap_expect and cluster.static_quorum are at most 1 without seeds
// Adds one problem for each broken rule, at the first of its keys that the text sets.
void check_rules(const NodeConfig& config, const KeyPlaces& places, Problems& problems);

}  // namespace nexus::daemon
