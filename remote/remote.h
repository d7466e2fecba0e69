// Remote: everything that connects one ActorSystem to other nodes. Plugs into the registry as its foreign route.
//
//   all calls   any thread, unless said otherwise
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/actor_system.h"
#include "remote/block_list.h"
#include "remote/endpoint.h"
#include "remote/endpoint_manager.h"
#include "remote/endpoint_reader.h"
#include "remote/grpc_endpoint_dialer.h"
#include "remote/grpc_poller.h"
#include "remote/grpc_remoting_service.h"
#include "remote/options.h"
#include "remote/process_diagnostics.h"
#include "remote/tls_identity.h"
#include "remote/wire_types.h"

namespace nexus::remote {

class Remote final : public core::ForeignRoute {
 public:
  // Spawns an actor of a kind for a peer; an empty name means that the node makes one up.
  using SpawnKind =
      std::function<core::Result<core::Pid>(const std::string& kind, const std::string& name)>;

  // `member_id` names this incarnation of the node: 32 lower-case hex digits, new at each start. Links are in plaintext when there is
  // no `tls`. The system must outlive this.
  Remote(Options options, core::ActorSystem& system, std::string member_id,
         std::shared_ptr<const TlsIdentity> tls = nullptr);
  // end(), if it was not called.
  ~Remote() override;

  const Options& options() const { return shared_->options; }
  // Types are added before the first connection.
  WireTypes& types() { return shared_->types; }
  EndpointManager& endpoints() { return endpoints_; }
  // Once: the node's server, which is being built, will take the streams of peers. Types have been added.
  void add_to(grpc::ServerBuilder& builder);
  // Once, when that server has started: before, nothing can be sent or received.
  void start();
  const RemoteMetrics& metrics() const { return shared_->metrics; }

  // Once: spawns the activators, which answer remote.ActorPidRequest under the names, and with the numbers, of Go and of .NET.
  core::Status start_activator(SpawnKind spawn);

  // From the return on the member's frames are refused, its streams and the link to it end, and what is sent to it becomes dead
  // letters `blocked`. Its address is dialled again after unblock(), or when another incarnation has connected from there, or on_joined().
  // Publishes BlockListChanged. Errors: resource_exhausted (blocked_count_max), invalid_argument (this node's own id, or what can
  // be none). Blocked already: nothing happens, but that it is blocked until all who have done so lift that (BlockList, K3).
  core::Status block(const std::string& member_id,
                     BlockList::Owner owner = BlockList::Owner::by_hand);
  // False when that owner had not blocked it, or another one still does.
  bool unblock(const std::string& member_id, BlockList::Owner owner = BlockList::Owner::by_hand);
  // The cluster has this incarnation as a member now, at the address that its node advertises: the link to that address is dialled
  // again when something is sent there, if it was blocked because of another incarnation. After block() of those that are gone.
  void on_joined(const std::string& address, const std::string& member_id);
  // The latest first.
  std::vector<std::string> blocked() const { return shared_->blocks.all(); }
  // Batches of that member, which is at that address, since it has had a stream here without a break. Any thread.
  std::uint64_t received_from(const std::string& address, const std::string& member_id) const {
    return shared_->gates.frame_count(address, member_id);
  }

  void deliver_foreign(const core::Pid& target, core::EnvelopePtr envelope,
                       core::Lane lane) override;

  // Sends what is queued for peers that are connected or being dialled, up to `patience`, says goodbye and closes all links.
  // False when something was left. A foreign thread; the server must still run, and the system's timers too.
  bool close(core::Duration patience);
  // Closes what close() has not, and waits until no stream runs any more. After Shutdown() of the node's server, whose object must
  // still be there. Nobody may send meanwhile. A foreign thread. Again: nothing happens.
  void end();

 private:
  // The link that a worker asked for last. Only that worker touches it.
  struct alignas(64) LastEndpoint {
    std::shared_ptr<Endpoint> endpoint;
  };

  Remote(const Options& options, core::ActorSystem& system, std::string member_id,
         std::unique_ptr<GrpcEndpointDialer> dialer, std::shared_ptr<const TlsIdentity> tls);

  // What the sender's last link does not take.
  void deliver_by_route(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane,
                        LastEndpoint* last);
  static void deliver_to(Endpoint& endpoint, const core::Pid& target, core::EnvelopePtr envelope,
                         core::Lane lane);
  void refuse(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane,
              core::DeadLetterReason reason);
  void on_peer_blocks(const Peer& peer, const std::vector<std::string>& members);

  core::ActorSystem& system_;
  // Endpoint::Shared owns it.
  GrpcEndpointDialer* const dialer_;
  const std::shared_ptr<Endpoint::Shared> shared_;
  EndpointManager endpoints_;
  // By the ids of the system's own workers, which begin with 1.
  std::vector<LastEndpoint> last_endpoints_;
  EndpointReader reader_;
  InboundStream::Shared inbound_;
  ProcessDiagnostics diagnostics_;
  GrpcRemotingService service_;
  // Null before add_to().
  std::unique_ptr<GrpcPoller> poller_;
};

}  // namespace nexus::remote
