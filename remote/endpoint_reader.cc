#include "remote/endpoint_reader.h"

#include "core/actor/system_messages.h"

namespace nexus::remote {
namespace {

// Numbers of the family: 0 protobuf, 1 JSON; others are the peers' own.
constexpr std::int32_t kProtobufSerializer = 0;
constexpr std::int32_t kJsonSerializer = 1;

}  // namespace

void EndpointReader::receive(const Peer& peer, ReceivedBatch batch) {
  if (batch.bad_envelope_count > 0) {
    system_.log().warn("envelopes skipped, they point outside the tables of their batch",
                       {{"peer", peer.address}, {"count", batch.bad_envelope_count}});
  }
  if (batch.dialect == Dialect::pids) {
    if (const auto endpoint = endpoints_.endpoint(peer.address))
      endpoint->set_dialect(batch.dialect);
  }
  for (ReceivedMessage& message : batch.messages) receive(peer, message);
}

void EndpointReader::receive(const Peer& peer, ReceivedMessage& message) {
  auto& registry = system_.registry();
  const core::Pid target = registry.resolve(registry.address(), message.target_id)
                               .with_request_id(message.target_request_id);
  core::Pid sender;
  if (!message.sender_id.empty()) {
    const std::string& address =
        message.sender_address.empty() ? peer.address : message.sender_address;
    sender =
        registry.resolve(address, message.sender_id).with_request_id(message.sender_request_id);
  }
  core::EnvelopePtr envelope;
  if (message.serializer_id == kProtobufSerializer) {
    envelope = types_.decode(message.type_name, message.data);
  } else {
    const bool json = message.serializer_id == kJsonSerializer;
    envelope = core::make_envelope(
        core::Payload{message.type_name, json ? core::Payload::kJson : "application/octet-stream",
                      std::move(message.data)});
  }
  const auto* watch = envelope == nullptr ? nullptr : envelope->get<core::Watch>();
  if (watch != nullptr && watch->watcher.empty()) envelope = nullptr;
  if (envelope == nullptr) {
    envelope = core::make_envelope(
        core::Payload{message.type_name, core::Payload::kProtobuf, std::move(message.data)});
    envelope->set_sender(std::move(sender));
    system_.dead_letters().take(target, std::move(envelope), core::Lane::user,
                                core::DeadLetterReason::unreadable);
    return;
  }
  if (const auto* terminated = envelope->get<core::Terminated>()) {
    receive_terminated(peer, target, *terminated);
    return;
  }
  if (WireTypes::is_system(*envelope)) {
    if (watch != nullptr && target.is_cell()) {
      if (const auto endpoint = endpoint_of(watch->watcher)) {
        endpoint->note_inbound_watch(watch->watcher, target);
      }
    } else if (const auto* unwatch = envelope->get<core::Unwatch>()) {
      if (const auto endpoint = endpoint_of(unwatch->watcher)) {
        endpoint->forget_inbound_watch(unwatch->watcher, target);
      }
    }
    registry.send_system(target, std::move(envelope));
    return;
  }
  bool wants_notices = false;
  std::erase_if(message.headers, [&](const auto& header) {
    if (header.first != kNoticesHeader) return false;
    wants_notices = true;
    return true;
  });
  envelope->set_headers(std::move(message.headers));
  envelope->set_sender(sender);
  envelope->set_wants_notices(wants_notices);
  const core::Delivered delivered = registry.send_user(target, std::move(envelope));
  if (wants_notices && sender && delivered == core::Delivered::mailbox) {
    (void)registry.send_user(sender,
                             core::make_envelope(core::Notice{core::Notice::Kind::enqueued, {}}));
  }
}

// The link that a Terminated for this watcher takes; null when it takes none.
std::shared_ptr<Endpoint> EndpointReader::endpoint_of(const core::Pid& watcher) {
  if (watcher.empty() || !watcher.is_record()) return nullptr;
  const std::string& address = watcher.record()->address;
  return address == system_.address() ? nullptr : endpoints_.endpoint(address);
}

void EndpointReader::receive_terminated(const Peer& peer, const core::Pid& watcher,
                                        const core::Terminated& terminated) {
  const std::string who = terminated.who.id();
  core::Pid watchee;
  if (const auto endpoint = endpoints_.find(peer.address)) {
    watchee = endpoint->take_watched(watcher, who);
  }
  if (watchee.empty() && !peer.member_id.empty()) {
    // The watcher may know the peer by another address than the one it announces, such as localhost.
    for (const auto& endpoint : endpoints_.all()) {
      if (endpoint->member_id() != peer.member_id) continue;
      watchee = endpoint->take_watched(watcher, who);
      if (watchee) break;
    }
  }
  if (watchee.empty()) return;
  system_.registry().send_terminated(
      watcher, core::make_envelope(core::Terminated{watchee, terminated.why}));
}

}  // namespace nexus::remote
