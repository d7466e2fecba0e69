#include "daemon/cli/grpc_client.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <tuple>
#include <type_traits>
#include <utility>

#include "daemon/cli/grpc_error.h"
#include "daemon/cli/grpc_member.h"
#include "daemon/cli/grpc_watch.h"
#include "nexus/admin/v1/admin_service.grpc.pb.h"
#include "nexus/v1/actor_service.grpc.pb.h"
#include "nexus/v1/cluster_service.grpc.pb.h"

namespace nexus::cli {
namespace {

// A reply may be as large as a node allows; this bounds what a broken server can make us hold.
constexpr int kReceiveBytesMax = 64 * 1024 * 1024;
constexpr int kPageSize = 1000;

std::string state_name(v1::Actor::State state) {
  switch (state) {
    case v1::Actor::STATE_ALIVE:
      return "alive";
    case v1::Actor::STATE_RESTARTING:
      return "restarting";
    case v1::Actor::STATE_STOPPING:
      return "stopping";
    default:
      return "unknown";
  }
}

ActorInfo actor_info(const v1::Actor& actor) {
  return ActorInfo{.pid = actor.pid(),
                   .kind = actor.kind(),
                   .parent = actor.parent(),
                   .state = state_name(actor.state()),
                   .started_at_unix_s = actor.started_at().seconds(),
                   .processed_count = actor.processed_count(),
                   .mailbox_count = actor.mailbox_count(),
                   .restart_count = actor.restart_count(),
                   .child_count = actor.child_count(),
                   .watcher_count = actor.watcher_count()};
}

void write(const Payload& payload, v1::Payload* out) {
  out->set_type(payload.type);
  out->set_content_type(payload.content_type);
  out->set_data(payload.data);
}

// What gRPC would write to standard error comes as the failure of a call, in words for a user; unless somebody wants to see it.
void silence_grpc() {
  if (std::getenv("GRPC_VERBOSITY") != nullptr) return;
  gpr_set_log_function([](gpr_log_func_args*) {});
}

std::shared_ptr<grpc::Channel> open_channel(const Client::Options& options) {
  silence_grpc();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kReceiveBytesMax);
  // A node is called directly: a proxy for the web knows nothing of it.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (options.authorities.empty()) {
    return grpc::CreateCustomChannel(options.node, grpc::InsecureChannelCredentials(), arguments);
  }
  if (!options.server_name.empty()) arguments.SetSslTargetNameOverride(options.server_name);
  const auto credentials = grpc::SslCredentials({.pem_root_certs = options.authorities,
                                                 .pem_private_key = options.key,
                                                 .pem_cert_chain = options.certificate});
  return grpc::CreateCustomChannel(options.node, credentials, arguments);
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(Options o)
      : options(std::move(o)),
        channel(open_channel(options)),
        stubs(v1::ActorService::NewStub(channel), v1::ClusterService::NewStub(channel),
              admin::v1::AdminService::NewStub(channel)) {}

  // Makes one call. Empty when it went well.
  template <typename Stub, typename Request, typename Response>
  std::optional<Failure> call(const char* name,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request, Response* response) {
    const auto begin = std::chrono::steady_clock::now();
    grpc::ClientContext context;
    context.set_wait_for_ready(false);
    context.set_deadline(std::chrono::system_clock::now() + options.timeout);
    const grpc::Status status =
        (*std::get<std::unique_ptr<Stub>>(stubs).*method)(&context, request, response);
    trace(name, begin);
    if (status.ok()) return std::nullopt;
    const Connection connection{
        .node = options.node, .connected = connected(), .tls = !options.authorities.empty()};
    if (std::is_same_v<Stub, v1::ClusterService::Stub>)
      return failure_of_newer(status, connection, kClusterService);
    if (std::is_same_v<Stub, admin::v1::AdminService::Stub>)
      return failure_of_newer(status, connection, kAdminService);
    return failure_of(status, connection);
  }

  WatchOptions watch_options() const {
    return {.node = options.node, .timeout = options.timeout, .tls = !options.authorities.empty()};
  }

  bool connected() { return channel->GetState(false) == GRPC_CHANNEL_READY; }

  void trace(const char* name, std::chrono::steady_clock::time_point begin) const {
    if (!options.trace) return;
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f ms", took.count());
    options.trace(std::string(name) + " at " + options.node + " took " + text.data());
  }

  const Options options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::tuple<std::unique_ptr<v1::ActorService::Stub>,
                   std::unique_ptr<v1::ClusterService::Stub>,
                   std::unique_ptr<admin::v1::AdminService::Stub>>
      stubs;
};

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

Outcome<Spawned> Client::spawn(const SpawnCommand& command) {
  v1::SpawnRequest request;
  request.set_kind(command.kind);
  request.set_id(command.id);
  request.set_node(command.on);
  if (command.return_existing) request.set_if_exists(v1::IF_EXISTS_RETURN);
  v1::SpawnResponse response;
  if (auto failure = impl_->call("Spawn", &v1::ActorService::Stub::Spawn, request, &response))
    return *failure;
  return Spawned{.pid = response.pid(), .created = response.created()};
}

Outcome<std::uint64_t> Client::tell(const std::string& pid, const std::vector<Payload>& messages,
                                    bool ack_accepted) {
  v1::TellRequest request;
  request.set_pid(pid);
  if (ack_accepted) request.set_ack(v1::ACK_ACCEPTED);
  for (const Payload& message : messages) write(message, request.add_messages());
  v1::TellResponse response;
  if (auto failure = impl_->call("Tell", &v1::ActorService::Stub::Tell, request, &response))
    return *failure;
  return std::uint64_t{response.accepted()};
}

Outcome<Payload> Client::ask(const std::string& pid, const Payload& message) {
  v1::AskRequest request;
  request.set_pid(pid);
  write(message, request.mutable_message());
  v1::AskResponse response;
  if (auto failure = impl_->call("Ask", &v1::ActorService::Stub::Ask, request, &response))
    return *failure;
  return Payload{.type = response.message().type(),
                 .content_type = response.message().content_type(),
                 .data = response.message().data()};
}

Outcome<bool> Client::stop(const StopCommand& command) {
  v1::StopRequest request;
  request.set_pid(command.pid);
  request.set_no_wait(command.no_wait);
  if (command.now) request.set_mode(v1::STOP_MODE_NOW);
  v1::StopResponse response;
  if (auto failure = impl_->call("Stop", &v1::ActorService::Stub::Stop, request, &response))
    return *failure;
  return true;
}

Outcome<ActorInfo> Client::get(const std::string& pid) {
  v1::GetActorRequest request;
  request.set_pid(pid);
  v1::GetActorResponse response;
  if (auto failure = impl_->call("GetActor", &v1::ActorService::Stub::GetActor, request, &response))
    return *failure;
  return actor_info(response.actor());
}

Outcome<ActorPage> Client::list(const ListCommand& command, const std::string& page_token) {
  v1::ListActorsRequest request;
  request.set_node(command.on);
  request.set_kind(command.kind);
  request.set_id_prefix(command.prefix);
  request.set_include_system(command.system);
  request.set_page_size(kPageSize);
  request.set_page_token(page_token);
  v1::ListActorsResponse response;
  if (auto failure =
          impl_->call("ListActors", &v1::ActorService::Stub::ListActors, request, &response)) {
    return *failure;
  }
  ActorPage page{.actors = {}, .next_page_token = response.next_page_token()};
  for (const v1::Actor& actor : response.actors()) page.actors.push_back(actor_info(actor));
  return page;
}

Outcome<std::vector<KindInfo>> Client::kinds(const std::string& on) {
  v1::ListKindsRequest request;
  request.set_node(on);
  v1::ListKindsResponse response;
  if (auto failure =
          impl_->call("ListKinds", &v1::ActorService::Stub::ListKinds, request, &response))
    return *failure;
  std::vector<KindInfo> kinds;
  for (const v1::Kind& kind : response.kinds()) {
    kinds.push_back({.name = kind.name(),
                     .description = kind.description(),
                     .actor_count = kind.actor_count()});
  }
  return kinds;
}

Outcome<ClusterInfo> Client::cluster() {
  v1::GetClusterResponse response;
  if (auto failure = impl_->call("GetCluster", &v1::ClusterService::Stub::GetCluster,
                                 v1::GetClusterRequest(), &response)) {
    return *failure;
  }
  return cluster_info(response);
}

Outcome<MemberList> Client::members() {
  v1::ListMembersResponse response;
  if (auto failure = impl_->call("ListMembers", &v1::ClusterService::Stub::ListMembers,
                                 v1::ListMembersRequest(), &response)) {
    return *failure;
  }
  return member_list(response);
}

Outcome<MemberInfo> Client::member(const std::string& name) {
  v1::GetMemberRequest request;
  request.set_member(name);
  v1::GetMemberResponse response;
  if (auto failure =
          impl_->call("GetMember", &v1::ClusterService::Stub::GetMember, request, &response)) {
    return *failure;
  }
  return member_info(response.member());
}

Outcome<ViewInfo> Client::join(const JoinCommand& command) {
  admin::v1::JoinClusterRequest request;
  for (const std::string& address : command.addresses) request.add_addresses(address);
  admin::v1::JoinClusterResponse response;
  if (auto failure = impl_->call("JoinCluster", &admin::v1::AdminService::Stub::JoinCluster,
                                 request, &response)) {
    return *failure;
  }
  return view_info(response.view());
}

Outcome<bool> Client::leave() {
  admin::v1::LeaveClusterResponse response;
  if (auto failure = impl_->call("LeaveCluster", &admin::v1::AdminService::Stub::LeaveCluster,
                                 admin::v1::LeaveClusterRequest(), &response)) {
    return *failure;
  }
  return bool{response.agreed()};
}

Outcome<ForcedView> Client::force_view(const ForceViewCommand& command) {
  admin::v1::ForceViewRequest request;
  for (const std::string& member : command.keep) request.add_keep(member);
  request.set_drop_suspects(command.drop_suspects);
  request.set_epoch(command.epoch);
  request.set_dry_run(!command.yes);
  admin::v1::ForceViewResponse response;
  if (auto failure =
          impl_->call("ForceView", &admin::v1::AdminService::Stub::ForceView, request, &response)) {
    return *failure;
  }
  ForcedView forced{
      .done = command.yes, .view = view_info(response.view()), .kept = {}, .removed = {}};
  for (const v1::Member& member : response.kept()) forced.kept.push_back(member_info(member));
  for (const v1::Member& member : response.removed()) forced.removed.push_back(member_info(member));
  return forced;
}

void Client::watch(const std::vector<std::string>& pids,
                   const std::function<void(const WatchEvent&)>& on_event) {
  watch_actors(impl_->channel, impl_->watch_options(), pids, on_event);
}

std::optional<Failure> Client::watch_members(
    const std::function<bool(const ClusterEvent&)>& on_event) {
  return cli::watch_members(impl_->channel, impl_->watch_options(), on_event);
}

}  // namespace nexus::cli
