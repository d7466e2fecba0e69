#include "daemon/config/checks.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "core/base/escape.h"
#include "daemon/config/units.h"

namespace nexus::daemon {

namespace {

class Rules {
 public:
  Rules(const KeyPlaces& places, Problems& problems) : places_(places), problems_(problems) {}

  // `keys`: what the rule involves; the problem is reported at the first one that the text sets.
  void require(bool holds, std::initializer_list<std::string_view> keys, std::string what) {
    if (holds || !usable(keys)) return;
    for (const std::string_view key : keys)
      if (report_at(key, what)) return;
    problems_.add({}, std::string(*keys.begin()), std::move(what));
  }

  // `why`: what would go wrong; may be empty.
  void require_ordered(std::string_view low, const std::string& low_value, std::string_view high,
                       const std::string& high_value, bool holds, std::string_view why = {}) {
    if (holds || !usable({low, high})) return;
    const auto message = [&](const std::string& value, std::string_view relation,
                             std::string_view other, const std::string& other_value) {
      return value + std::string(relation) + std::string(other) + " (" + other_value + ")" +
             std::string(why);
    };
    if (report_at(low, message(low_value, " is above ", high, high_value))) return;
    const std::string below = message(high_value, " is below ", low, low_value);
    if (!report_at(high, below)) problems_.add({}, std::string(high), below);
  }

 private:
  bool usable(std::initializer_list<std::string_view> keys) const {
    return std::none_of(keys.begin(), keys.end(),
                        [&](std::string_view key) { return places_.unusable.contains(key); });
  }

  // False when the text does not set the key.
  bool report_at(std::string_view key, const std::string& what) {
    const auto place = places_.at.find(key);
    if (place == places_.at.end()) return false;
    problems_.add(place->second, std::string(key), what);
    return true;
  }

  const KeyPlaces& places_;
  Problems& problems_;
};

void check_tls_rules(Rules& rules, const SecuritySection& security) {
  const std::pair<std::string_view, const FilePath&> files[] = {
      {"security.tls_certificate", security.tls_certificate},
      {"security.tls_key", security.tls_key},
      {"security.tls_ca", security.tls_ca}};
  const auto given = std::find_if(std::begin(files), std::end(files),
                                  [](const auto& file) { return !file.second.text.empty(); });
  if (given != std::end(files)) {
    for (const auto& [key, path] : files) {
      rules.require(!path.text.empty(), {given->first, key},
                    "needs " + std::string(key) +
                        ": TLS takes a certificate, its key and the certificates of the "
                        "authorities");
    }
    return;
  }
  constexpr const char* kNoEffect = "has no effect without security.tls_certificate";
  rules.require(security.tls_mutual, {"security.tls_mutual"}, kNoEffect);
  rules.require(security.tls_peer_name.empty(), {"security.tls_peer_name"}, kNoEffect);
}

void check_protoactor_rules(Rules& rules, const ProtoactorSection& protoactor) {
  constexpr std::string_view kListen = "cluster.compat.protoactor.listen";
  constexpr std::string_view kHosts = "cluster.compat.protoactor.hosts";
  constexpr const char* kNoEffect = "has no effect without cluster.compat.protoactor.listen";
  rules.require(!protoactor.is_on() || protoactor.listen.port != 0, {kListen},
                "needs a port other than 0: the others are told in advance where to ask");
  rules.require(!protoactor.is_on() || !protoactor.hosts.empty(), {kListen, kHosts},
                "needs cluster.compat.protoactor.hosts: the nodes that it is to ask");
  rules.require(protoactor.is_on() || protoactor.hosts.empty(), {kHosts, kListen}, kNoEffect);
  rules.require(protoactor.is_on() || protoactor.refresh == ProtoactorSection{}.refresh,
                {"cluster.compat.protoactor.refresh"}, kNoEffect);
}

}  // namespace

void check_rules(const NodeConfig& config, const KeyPlaces& places, Problems& problems) {
  Rules rules(places, problems);

  const CoreSection& runtime = config.core;
  rules.require_ordered("core.ask_timeout_default", format_duration(runtime.ask_timeout_default),
                        "core.ask_timeout_max", format_duration(runtime.ask_timeout_max),
                        runtime.ask_timeout_default <= runtime.ask_timeout_max);

  const RemoteSection& remote = config.remote;
  rules.require_ordered("remote.reconnect_min", format_duration(remote.reconnect_min),
                        "remote.reconnect_max", format_duration(remote.reconnect_max),
                        remote.reconnect_min <= remote.reconnect_max);
  rules.require_ordered("remote.message_bytes_max", format_bytes(remote.message_bytes_max),
                        "remote.queue_bytes_max", format_bytes(remote.queue_bytes_max),
                        remote.message_bytes_max <= remote.queue_bytes_max,
                        "; the largest message could never wait");
  rules.require_ordered(
      "remote.inbound_watch_count_max", std::to_string(remote.inbound_watch_count_max),
      "remote.queue_reserve_count_max", std::to_string(remote.queue_reserve_count_max),
      remote.inbound_watch_count_max <= remote.queue_reserve_count_max,
      "; the end of all those actors must be able to wait");
  rules.require(2 * remote.ping_interval <= remote.ping_timeout,
                {"remote.ping_timeout", "remote.ping_interval"},
                "remote.ping_timeout (" + format_duration(remote.ping_timeout) +
                    ") is less than twice remote.ping_interval (" +
                    format_duration(remote.ping_interval) +
                    "); a peer must have the time to answer");

  rules.require(remote.pressure_high_percent < remote.pressure_critical_percent,
                {"remote.pressure_high_percent", "remote.pressure_critical_percent"},
                "pressure must be high (" + std::to_string(remote.pressure_high_percent) +
                    " percent) before it is critical (" +
                    std::to_string(remote.pressure_critical_percent) + " percent)");
  rules.require(remote.blocked_members.size() <= remote.blocked_count_max,
                {"remote.blocked_members", "remote.blocked_count_max"},
                std::to_string(remote.blocked_members.size()) +
                    " members are more than remote.blocked_count_max (" +
                    std::to_string(remote.blocked_count_max) + ")");

  const bool by_number =
      config.cluster.partition_policy == cluster::PartitionPolicy::Kind::static_quorum;
  rules.require(by_number || config.cluster.static_quorum == 0,
                {"cluster.static_quorum", "cluster.partition_policy"},
                "has no effect without cluster.partition_policy: static-quorum");
  rules.require(!by_number || config.cluster.static_quorum > 0,
                {"cluster.partition_policy", "cluster.static_quorum"},
                "needs cluster.static_quorum: the members that a part of the cluster must have");

  const ClusterSection& cluster = config.cluster;
  rules.require(!cluster.finds_seeds() || cluster.bootstrap_expect >= 2,
                {cluster.seeds_dns.empty() ? "cluster.seeds_file" : "cluster.seeds_dns",
                 "cluster.bootstrap_expect"},
                "needs cluster.bootstrap_expect of at least 2: who the seeds are may be known only "
                "in part when the first nodes start");
  const bool has_seeds = !cluster.seeds.empty() || cluster.finds_seeds();
  constexpr const char* kNeedsSeeds =
      "needs cluster.seeds: this node alone founds no cluster of more, and knows nobody to ask";
  rules.require(has_seeds || cluster.bootstrap_expect <= 1,
                {"cluster.bootstrap_expect", "cluster.seeds"}, kNeedsSeeds);
  rules.require(has_seeds || cluster.static_quorum <= 1, {"cluster.static_quorum", "cluster.seeds"},
                kNeedsSeeds);
  check_protoactor_rules(rules, config.cluster.protoactor);
  rules.require(config.cluster.protoactor.hosts.size() <= remote.peer_count_max,
                {"cluster.compat.protoactor.hosts", "remote.peer_count_max"},
                std::to_string(config.cluster.protoactor.hosts.size()) +
                    " hosts are more than remote.peer_count_max (" +
                    std::to_string(remote.peer_count_max) + ")");

  const NodeSection& node = config.node;
  rules.require(node.admin_socket.text.size() <= kSocketPathBytesMax, {"node.admin_socket"},
                "the path of a socket has at most " + std::to_string(kSocketPathBytesMax) +
                    " bytes, and this one has " + std::to_string(node.admin_socket.text.size()));
  const SecuritySection& security = config.security;
  rules.require(is_loopback(node.listen.host) || security.insecure || security.has_tls(),
                {"node.listen", "security.insecure"},
                core::quoted(node.listen.to_string()) +
                    " can be reached from other machines, and the node neither encrypts nor asks "
                    "who is calling; set security.tls_certificate, tls_key and tls_ca, or "
                    "listen on 127.0.0.1, or accept this with security.insecure: true");
  check_tls_rules(rules, security);
  rules.require(!is_wildcard(node.listen.host) || !node.advertise.empty(),
                {"node.listen", "node.advertise"},
                core::quoted(node.listen.to_string()) +
                    " means every interface, which is no address to reach the node at; set "
                    "node.advertise to the "
                    "host:port that others use");
  rules.require(!is_wildcard(node.advertise.host), {"node.advertise"},
                core::quoted(node.advertise.to_string()) +
                    " means every interface; write the host:port that others use");
}

}  // namespace nexus::daemon
