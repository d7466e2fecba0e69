#include "remote/remote.h"

#include <algorithm>
#include <utility>

#include "core/actor/system_messages.h"
#include "core/base/escape.h"
#include "core/base/short_text.h"
#include "core/dispatch/worker.h"
#include "core/process/client_name.h"
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
  for (const ActivatorOf family : {ActivatorOf::go, ActivatorOf::dotnet}) {
    const auto activator =
        system_.spawn_system(activator_props(spawn, family), activator_name(family));
    if (!activator.ok()) return activator.error();
  }
  return core::Nothing{};
}

core::Status Remote::block(const std::string& member_id, BlockList::Owner owner) {
  if (member_id == shared_->member_id) {
    return core::Error{core::Errc::invalid_argument, "a node cannot block itself"};
  }
  switch (shared_->blocks.block(member_id, owner)) {
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
  // After the links, which wait for what their peers' gates have let in.
  shared_->gates.close_all(member_id);
  system_.events().publish(BlockListChanged{member_id, true});
  return core::Nothing{};
}

bool Remote::unblock(const std::string& member_id, BlockList::Owner owner) {
  if (shared_->blocks.unblock(member_id, owner) != BlockList::OnUnblock::unblocked) return false;
  system_.log().info("member unblocked", {{"member", member_id}});
  for (const auto& endpoint : endpoints_.all()) endpoint->on_unblocked(member_id);
  system_.events().publish(BlockListChanged{member_id, false});
  return true;
}

void Remote::on_joined(const std::string& address, const std::string& member_id) {
  if (const auto endpoint = endpoints_.find(address)) endpoint->on_joined(member_id);
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

// What has no link to go by.
void Remote::refuse(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane,
                    core::DeadLetterReason reason) {
  if (const auto* watch = envelope->get<core::Watch>()) {
    return system_.registry().send_terminated(
        watch->watcher,
        core::make_envelope(core::Terminated{target, core::TerminatedReason::address_terminated}));
  }
  // Nobody is told of a lost Unwatch. A Stop that is lost is a message that is.
  const core::Lane shown = envelope->is<core::Stop>() ? core::Lane::user : lane;
  system_.dead_letters().take(target, std::move(envelope), shown, reason);
}

void Remote::deliver_foreign(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane) {
  const core::Worker* const worker = core::Worker::current_of(system_);
  LastEndpoint* const last = worker == nullptr || worker->id() > last_endpoints_.size()
                                 ? nullptr
                                 : &last_endpoints_[worker->id() - 1];
  const bool takes_it = last != nullptr && last->endpoint != nullptr &&
                        core::same_text(last->endpoint->address(), target.record()->address);
  if (!takes_it) return deliver_by_route(target, std::move(envelope), lane, last);
  // Out of its place meanwhile: a dead letter may lead here again.
  std::shared_ptr<Endpoint> endpoint = std::move(last->endpoint);
  deliver_to(*endpoint, target, std::move(envelope), lane);
  last->endpoint = std::move(endpoint);
}

void Remote::deliver_by_route(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane,
                              LastEndpoint* last) {
  const core::PidRecord& record = *target.record();
  if (record.address.starts_with(core::kClientPrefix)) {
    const core::Pid known = system_.registry().resolve(record.address, record.id);
    return deliver_foreign(known.with_request_id(target.request_id()), std::move(envelope), lane);
  }
  const std::string_view route = core::route_of(record, system_.address());
  if (route.empty()) {
    return system_.dead_letters().take(target, std::move(envelope), lane,
                                       core::DeadLetterReason::no_such_actor);
  }
  if (route.starts_with(core::kClientPrefix)) {
    // Links of clients come and go: no worker keeps one.
    const auto endpoint = endpoints_.find(std::string(route));
    if (endpoint == nullptr) {
      // It may have been there.
      const bool is_blocked = shared_->blocks.is_blocked(route.substr(core::kClientPrefix.size()));
      return refuse(
          target, std::move(envelope), lane,
          is_blocked ? core::DeadLetterReason::blocked : core::DeadLetterReason::link_down);
    }
    return deliver_to(*endpoint, target, std::move(envelope), lane);
  }
  std::shared_ptr<Endpoint> endpoint = endpoints_.endpoint(record.address);
  if (endpoint == nullptr)
    return refuse(target, std::move(envelope), lane, core::DeadLetterReason::link_down);
  deliver_to(*endpoint, target, std::move(envelope), lane);
  if (last != nullptr) last->endpoint = std::move(endpoint);
}

void Remote::deliver_to(Endpoint& endpoint, const core::Pid& target, core::EnvelopePtr envelope,
                        core::Lane lane) {
  if (lane == core::Lane::system) {
    if (const auto* watch = envelope->get<core::Watch>()) {
      endpoint.add_watched(watch->watcher, target);
      return;
    }
    if (const auto* unwatch = envelope->get<core::Unwatch>()) {
      endpoint.remove_watched(unwatch->watcher, target);
      return;
    }
  }
  if (const auto* terminated = envelope->get<core::Terminated>()) {
    endpoint.forget_inbound_watch(target, terminated->who);
  }
  endpoint.send(target, std::move(envelope), lane);
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
