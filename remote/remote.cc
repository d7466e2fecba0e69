#include "remote/remote.h"

#include <algorithm>
#include <utility>

#include "core/actor/system_messages.h"
#include "core/base/escape.h"
#include "core/base/short_text.h"
#include "core/dispatch/worker.h"
#include "remote/activator.h"

namespace nexus::remote {

Remote::Remote(Options options, core::ActorSystem& system, std::string member_id,
               std::shared_ptr<const TlsIdentity> tls)
    : Remote(options, system, std::move(member_id),
             std::make_unique<GrpcEndpointDialer>(frame_bytes_max(options), tls), tls) {}

Remote::Remote(const Options& options, core::ActorSystem& system, std::string member_id,
               std::unique_ptr<GrpcEndpointDialer> dialer, std::shared_ptr<const TlsIdentity> tls)
    : system_(system),
      dialer_(dialer.get()),
      shared_(std::make_shared<Endpoint::Shared>(options, system, std::move(member_id),
                                                 std::move(dialer))),
      endpoints_(shared_),
      last_endpoints_(system.options().worker_count),
      // Each counts as 64 bytes of its message, which may have some of the nodes' own besides.
      reader_(system, shared_->types, endpoints_, options.message_bytes_max / 64 + 8),
      inbound_{.system = system,
               .reader = reader_,
               .endpoints = endpoints_,
               .options = options,
               .self = {.address = system.address(), .member_id = shared_->member_id},
               .sessions = InboundSessions(options.peer_count_max),
               .blocks = shared_->blocks,
               .on_peer_blocks =
                   [this](const Peer& peer, const std::vector<std::string>& members) {
                     on_peer_blocks(peer, members);
                   },
               .tls = std::move(tls)},
      diagnostics_({.count_max = options.diagnostics_count_max}, system),
      service_(inbound_, diagnostics_) {
  system_.registry().set_foreign_route(this);
  for (const std::string& blocked : options.blocked_members) {
    if (const core::Status status = block(blocked); !status.ok()) {
      system_.log().error("cannot block", {{"member", blocked}, {"detail", status.error().detail}});
    }
  }
}

Remote::~Remote() {
  system_.registry().set_foreign_route(nullptr);
  end();
}

void Remote::end() {
  (void)endpoints_.close(system_.clock().now());
  (void)system_.dispatcher().set_poller(nullptr);
  dialer_->close();
  service_.end();
  if (poller_ != nullptr) poller_->shutdown();
}

void Remote::add_to(grpc::ServerBuilder& builder) {
  CHECK(poller_ == nullptr);
  poller_ = GrpcPoller::add_to(builder, shared_->held);
  service_.add_to(builder);
}

void Remote::start() {
  CHECK(poller_ != nullptr);
  service_.start(*poller_);
  dialer_->use(*poller_);
  // Where the dispatcher does not, the poller's own thread waits in it.
  (void)system_.dispatcher().set_poller(poller_.get());
}

core::Status Remote::start_activator(SpawnKind spawn) {
  for (const auto& [name, family] :
       {std::pair{"activator", ActivatorOf::go}, std::pair{"$activator", ActivatorOf::dotnet}}) {
    const auto activator = system_.spawn_system(activator_props(spawn, family), name);
    if (!activator.ok()) return activator.error();
  }
  return core::Nothing{};
}

core::Status Remote::block(const std::string& member_id) {
  if (member_id == shared_->member_id) {
    return core::Error{core::Errc::invalid_argument, "a node cannot block itself"};
  }
  switch (shared_->blocks.block(member_id)) {
    case BlockList::OnBlock::already_blocked:
      return core::Nothing{};
    case BlockList::OnBlock::full:
      return core::Error{core::Errc::resource_exhausted,
                         "as many members are blocked as may be; unblock some, or raise "
                         "remote.blocked_count_max"};
    case BlockList::OnBlock::bad_id:
      return core::Error{core::Errc::invalid_argument,
                         core::quoted(member_id) + " can be no member id"};
    case BlockList::OnBlock::blocked:
      break;
  }
  system_.log().warn("member blocked", {{"member", member_id}});
  // A handshake that is answered meanwhile finds it on the list.
  for (const auto& endpoint : endpoints_.all()) endpoint->on_blocked(member_id);
  system_.events().publish(BlockListChanged{member_id, true});
  return core::Nothing{};
}

bool Remote::unblock(const std::string& member_id) {
  if (!shared_->blocks.unblock(member_id)) return false;
  system_.log().info("member unblocked", {{"member", member_id}});
  for (const auto& endpoint : endpoints_.all()) endpoint->on_unblocked(member_id);
  system_.events().publish(BlockListChanged{member_id, false});
  return true;
}

void Remote::on_peer_blocks(const Peer& peer, const std::vector<std::string>& members) {
  if (!shared_->options.accept_block_lists) return;
  for (const std::string& member : members) {
    const bool is_meant =
        BlockList::is_id(member) && member != shared_->member_id && member != peer.member_id;
    if (!is_meant) continue;
    if (const core::Status status = block(member); !status.ok()) {
      system_.log().warn("cannot block what a peer has blocked",
                         {{"peer", peer.address}, {"detail", status.error().detail}});
      return;
    }
  }
}

void Remote::deliver_foreign(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane) {
  const std::string& address = target.record()->address;
  const core::Worker* const worker = core::Worker::current_of(system_);
  if (worker == nullptr || worker->id() > last_endpoints_.size()) {
    return deliver_to(endpoints_.endpoint(address).get(), target, std::move(envelope), lane);
  }
  LastEndpoint& last = last_endpoints_[worker->id() - 1];
  // Out of its place meanwhile: a dead letter may lead here again.
  std::shared_ptr<Endpoint> endpoint = std::move(last.endpoint);
  if (endpoint == nullptr || !core::same_text(endpoint->address(), address)) {
    endpoint = endpoints_.endpoint(address);
  }
  deliver_to(endpoint.get(), target, std::move(envelope), lane);
  last.endpoint = std::move(endpoint);
}

void Remote::deliver_to(Endpoint* endpoint, const core::Pid& target, core::EnvelopePtr envelope,
                        core::Lane lane) {
  if (endpoint == nullptr) {
    system_.dead_letters().take(target, std::move(envelope), lane,
                                core::DeadLetterReason::link_down);
    return;
  }
  if (lane == core::Lane::system) {
    if (const auto* watch = envelope->get<core::Watch>()) {
      endpoint->add_watched(watch->watcher, target);
      return;
    }
    if (const auto* unwatch = envelope->get<core::Unwatch>()) {
      endpoint->remove_watched(unwatch->watcher, target);
      return;
    }
  }
  if (const auto* terminated = envelope->get<core::Terminated>()) {
    endpoint->forget_inbound_watch(target, terminated->who);
  }
  endpoint->send(target, std::move(envelope), lane);
}

bool Remote::close(core::Duration patience) {
  const core::Instant deadline = core::deadline_after(system_.clock().now(), patience);
  const bool flushed = endpoints_.close(deadline);
  // A goodbye travels on another connection and would overtake what is still on its way.
  const bool read = shared_->dialer->await_ends(deadline);
  service_.say_goodbye();
  return flushed && read;
}

}  // namespace nexus::remote
