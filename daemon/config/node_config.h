// NodeConfig: everything a node is told when it starts, as plain values. The defaults here are the
// defaults; ranges, units and meanings are in option_table.cc, which is what the reference page
// shows.
//
// A NodeConfig from load_config() is complete and consistent; one made by hand (tests, embedding)
// is up to its maker.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cluster/agreement/partition_policy.h"
#include "core/base/log.h"
#include "daemon/config/host_port.h"

namespace nexus::daemon {

// The name of a file, as it was written; relative to where the node was started.
struct FilePath {
  std::string text{};

  bool operator==(const FilePath&) const = default;
};

// Of the path of a socket; the system allows no more.
inline constexpr std::size_t kSocketPathBytesMax = 107;

struct NodeSection {
  // Empty until loaded: the loader puts the host's name here.
  std::string name{};
  HostPort listen{"127.0.0.1", 7701};
  // Empty: as `listen`. See advertised_address().
  HostPort advertise{};
  std::chrono::milliseconds shutdown_timeout{25'000};
  // Empty: none.
  FilePath admin_socket{};

  bool operator==(const NodeSection&) const = default;
};

struct LogSection {
  core::LogLevel level = core::LogLevel::info;
  core::LogFormat format = core::LogFormat::text;

  bool operator==(const LogSection&) const = default;
};

struct CoreSection {
  // 0: one per processor.
  std::uint32_t workers = 0;
  std::uint32_t throughput = 300;
  std::uint32_t spin_us = 50;
  std::uint32_t mailbox_user_count_max = 1'000'000;
  std::uint32_t actor_count_max = 10'000'000;
  std::chrono::milliseconds ask_timeout_default{5'000};
  std::chrono::milliseconds ask_timeout_max{300'000};

  bool operator==(const CoreSection&) const = default;
};

struct RemoteSection {
  std::uint64_t message_bytes_max = 4 * 1024 * 1024;
  std::uint32_t batch_count_max = 1'000;
  std::uint64_t batch_bytes_max = 3'500'000;
  std::uint32_t queue_count_max = 100'000;
  std::uint64_t queue_bytes_max = 64 * 1024 * 1024;
  std::uint32_t queue_reserve_count_max = 200'000;
  std::uint64_t queue_reserve_bytes_max = 64 * 1024 * 1024;
  std::uint32_t inbound_watch_count_max = 100'000;
  std::uint32_t pressure_high_percent = 60;
  std::uint32_t pressure_critical_percent = 85;
  std::uint32_t peer_count_max = 1'024;
  std::uint32_t hearsay_peer_count_max = 64;
  std::chrono::milliseconds reconnect_min{200};
  std::chrono::milliseconds reconnect_max{5'000};
  std::chrono::milliseconds unreachable_after{3'000};
  std::uint64_t credit_bytes = 16 * 1024 * 1024;
  std::chrono::milliseconds ack_delay{10};
  std::chrono::milliseconds ping_interval{1'000};
  std::chrono::milliseconds ping_timeout{5'000};
  std::uint32_t diagnostics_count_max = 10'000;
  std::vector<std::string> blocked_members{};
  std::uint32_t blocked_count_max = 1'024;
  bool accept_block_lists = false;

  bool operator==(const RemoteSection&) const = default;
};

// How the node takes part in a cluster of Proto.Actor nodes that find each other by asking for `/_health`.
struct ProtoactorSection {
  // Empty: not at all, and the following mean nothing.
  HostPort listen{};
  std::vector<HostPort> hosts{};
  std::chrono::milliseconds refresh{2'000};

  bool is_on() const { return !listen.empty(); }

  bool operator==(const ProtoactorSection&) const = default;
};

struct ClusterSection {
  std::string name = "nexus";
  std::vector<HostPort> seeds{};
  // Names that stand for the addresses of several nodes.
  std::vector<HostPort> seeds_dns{};
  // Empty: none.
  FilePath seeds_file{};
  // 0: those at more than half of the seeds.
  std::uint32_t bootstrap_expect = 0;
  cluster::PartitionPolicy::Kind partition_policy = cluster::PartitionPolicy::Kind::keep_majority;
  // 0: not set.
  std::uint32_t static_quorum = 0;
  std::string zone{};
  ProtoactorSection protoactor{};

  bool finds_seeds() const { return !seeds_dns.empty() || !seeds_file.text.empty(); }

  bool operator==(const ClusterSection&) const = default;
};

struct SecuritySection {
  bool insecure = false;
  // Empty: no TLS, and the following mean nothing.
  FilePath tls_certificate{};
  FilePath tls_key{};
  FilePath tls_ca{};
  bool tls_mutual = true;
  // Empty: the host of the address that the peer is reached at.
  std::string tls_peer_name{};
  std::chrono::milliseconds tls_reload_interval{30'000};

  bool has_tls() const { return !tls_certificate.text.empty(); }

  bool operator==(const SecuritySection&) const = default;
};

struct KindConfig {
  bool enabled = true;
  // 0: as core.mailbox_user_count_max.
  std::uint32_t mailbox_user_count_max = 0;

  bool operator==(const KindConfig&) const = default;
};

struct NodeConfig {
  NodeSection node;
  LogSection log;
  CoreSection core;
  RemoteSection remote;
  ClusterSection cluster;
  SecuritySection security;
  // Only the kinds that the configuration mentions; the others have KindConfig's defaults.
  std::map<std::string, KindConfig, std::less<>> kinds;

  bool operator==(const NodeConfig&) const = default;
};

// The address that others reach the node at: `advertise`, or `listen` when that is empty; port 0
// becomes `bound_port`, the port that the node got when it began to listen.
HostPort advertised_address(const NodeSection& node, std::uint16_t bound_port);

}  // namespace nexus::daemon
