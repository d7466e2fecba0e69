#include "daemon/config/option_table.h"

#include <array>
#include <type_traits>
#include <vector>

#include "core/actor/cell_table.h"
#include "remote/queue_pressure.h"

namespace nexus::daemon {

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr std::uint64_t kSecond = 1'000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;

template <typename T>
constexpr OptionType type_of() {
  if constexpr (std::is_same_v<T, std::string>) return OptionType::name;
  if constexpr (std::is_same_v<T, HostPort>) return OptionType::address;
  if constexpr (std::is_same_v<T, FilePath>) return OptionType::file;
  if constexpr (std::is_same_v<T, std::vector<std::string>>) return OptionType::member_ids;
  if constexpr (std::is_same_v<T, std::vector<HostPort>>) return OptionType::addresses;
  if constexpr (std::is_same_v<T, cluster::PartitionPolicy::Kind>)
    return OptionType::partition_policy;
  if constexpr (std::is_same_v<T, milliseconds>) return OptionType::duration;
  if constexpr (std::is_same_v<T, std::uint64_t>) return OptionType::bytes;
  if constexpr (std::is_same_v<T, std::uint32_t>) return OptionType::count;
  if constexpr (std::is_same_v<T, bool>) return OptionType::flag;
  if constexpr (std::is_same_v<T, core::LogLevel>) return OptionType::log_level;
  if constexpr (std::is_same_v<T, core::LogFormat>) return OptionType::log_format;
}

// From the section to the value.
template <auto... Path>
NodeOption in_section(OptionSpec spec) {
  using T = std::remove_cvref_t<decltype((NodeConfig{}.*....*Path))>;
  spec.type = type_of<T>();
  return {spec,
          Member<NodeConfig, T>{[](NodeConfig& c) -> T& { return (c.*....*Path); },
                                [](const NodeConfig& c) -> const T& { return (c.*....*Path); }}};
}

template <auto Field>
KindOption in_kind(OptionSpec spec) {
  using T = std::remove_cvref_t<decltype(KindConfig{}.*Field)>;
  spec.type = type_of<T>();
  return {spec, Member<KindConfig, T>{[](KindConfig& c) -> T& { return c.*Field; },
                                      [](const KindConfig& c) -> const T& { return c.*Field; }}};
}

constexpr std::array<SectionSpec, 7> kSections = {{
    {"node", "Who this node is and where it is reached."},
    {"log", "What is written to standard error, one record a line."},
    {"core", "The actor runtime inside the node."},
    {"remote", "The links to other nodes."},
    {"cluster", "Which nodes belong together, and how they find each other."},
    {"security", "Who may talk to the node."},
    {"kinds",
     "Settings of single actor kinds, by the name that the binary registers them under. A kind "
     "that is not "
     "mentioned has the defaults; a name that the binary does not know is an error."},
}};

std::vector<NodeOption> make_node_options() {
  using N = NodeConfig;
  return {
      in_section<&N::node, &NodeSection::name>({.path = "node.name",
                                                .if_empty = "the host's name",
                                                .doc = "Name of the node in logs and metrics."}),
      in_section<&N::node, &NodeSection::listen>(
          {.path = "node.listen",
           .doc = "Address for peers and clients. Port 0 takes any free port. An address that "
                  "other machines can reach needs `security.tls_certificate`, or "
                  "`security.insecure: true`."}),
      in_section<&N::node, &NodeSection::advertise>(
          {.path = "node.advertise",
           .if_empty = "the same as `node.listen`",
           .doc = "Address that others reach the node at, where it differs from `node.listen`: "
                  "behind address "
                  "translation, or when listening on 0.0.0.0 or [::]. Port 0 means the port that "
                  "the node listens on."}),
      in_section<&N::node, &NodeSection::shutdown_timeout>(
          {.path = "node.shutdown_timeout",
           .min = kSecond,
           .max = 10 * kMinute,
           .doc = "Time that an orderly stop may take, all its phases together; then the node "
                  "exits anyway, with status 5. A service manager must wait longer "
                  "(TimeoutStopSec)."}),
      in_section<&N::node, &NodeSection::admin_socket>(
          {.path = "node.admin_socket",
           .if_empty = "no such socket",
           .doc = "Where `nexusctl join`, `leave` and `force-view` reach the node: a socket in the "
                  "file system that the node makes, for its own user and root only. Its folder "
                  "must be there."}),

      in_section<&N::log, &LogSection::level>(
          {.path = "log.level", .doc = "The least severe record that is written."}),
      in_section<&N::log, &LogSection::format>(
          {.path = "log.format", .doc = "`text` for people, `json` for log collectors."}),

      in_section<&N::core, &CoreSection::workers>(
          {.path = "core.workers",
           .unit = "threads",
           .min = 0,
           .max = 1024,
           .doc = "Threads that run actors; 0 means one per processor."}),
      in_section<&N::core, &CoreSection::throughput>(
          {.path = "core.throughput",
           .unit = "messages",
           .min = 1,
           .max = 100'000,
           .doc = "Messages that an actor handles before it yields its thread to the next actor."}),
      in_section<&N::core, &CoreSection::spin_us>(
          {.path = "core.spin_us",
           .unit = "microseconds",
           .min = 0,
           .max = 10'000,
           .doc = "How long a thread that has nothing to do looks around, with a processor of its "
                  "own, before it sleeps. Longer answers faster where messages are few and "
                  "processors many; shorter leaves processors to others."}),
      in_section<&N::core, &CoreSection::mailbox_user_count_max>(
          {.path = "core.mailbox_user_count_max",
           .unit = "messages",
           .min = 1,
           .max = 100'000'000,
           .doc = "User messages that may wait in one mailbox."}),
      in_section<&N::core, &CoreSection::actor_count_max>(
          {.path = "core.actor_count_max",
           .unit = "actors",
           .min = 2,
           .max = core::CellTable::kActorCountMax,
           .doc = "Actors alive in this node at once; the node itself has two."}),
      in_section<&N::core, &CoreSection::ask_timeout_default>(
          {.path = "core.ask_timeout_default",
           .min = 1,
           .max = kHour,
           .doc = "Time that a client's call waits for its answer when the client sets no "
                  "deadline. Actors name the time of each of their asks."}),
      in_section<&N::core, &CoreSection::ask_timeout_max>(
          {.path = "core.ask_timeout_max",
           .min = 1,
           .max = 24 * kHour,
           .doc = "Longest time that a client's call waits, whatever its deadline; at least "
                  "`core.ask_timeout_default`. Asks of actors are not cut."}),

      in_section<&N::remote, &RemoteSection::message_bytes_max>(
          {.path = "remote.message_bytes_max",
           .min = kKiB,
           .max = 64 * kMiB,
           .doc = "Largest message for an actor, with its headers. Every node of a "
                  "system should have the same."}),
      in_section<&N::remote, &RemoteSection::batch_count_max>(
          {.path = "remote.batch_count_max",
           .unit = "messages",
           .min = 1,
           .max = 10'000,
           .doc = "Actor messages in one batch."}),
      in_section<&N::remote, &RemoteSection::batch_bytes_max>(
          {.path = "remote.batch_bytes_max",
           .min = kKiB,
           .max = 64 * kMiB,
           .doc = "Size of one batch; a single larger message makes a batch of its own. "
                  "Proto.Actor peers in Go take at most 4 MiB."}),
      in_section<&N::remote, &RemoteSection::queue_count_max>(
          {.path = "remote.queue_count_max",
           .unit = "messages",
           .min = 1,
           .max = 10'000'000,
           .doc = "Messages that may wait for one peer."}),
      in_section<&N::remote, &RemoteSection::queue_bytes_max>(
          {.path = "remote.queue_bytes_max",
           .min = kKiB,
           .max = 16 * kGiB,
           .doc = "Bytes that may wait for one peer; at least `remote.message_bytes_max`."}),
      in_section<&N::remote, &RemoteSection::queue_reserve_count_max>(
          {.path = "remote.queue_reserve_count_max",
           .unit = "messages",
           .min = 1,
           .max = 10'000'000,
           .doc = "Messages that no full queue turns away (Terminated, PoisonPill, Stop, Unwatch) "
                  "that may wait for one peer beyond `remote.queue_count_max`. A peer that lets "
                  "more wait does not read: its link ends."}),
      in_section<&N::remote, &RemoteSection::queue_reserve_bytes_max>(
          {.path = "remote.queue_reserve_bytes_max",
           .min = kKiB,
           .max = 16 * kGiB,
           .doc = "The same for bytes, beyond `remote.queue_bytes_max`."}),
      in_section<&N::remote, &RemoteSection::inbound_watch_count_max>(
          {.path = "remote.inbound_watch_count_max",
           .unit = "watches",
           .min = 1,
           .max = 10'000'000,
           .doc = "Watches that the actors of one peer may have set on actors of this node; at "
                  "most `remote.queue_reserve_count_max`. One more is answered as if the link "
                  "had ended."}),
      in_section<&N::remote, &RemoteSection::pressure_high_percent>(
          {.path = "remote.pressure_high_percent",
           .unit = "percent",
           .min = remote::QueuePressure::kFallPercent + 1,
           .max = 99,
           .doc = "How full the queue for a peer is, in messages or bytes, when the pressure on it "
                  "is called high; until it is ten points less."}),
      in_section<&N::remote, &RemoteSection::pressure_critical_percent>(
          {.path = "remote.pressure_critical_percent",
           .unit = "percent",
           .min = remote::QueuePressure::kFallPercent + 2,
           .max = 100,
           .doc = "The same for critical; above `remote.pressure_high_percent`."}),
      in_section<&N::remote, &RemoteSection::peer_count_max>(
          {.path = "remote.peer_count_max",
           .unit = "peers",
           .min = 1,
           .max = 65'536,
           .doc = "Nodes, and clients that host actors, that the node keeps links to."}),
      in_section<&N::remote, &RemoteSection::hearsay_peer_count_max>(
          {.path = "remote.hearsay_peer_count_max",
           .unit = "peers",
           .min = 0,
           .max = 65'536,
           .doc = "Of these, links made because a peer has named watchers at addresses other than "
                  "its own, where nobody may be."}),
      in_section<&N::remote, &RemoteSection::reconnect_min>(
          {.path = "remote.reconnect_min",
           .min = 1,
           .max = kMinute,
           .doc = "Wait before a lost link is tried again; doubles with each failure."}),
      in_section<&N::remote, &RemoteSection::reconnect_max>(
          {.path = "remote.reconnect_max",
           .min = 1,
           .max = 10 * kMinute,
           .doc = "Longest wait between two tries; at least `remote.reconnect_min`."}),
      in_section<&N::remote, &RemoteSection::unreachable_after>(
          {.path = "remote.unreachable_after",
           .min = 100,
           .max = 10 * kMinute,
           .doc = "Time that a link may be down before the peer counts as gone: those who watch "
                  "its actors are told, "
                  "and what waits for it becomes dead letters."}),
      in_section<&N::remote, &RemoteSection::credit_bytes>(
          {.path = "remote.credit_bytes",
           .min = 64 * kKiB,
           .max = kGiB,
           .doc = "Bytes that a nexus peer may send before this node has acknowledged them; the "
                  "peer keeps them for so long."}),
      in_section<&N::remote, &RemoteSection::ack_delay>(
          {.path = "remote.ack_delay",
           .min = 1,
           .max = 1'000,
           .doc = "Longest time until what a nexus peer has sent is acknowledged."}),
      in_section<&N::remote, &RemoteSection::ping_interval>(
          {.path = "remote.ping_interval",
           .min = 10,
           .max = 10 * kMinute,
           .doc = "A nexus peer that has been silent for so long is asked for a word."}),
      in_section<&N::remote, &RemoteSection::ping_timeout>(
          {.path = "remote.ping_timeout",
           .min = 20,
           .max = 20 * kMinute,
           .doc = "A link to a nexus peer that stays silent for so long is broken off and dialled "
                  "again; at least twice `remote.ping_interval`."}),
      in_section<&N::remote, &RemoteSection::diagnostics_count_max>(
          {.path = "remote.diagnostics_count_max",
           .unit = "ids",
           .max = 100'000,
           .doc =
               "Actors and processes that one answer to `remote.Remoting/ListProcesses` names; 0 "
               "refuses that call and `GetProcessDiagnostics`."}),
      in_section<&N::remote, &RemoteSection::blocked_members>(
          {.path = "remote.blocked_members",
           .if_empty = "nobody",
           .doc = "Member ids of nodes that this node has no link to. A node has another id after "
                  "each start; the log of whoever connects to it shows it (`member=`)."}),
      in_section<&N::remote, &RemoteSection::blocked_count_max>(
          {.path = "remote.blocked_count_max",
           .unit = "members",
           .min = 0,
           .max = 65'536,
           .doc = "Members that may be blocked at once, those of `remote.blocked_members` among "
                  "them."}),
      in_section<&N::remote, &RemoteSection::accept_block_lists>(
          {.path = "remote.accept_block_lists",
           .doc = "Whether the node also blocks whom a connecting peer says to have blocked. Then "
                  "every peer can cut every other one off."}),

      in_section<&N::cluster, &ClusterSection::name>(
          {.path = "cluster.name",
           .doc = "Nodes of another name are refused. Every node of a cluster has the same."}),
      in_section<&N::cluster, &ClusterSection::seeds>(
          {.path = "cluster.seeds",
           .if_empty = "the node founds a cluster of its own, unless more nodes are expected",
           .doc = "Nodes to ask for the way into the cluster, by their `node.advertise`; a few "
                  "that are mostly up, the same list at every node, which may have the node "
                  "itself in it. They may start in any order. When none of them is in a cluster, "
                  "those at more than half of these addresses found one together."}),
      in_section<&N::cluster, &ClusterSection::seeds_dns>(
          {.path = "cluster.seeds_dns",
           .if_empty = "no such names",
           .doc = "Names with a port: every address that a name stands for is a seed, too. They "
                  "are looked up again every 2 s until the node is in a cluster, then every 30 s. "
                  "`node.advertise` must then be an address in numbers. Needs "
                  "`cluster.bootstrap_expect`."}),
      in_section<&N::cluster, &ClusterSection::seeds_file>(
          {.path = "cluster.seeds_file",
           .if_empty = "no such file",
           .doc = "A file with more seeds, one `host:port` a line, # before remarks; read again as "
                  "often as `cluster.seeds_dns`. Needs `cluster.bootstrap_expect`."}),
      in_section<&N::cluster, &ClusterSection::bootstrap_expect>(
          {.path = "cluster.bootstrap_expect",
           .unit = "nodes",
           .min = 0,
           .max = 1'024,
           .doc = "Nodes that must be there before a new cluster is founded, if that is more than "
                  "half of `cluster.seeds`; 0 asks for no more, and more than one needs seeds. "
                  "When names or a file say who the "
                  "seeds are, at least 2: more than half of the nodes that there will be, so that "
                  "no two clusters are founded."}),
      in_section<&N::cluster, &ClusterSection::partition_policy>(
          {.path = "cluster.partition_policy",
           .doc = "Which part of a cluster that is cut apart may go on without the others: the "
                  "majority, one with at least `cluster.static_quorum` members, the one with the "
                  "oldest member, or, with `none`, each by itself. The other parts freeze until "
                  "they hear the rest again. Every node of a cluster has the same."}),
      in_section<&N::cluster, &ClusterSection::static_quorum>(
          {.path = "cluster.static_quorum",
           .unit = "members",
           .min = 0,
           .max = 1'024,
           .doc = "Of `cluster.partition_policy: static-quorum`, and only then set: the members "
                  "that a part needs to go on, and so many found a cluster. It takes in no more "
                  "than twice this, less one."}),
      in_section<&N::cluster, &ClusterSection::zone>(
          {.path = "cluster.zone",
           .if_empty = "not said",
           .doc = "Where the node runs, for people and programs that ask."}),
      in_section<&N::cluster, &ClusterSection::protoactor, &ProtoactorSection::listen>(
          {.path = "cluster.compat.protoactor.listen",
           .if_empty = "the node is in no such cluster",
           .doc = "Makes the node a member of a cluster of Proto.Actor nodes in Go that use the "
                  "automanaged provider, besides its own: at this address it answers "
                  "`GET /_health` in plain HTTP to whoever asks, saying who it is. The name of "
                  "that cluster is `cluster.name`. `docs/interop.md` has what works."}),
      in_section<&N::cluster, &ClusterSection::protoactor, &ProtoactorSection::hosts>(
          {.path = "cluster.compat.protoactor.hosts",
           .if_empty = "nobody is asked",
           .doc = "Where the nodes of that cluster answer `/_health`: the list that they are "
                  "given, which may have the node itself in it. Needed with "
                  "`cluster.compat.protoactor.listen`."}),
      in_section<&N::cluster, &ClusterSection::protoactor, &ProtoactorSection::refresh>(
          {.path = "cluster.compat.protoactor.refresh",
           .min = 100,
           .max = kMinute,
           .doc = "Wait between two rounds of asking them. What does not answer in three rounds "
                  "in a row is no member any more."}),

      in_section<&N::security, &SecuritySection::insecure>(
          {.path = "security.insecure",
           .doc = "Allows a `node.listen` beyond this machine although the node neither encrypts "
                  "nor asks who is "
                  "calling: whoever reaches the port controls the node. Not needed with "
                  "`security.tls_certificate`."}),
      in_section<&N::security, &SecuritySection::tls_certificate>(
          {.path = "security.tls_certificate",
           .if_empty = "no TLS",
           .doc = "The node's certificate, followed by those between it and an authority of "
                  "`security.tls_ca`. With it peers and clients are talked to in TLS 1.2 or 1.3 "
                  "only. Its subjectAltName must have `security.tls_peer_name` or, when that is "
                  "empty, the host of `node.advertise`."}),
      in_section<&N::security, &SecuritySection::tls_key>(
          {.path = "security.tls_key",
           .if_empty = "no TLS",
           .doc = "The private key of `security.tls_certificate`, without a passphrase."}),
      in_section<&N::security, &SecuritySection::tls_ca>(
          {.path = "security.tls_ca",
           .if_empty = "no TLS",
           .doc = "Certificates of the authorities: the node takes certificates that they signed, "
                  "and no others. Public authorities do not belong here, because whoever has a "
                  "certificate of one of these may call."}),
      in_section<&N::security, &SecuritySection::tls_mutual>(
          {.path = "security.tls_mutual",
           .doc = "Whether peers and clients must show a certificate of `security.tls_ca`; a peer "
                  "is then taken only as the address that its certificate is made out to. With "
                  "`false` whoever reaches the port controls the node, as without TLS."}),
      in_section<&N::security, &SecuritySection::tls_peer_name>(
          {.path = "security.tls_peer_name",
           .if_empty = "the host of the peer's address",
           .doc = "The DNS name that the certificate of every node must have, for nodes whose "
                  "addresses are not known when their certificates are made. Not for "
                  "certificates of clients."}),
      in_section<&N::security, &SecuritySection::tls_reload_interval>(
          {.path = "security.tls_reload_interval",
           .min = 100,
           .max = 24 * kHour,
           .doc = "How often the three files are looked at for new contents, which connections "
                  "that begin afterwards use. What cannot be used is logged, and changes "
                  "nothing."}),
  };
}

std::vector<KindOption> make_kind_options() {
  return {
      in_kind<&KindConfig::enabled>(
          {.path = "kinds.<kind>.enabled", .doc = "Whether the node spawns actors of this kind."}),
      in_kind<&KindConfig::mailbox_user_count_max>(
          {.path = "kinds.<kind>.mailbox_user_count_max",
           .unit = "messages",
           .min = 0,
           .max = 100'000'000,
           .doc = "User messages that may wait in one mailbox of this kind; 0 means "
                  "`core.mailbox_user_count_max`."}),
  };
}

}  // namespace

std::span<const SectionSpec> sections() { return kSections; }

std::span<const NodeOption> node_options() {
  static const std::vector<NodeOption> options = make_node_options();
  return options;
}

std::span<const KindOption> kind_options() {
  static const std::vector<KindOption> options = make_kind_options();
  return options;
}

}  // namespace nexus::daemon
