#include "daemon/node.h"

#include "cluster/cluster.h"
#include "cluster/compat/protoactor_family.h"
#include "cluster/view/digest.h"
#include "daemon/actor_door.h"
#include "daemon/builtin_kinds.h"
#include "daemon/grpc_actor_service.h"
#include "daemon/grpc_admin_service.h"
#include "daemon/grpc_admin_socket.h"
#include "daemon/grpc_cluster_service.h"
#include "daemon/grpc_server.h"
#include "daemon/http_health.h"
#include "daemon/seed_finder.h"
#include "daemon/tls_files.h"
#include "daemon/tls_reloader.h"
#include "daemon/version.h"
#include "remote/remote.h"

namespace nexus::daemon {
namespace {

core::ActorSystem::Options system_options(const NodeConfig& config, const std::string& address) {
  core::ActorSystem::Options options;
  options.address = address;
  options.worker_count = config.core.workers;
  options.throughput = config.core.throughput;
  options.spin = std::chrono::microseconds(config.core.spin_us);
  options.mailbox_user_count_max = config.core.mailbox_user_count_max;
  options.cells.actor_count_max = config.core.actor_count_max;
  options.log =
      core::Log({.level = config.log.level, .format = config.log.format, .node = config.node.name});
  return options;
}

remote::Options remote_options(const RemoteSection& section) {
  return {.message_bytes_max = section.message_bytes_max,
          .batch_count_max = section.batch_count_max,
          .batch_bytes_max = section.batch_bytes_max,
          .queue_count_max = section.queue_count_max,
          .queue_bytes_max = section.queue_bytes_max,
          .queue_reserve_count_max = section.queue_reserve_count_max,
          .queue_reserve_bytes_max = section.queue_reserve_bytes_max,
          .inbound_watch_count_max = section.inbound_watch_count_max,
          .pressure_high_percent = section.pressure_high_percent,
          .pressure_critical_percent = section.pressure_critical_percent,
          .peer_count_max = section.peer_count_max,
          .hearsay_peer_count_max = section.hearsay_peer_count_max,
          .reconnect_min = section.reconnect_min,
          .reconnect_max = section.reconnect_max,
          .unreachable_after = section.unreachable_after,
          .credit_bytes = section.credit_bytes,
          .ack_delay = section.ack_delay,
          .ping_interval = section.ping_interval,
          .ping_timeout = section.ping_timeout,
          .diagnostics_count_max = section.diagnostics_count_max,
          .blocked_members = section.blocked_members,
          .blocked_count_max = section.blocked_count_max,
          .accept_block_lists = section.accept_block_lists};
}

cluster::Cluster::Options cluster_options(const NodeConfig& config, const Kinds& kinds,
                                          const std::string& address, const cluster::MemberId& id) {
  const ClusterSection& section = config.cluster;
  cluster::Cluster::Options options;
  cluster::MembershipOptions& membership = options.membership;
  cluster::PartitionPolicy& policy = membership.agreement.policy;
  policy.kind = section.partition_policy;
  policy.quorum = std::max<std::size_t>(1, section.static_quorum);
  membership.admission.view_size_max = policy.view_size_max();
  // A smaller one could take in nobody.
  const bool by_number = policy.kind == cluster::PartitionPolicy::Kind::static_quorum;
  membership.bootstrap.expect =
      std::max<std::size_t>(section.bootstrap_expect, by_number ? policy.quorum : 0);
  membership.bootstrap.members_max = policy.view_size_max();
  membership.compatibility.cluster = section.name;
  // What all members must decide alike.
  membership.compatibility.settings = cluster::Digest()
                                          .add(static_cast<std::uint64_t>(policy.kind))
                                          .add(policy.quorum)
                                          .add(membership.rings.k)
                                          .add(membership.rings.all_to_all_max)
                                          .value();
  options.self = {.id = id, .address = address, .version = kVersion, .zone = section.zone};
  for (const auto& [name, kind] : kinds.all()) {
    const auto found = config.kinds.find(name);
    if (found == config.kinds.end() || found->second.enabled) options.self.kinds.push_back(name);
  }
  for (const HostPort& seed : section.seeds) options.seeds.push_back(seed.to_string());
  return options;
}

// What the node shows and whom it trusts, from the files; and until when it is good.
struct Tls {
  std::shared_ptr<remote::TlsIdentity> identity;
  WallTime expires_at{};
};

constexpr core::Duration kLeavePatience = std::chrono::seconds(2);

// Empty when the configuration has no TLS.
core::Result<Tls> load_tls(const NodeConfig& config, const std::string& own_host) {
  const SecuritySection& section = config.security;
  if (!section.has_tls()) return Tls{};
  std::vector<KeyProblem> problems;
  remote::TlsMaterial material = read_tls_files(section, problems);
  Tls tls;
  if (problems.empty()) {
    tls.expires_at = check_tls_material(material, section, own_host, problems);
  }
  if (!problems.empty()) return core::Error{core::Errc::invalid_argument, text_of(problems)};
  tls.identity = std::make_shared<remote::TlsIdentity>(
      remote::TlsIdentity::Options{.mutual = section.tls_mutual,
                                   .peer_name = section.tls_peer_name},
      std::move(material));
  return tls;
}

}  // namespace

// What exists while the node runs, in the order in which it is built.
struct Node::Running {
  Running(const NodeConfig& node_config, const Kinds& kinds, const std::string& address,
          const cluster::MemberId& member_id, std::shared_ptr<remote::TlsIdentity> identity,
          const std::function<void()>& leave)
      : config(node_config),
        tls(std::move(identity)),
        system(system_options(config, address)),
        remote(remote_options(config.remote), system, member_id.to_string(), tls),
        cluster(cluster_options(config, kinds, address, member_id), system, remote, tls),
        door(system, kinds, config,
             [this](const std::string& peer) { return remote.endpoints().is_connected(peer); }),
        actor_service(system, door, tls),
        cluster_service({}, cluster, address),
        admin_service(cluster, address, system.log(), leave) {}

  const NodeConfig config;
  // Null without TLS.
  const std::shared_ptr<remote::TlsIdentity> tls;
  core::ActorSystem system;
  remote::Remote remote;
  cluster::Cluster cluster;
  ActorDoor door;
  GrpcActorService actor_service;
  GrpcClusterService cluster_service;
  GrpcAdminService admin_service;
  GrpcServer server;
  GrpcAdminSocket admin_socket;
  std::unique_ptr<TlsReloader> tls_reloader;
  std::unique_ptr<SeedFinder> seed_finder;
  // Null unless cluster.compat.protoactor is on.
  std::unique_ptr<cluster::ProtoactorFamily> family;
  std::unique_ptr<HttpHealth> health;
};

core::Status Node::prepare_family(Running& running, const HostPort& advertised,
                                  const std::string& member_id) {
  const ProtoactorSection& section = running.config.cluster.protoactor;
  if (!section.is_on()) return core::Nothing{};
  const bool is_v6 = advertised.host.find(':') != std::string::npos;
  const cluster::NodeHealth self = {.id = member_id,
                                    .host = is_v6 ? "[" + advertised.host + "]" : advertised.host,
                                    .port = advertised.port,
                                    .health_port = section.listen.port,
                                    .cluster = running.config.cluster.name};
  std::vector<std::string> hosts;
  for (const HostPort& host : section.hosts) hosts.push_back(host.to_string());
  running.family = std::make_unique<cluster::ProtoactorFamily>(
      cluster::ProtoactorFamily::Options{.self = self, .hosts = std::move(hosts)}, running.system);
  running.health = std::make_unique<HttpHealth>(
      HttpHealthServer::Options{.listen = section.listen, .body = cluster::to_json(self)},
      HttpHealthPoller::Options{.hosts = section.hosts, .refresh = section.refresh},
      [family = running.family.get()](const auto& bodies) { family->on_polled(bodies); });
  const core::Status started = running.family->start();
  return started.ok() ? running.health->listen() : started;
}

void Node::watch_tls(Running& running, const std::string& own_host,
                     std::chrono::system_clock::time_point expires_at) {
  const SecuritySection& section = running.config.security;
  running.system.log().info("certificate in use", {{"file", section.tls_certificate.text},
                                                   {"expires", utc_text(expires_at)}});
  if (!section.tls_mutual) {
    running.system.log().warn(
        "nobody is asked for a certificate: whoever reaches the port controls the node",
        {{"key", "security.tls_mutual"}});
  }
  running.tls_reloader = std::make_unique<TlsReloader>(
      TlsReloader::Options{.files = section, .own_host = own_host, .expires_at = expires_at},
      *running.tls, running.system.log());
}

void Node::find_seeds(Running& running) {
  const ClusterSection& section = running.config.cluster;
  const auto found = [&running](std::vector<std::string> seeds) {
    const std::string& own = running.system.address();
    if (std::find(seeds.begin(), seeds.end(), own) == seeds.end()) {
      running.system.log().warn(
          "this node's own address is not among the seeds: it can join a cluster, and founds none",
          {{"address", own}, {"key", "node.advertise"}});
    }
    // It is refused to a node that is stopping.
    (void)running.cluster.set_seeds(std::move(seeds));
  };
  running.seed_finder = std::make_unique<SeedFinder>(
      SeedFinder::Options{
          .seeds = section.seeds, .names = section.seeds_dns, .file = section.seeds_file},
      found, [&running] { return running.cluster.view() != nullptr; }, running.system.log());
}

Node::Node() { add_builtin_kinds(kinds_); }

Node::~Node() {
  if (running_ == nullptr) return;
  if (!stop_missed_) (void)stop();
  // A turn that is still running may use all that stands above the runtime.
  if (running_ != nullptr) (void)running_->system.stop_dispatchers(core::Instant::max());
}

Kind& Node::add_kind(const std::string& name, core::Props props, const std::string& description) {
  CHECK(core::ActorSystem::check_name(name).ok());
  CHECK(running_ == nullptr);
  return kinds_.add(name, std::move(props), description);
}

core::Status Node::start(const NodeConfig& config) {
  CHECK(running_ == nullptr);
  HostPort listen = config.node.listen;
  if (listen.port == 0) {
    const auto port = find_free_port(listen.host);
    if (!port.ok()) return port.error();
    listen.port = *port;
  }
  const HostPort advertised = advertised_address(config.node, listen.port);
  const std::string address = advertised.to_string();
  core::Result<Tls> tls = load_tls(config, advertised.host);
  if (!tls.ok()) return tls.error();
  const auto member_id = cluster::MemberId::random();
  auto running =
      std::make_unique<Running>(config, kinds_, address, member_id, tls->identity, leave_);
  for (const auto& [name, kind] : kinds_.all()) {
    for (const core::MessageType* type : kind.accepted()) running->remote.types().add(*type);
  }
  for (const core::MessageType* type : messages_) running->remote.types().add(*type);
  core::Status activator = running->remote.start_activator(
      [door = &running->door](const std::string& kind,
                              const std::string& name) -> core::Result<core::Pid> {
        const auto spawned = door->spawn(kind, name, false);
        if (!spawned.ok()) return spawned.error();
        return spawned->pid;
      });
  if (!activator.ok()) return activator.error();
  core::Status prepared = prepare_family(*running, advertised, member_id.to_string());
  if (!prepared.ok()) return prepared;
  running->cluster.observe_status([server = &running->server](cluster::Cluster::Status status) {
    server->set_ready(status == cluster::Cluster::Status::member);
  });
  core::Status listening = running->server.start(
      listen, running->remote, running->cluster,
      {&running->actor_service.service(), &running->cluster_service.service()}, running->tls);
  if (!listening.ok()) return listening;
  if (!config.node.admin_socket.text.empty()) {
    const core::Status socket =
        running->admin_socket.start(config.node.admin_socket, running->admin_service.service());
    if (!socket.ok()) {
      running->server.shutdown(running->system.clock().now());
      return socket;
    }
  }
  running_ = std::move(running);
  running_->system.log().info("node serves", {{"address", address},
                                              {"listen", listen.to_string()},
                                              {"workers", running_->system.options().worker_count},
                                              {"tls", tls->identity != nullptr}});
  running_->cluster_service.start();
  running_->admin_service.start();
  running_->cluster.start();
  if (config.cluster.finds_seeds()) find_seeds(*running_);
  if (running_->health != nullptr) running_->health->start();
  if (tls->identity != nullptr) watch_tls(*running_, advertised.host, tls->expires_at);
  return core::Nothing{};
}

bool Node::stop() {
  CHECK(running_ != nullptr && !stop_missed_);
  core::ActorSystem& system = running_->system;
  const core::Log& log = system.log();
  const core::Instant begin = system.clock().now();
  const core::Duration timeout = running_->config.node.shutdown_timeout;
  const core::Instant deadline = begin + timeout;
  const auto left = [&] {
    return std::max(core::Duration::zero(), deadline - system.clock().now());
  };

  running_->seed_finder.reset();
  log.info("stopping: leaving the cluster");
  running_->cluster_service.end();
  const core::Duration patience = std::min<core::Duration>(timeout / 8, kLeavePatience);
  if (running_->family != nullptr) running_->family->begin_leave(patience);
  const bool agreed = running_->cluster.leave(patience);
  if (!agreed) {
    log.warn("stopping: the cluster has not agreed that this node goes; it will miss it");
  }
  running_->admin_service.left(agreed);
  if (running_->family != nullptr) {
    if (!running_->family->await_left()) {
      log.warn("stopping: not every Proto.Actor node was told that this node goes");
    }
    running_->health->stop();
  }
  log.info("stopping: no new calls");
  running_->server.set_serving(false);
  running_->door.drain();
  // Calls that wait for a slow actor must not use up the time of all that follows.
  const bool answered = running_->actor_service.drain(begin + timeout / 4);
  if (!answered) log.warn("stopping: some calls were not answered in time, they get UNAVAILABLE");

  log.info("stopping: actors");
  const bool stopped = system.stop_actors(left() / 2);
  if (!stopped) {
    log.error("stopping: some actors have not stopped, they are abandoned",
              {{"actors", system.cells().live_count()}});
  }

  log.info("stopping: links");
  const bool flushed =
      running_->remote.close(std::min<core::Duration>(left() / 2, std::chrono::seconds(2)));
  if (!flushed) log.warn("stopping: some messages for peers were not sent, they are dead letters");
  system.futures().close();
  running_->admin_service.end();
  running_->admin_socket.shutdown(system.clock().now() + left() / 4);
  running_->cluster.stop();
  running_->server.shutdown(system.clock().now() +
                            std::min<core::Duration>(left() / 2, std::chrono::seconds(2)));

  const bool ended = system.shutdown(left());
  stop_missed_ = !ended;
  if (!ended) return false;
  log.info(
      "stopped",
      {{"ms", std::chrono::duration_cast<std::chrono::milliseconds>(system.clock().now() - begin)
                  .count()}});
  running_.reset();
  return true;
}

cluster::Cluster& Node::cluster() {
  CHECK(running_ != nullptr);
  return running_->cluster;
}

core::ActorSystem& Node::system() {
  CHECK(running_ != nullptr);
  return running_->system;
}

remote::Remote& Node::remote() {
  CHECK(running_ != nullptr);
  return running_->remote;
}

const std::string& Node::address() const {
  CHECK(running_ != nullptr);
  return running_->system.address();
}

}  // namespace nexus::daemon
