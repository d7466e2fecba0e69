#include "remote/endpoint_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "core/actor/system_messages.h"
#include "core/base/short_text.h"
#include "core/base/user_code.h"
#include "core/dispatch/worker.h"
#include "core/process/client_name.h"
#include "remote/batch_codec.h"

namespace nexus::remote {
namespace {

// Numbers of the family: 0 protobuf, 1 JSON; others are the peers' own.
constexpr std::int32_t kProtobufSerializer = 0;
constexpr std::int32_t kJsonSerializer = 1;

// Removes the header; empty when there is none.
std::string take_header(core::Headers& headers, std::string_view name) {
  std::string value;
  std::erase_if(headers, [&](auto& header) {
    if (header.first != name) return false;
    value = std::move(header.second);
    return true;
  });
  return value;
}

// Nothing when it is no number of milliseconds, or one that no clock could hold.
std::optional<core::Duration> to_timeout(std::string_view text) {
  std::int64_t milliseconds = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, milliseconds);
  constexpr auto kMax =
      std::chrono::duration_cast<std::chrono::milliseconds>(core::Duration::max());
  if (error != std::errc() || stop != end || milliseconds < 0 || milliseconds > kMax.count()) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(milliseconds);
}

// Nodes of ours have 32 lower-case hex digits, those of Go do not.
bool may_be_nexus(const std::string& member_id) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return member_id.size() == 32 && std::all_of(member_id.begin(), member_id.end(), is_hex);
}

}  // namespace

// Those over which watches may have been sent that the peer of a batch ends.
struct EndpointReader::Links {
  // By other addresses than the one that the peer announces, such as localhost. Looked for when the first is needed.
  std::optional<std::vector<std::shared_ptr<Endpoint>>> others;
};

struct EndpointReader::Received {
  core::Pid target;
  core::Pid sender;
  std::string_view type_name;
  const WireTypes::Decoder* decoder;
  const BatchDecoder::Envelope& envelope;
  Links& links;
};

void EndpointReader::receive(const Peer& peer, const BatchDecoder& batch, Known& known) {
  if (batch.bad_envelope_count() > 0 && may_log_refusal()) {
    system_.log().warn("envelopes skipped, they point outside the tables of their batch",
                       {{"peer", peer.address}, {"count", batch.bad_envelope_count()}});
  }
  if (batch.envelopes().empty()) return;
  if (!known.has_told_dialect_) {
    // A peer is answered as it wrote on its last stream: it may have come back as another version of itself. Only what is not the
    // default is worth an endpoint of its own.
    const auto endpoint = batch.dialect() == Dialect::strings ? endpoints_.find(peer.address)
                                                              : endpoints_.endpoint(peer.address);
    if (endpoint != nullptr) endpoint->set_dialect(batch.dialect());
    known.has_told_dialect_ = endpoint != nullptr;
  }
  ++known.batch_;
  Links links;
  core::Worker* const worker = core::Worker::current_of(system_);
  for (const BatchDecoder::Envelope& envelope : batch.envelopes()) {
    receive(worker, peer, batch, envelope, known, links);
  }
}

void EndpointReader::receive(core::Worker* worker, const Peer& peer, const BatchDecoder& batch,
                             const BatchDecoder::Envelope& envelope, Known& known, Links& links) {
  const std::string_view own_address = system_.registry().address();
  const std::string_view type_name = batch.type_names()[envelope.type];
  const WireTypes::Decoder* const decoder = decoder_of(known, envelope.type, type_name);
  core::Pid fresh_target;
  const core::Pid& target = resolve(known.batch_, known.targets_, envelope.target, own_address,
                                    batch.targets()[envelope.target].id, fresh_target);
  core::Pid sender;
  const BatchDecoder::Sender* from = batch.sender_of(envelope);
  if (from != nullptr && !from->id.empty()) {
    std::string_view address = from->address.empty() ? peer.address : from->address;
    // A client's actors are at whatever address it has dialled; here they are at the node's own.
    if (core::client_of(from->id) == peer.address) address = own_address;
    core::Pid fresh_sender;
    sender =
        resolve(known.batch_, known.senders_, envelope.sender - 1, address, from->id, fresh_sender)
            .with_request_id(envelope.sender_request_id);
  }
  const bool is_plain = worker != nullptr && decoder != nullptr && decoder->is_users() &&
                        envelope.serializer_id == kProtobufSerializer && envelope.headers.empty() &&
                        envelope.target_request_id == 0;
  if (is_plain) {
    if (core::EnvelopePtr read = (*decoder)(envelope.data)) {
      read->set_sender(std::move(sender));
      (void)system_.registry().send_user_from(*worker, target, std::move(read));
      return;
    }
  }
  receive(peer, {.target = target.with_request_id(envelope.target_request_id),
                 .sender = std::move(sender),
                 .type_name = type_name,
                 .decoder = decoder,
                 .envelope = envelope,
                 .links = links});
}

void EndpointReader::bury(const Peer& peer, const BatchDecoder& batch) const {
  std::vector<core::Pid> askers;
  for (const BatchDecoder::Envelope& envelope : batch.envelopes()) {
    const WireTypes::Decoder* const decoder = types_.find(batch.type_names()[envelope.type]);
    if (decoder != nullptr && !decoder->is_users()) {
      const core::EnvelopePtr report = (*decoder)(envelope.data);
      // The other messages of the runtime are reports, and no dead letters.
      if (report != nullptr && WireTypes::is_system(*report)) continue;
    }
    const std::string_view target_id = batch.targets()[envelope.target].id;
    if (envelope.target_request_id != 0) {
      // The answer that somebody waits for, who would wait in vain.
      if (const core::Pid asker = system_.futures().find(target_id)) {
        askers.push_back(asker.with_request_id(envelope.target_request_id));
      }
    }
    core::EnvelopePtr letter =
        core::make_envelope(core::Payload{std::string(batch.type_names()[envelope.type]),
                                          core::Payload::kProtobuf, std::string(envelope.data)});
    if (const auto* from = batch.sender_of(envelope)) {
      const std::string_view address = from->address.empty() ? peer.address : from->address;
      letter->set_sender(core::Pid::of_name(std::string(address), std::string(from->id)));
    }
    // The number of a request would have whoever waits for its answer be told of the letter.
    system_.dead_letters().take(
        system_.registry().resolve(system_.registry().address(), target_id), std::move(letter),
        core::Lane::user, core::DeadLetterReason::sender_gone, core::DeadLetters::Tell::nobody);
  }
  system_.futures().fail(askers, "the peer was given up");
}

// The actor that had this place in the table before, when it is the same and lives; else its name is looked up.
// `fresh` holds what is not kept for the next batch.
const core::Pid& EndpointReader::resolve(std::uint64_t batch, std::vector<Known::Actor>& actors,
                                         std::size_t index, std::string_view address,
                                         std::string_view id, core::Pid& fresh) const {
  if (index < actors.size()) {
    Known::Actor& known = actors[index];
    const core::Pid& pid = known.pid;
    const bool is_same = known.batch == batch ||
                         (core::same_text(known.id, id) && core::same_text(known.address, address));
    if (is_same && !pid.empty() &&
        (!pid.is_cell() || pid.cell()->generation() == pid.generation())) {
      known.batch = batch;
      return pid;
    }
  }
  fresh = system_.registry().resolve(address, id);
  // A name of this node that nobody has now may be somebody's later; a future is for one answer.
  const bool lasts = fresh.is_cell() || (fresh.is_record() && !route_of(fresh).empty());
  const bool is_short = address.size() + id.size() <= Known::kTextBytesMax;
  if (!lasts || !is_short || index >= Known::kCountMax) return fresh;
  if (index >= actors.size()) actors.resize(index + 1);
  actors[index] = {std::string(address), std::string(id), fresh, batch};
  return actors[index].pid;
}

const WireTypes::Decoder* EndpointReader::decoder_of(Known& known, std::size_t index,
                                                     std::string_view name) const {
  if (index < known.types_.size()) {
    Known::Type& type = known.types_[index];
    if (type.batch == known.batch_) return type.decoder;
    if (core::same_text(type.name, name)) {
      type.batch = known.batch_;
      return type.decoder;
    }
  }
  const WireTypes::Decoder* decoder = types_.find(name);
  if (index < Known::kCountMax && name.size() <= Known::kTextBytesMax) {
    if (index >= known.types_.size()) known.types_.resize(index + 1);
    known.types_[index] = {std::string(name), decoder, known.batch_};
  }
  return decoder;
}

void EndpointReader::receive(const Peer& peer, Received message) {
  auto& registry = system_.registry();
  const core::Pid& target = message.target;
  const core::Pid& sender = message.sender;
  const std::string_view data = message.envelope.data;
  const auto bury = [&](core::DeadLetterReason reason) {
    auto letter = core::make_envelope(
        core::Payload{std::string(message.type_name), core::Payload::kProtobuf, std::string(data)});
    letter->set_sender(sender);
    system_.dead_letters().take(target, std::move(letter), core::Lane::user, reason);
  };
  if (message.envelope.headers.count() > header_count_max_) {
    return bury(core::DeadLetterReason::too_large);
  }
  core::EnvelopePtr envelope;
  if (message.envelope.serializer_id == kProtobufSerializer) {
    envelope = message.decoder != nullptr ? (*message.decoder)(data)
                                          : types_.decode(message.type_name, data);
  } else {
    const bool json = message.envelope.serializer_id == kJsonSerializer;
    envelope = core::make_envelope(
        core::Payload{std::string(message.type_name),
                      json ? core::Payload::kJson : "application/octet-stream", std::string(data)});
  }
  const auto* watch = envelope == nullptr ? nullptr : envelope->get<core::Watch>();
  if (watch != nullptr && watch->watcher.empty()) envelope = nullptr;
  if (envelope == nullptr) return bury(core::DeadLetterReason::unreadable);
  if (const auto* terminated = envelope->get<core::Terminated>()) {
    receive_terminated(peer, target, *terminated, message.links);
    return;
  }
  if (WireTypes::is_system(*envelope)) {
    if (watch != nullptr) {
      if (!note_watch(peer, watch->watcher, target)) return;
    } else if (const auto* unwatch = envelope->get<core::Unwatch>()) {
      if (const auto endpoint = endpoints_.find(std::string(route_of(unwatch->watcher)))) {
        endpoint->forget_inbound_watch(unwatch->watcher, target);
      }
    }
    if (envelope->is<core::Stop>() && is_system_actor(target)) return refuse_stop(peer, target);
    registry.send_system(target, std::move(envelope));
    return;
  }
  if (envelope->is<core::PoisonPill>() && is_system_actor(target)) return refuse_stop(peer, target);
  if (message.envelope.headers.empty()) {
    envelope->set_sender(sender);
    (void)registry.send_user(target, std::move(envelope));
    return;
  }
  core::Headers headers = to_headers(message.envelope.headers);
  std::string notices = take_header(headers, kNoticesHeader);
  // Copied from a message of ours, as middleware does: the sender does not know notices, and a type that it does not know may
  // end its process.
  if (!may_be_nexus(peer.member_id)) notices.clear();
  const std::string timeout = take_header(headers, kTimeoutHeader);
  envelope->set_headers(std::move(headers));
  if (const auto left = to_timeout(timeout)) {
    envelope->set_deadline(core::deadline_after(system_.clock().now(), *left));
  }
  if (notices == kEnqueuedNotice) {
    receive_told(target, sender, std::move(envelope));
    return;
  }
  const bool wants_notices = !notices.empty() && sender;
  envelope->set_sender(sender);
  envelope->set_wants_notices(wants_notices);
  const core::Delivered delivered = registry.send_user(target, std::move(envelope));
  if (wants_notices && delivered == core::Delivered::mailbox) {
    (void)registry.send_user(sender,
                             core::make_envelope(core::Notice{core::Notice::Kind::enqueued, {}}));
  }
}

// A client's tell: the actor sees no sender; `teller` learns whether the message is in the mailbox, or why not.
void EndpointReader::receive_told(const core::Pid& target, const core::Pid& teller,
                                  core::EnvelopePtr envelope) {
  using Kind = core::Notice::Kind;
  const auto tell = [&](Kind kind, std::string detail = {}) {
    (void)system_.registry().send_user(teller,
                                       core::make_envelope(core::Notice{kind, std::move(detail)}));
  };
  const core::PropsPtr props = system_.cells().props(target);
  // Nobody waits for the actor's turn, so what its kind cannot read must be found now.
  if (const auto* payload = envelope->get<core::Payload>();
      payload != nullptr && props != nullptr && props->read_payload) {
    std::optional<core::Result<core::EnvelopePtr>> read;
    const auto failure = core::failure_of([&] { read.emplace(props->read_payload(*payload)); });
    if (failure) return tell(Kind::failed, *failure);
    if (!read->ok()) return tell(Kind::bad_payload, read->error().detail);
    (**read)->take_after(*envelope);
    envelope = std::move(**read);
  }
  switch (system_.registry().send_user(target, std::move(envelope))) {
    case core::Delivered::mailbox:
    case core::Delivered::process:
    case core::Delivered::foreign:
      tell(Kind::enqueued);
      break;
    case core::Delivered::mailbox_full:
      tell(Kind::mailbox_full);
      break;
    case core::Delivered::dead_letter:
      (void)system_.registry().send_user(teller,
                                         core::make_envelope(core::DeadLetterResponse{target}));
      break;
  }
}

bool EndpointReader::is_system_actor(const core::Pid& target) const {
  const core::PropsPtr props = system_.cells().props(target);
  return props != nullptr && props->system;
}

bool EndpointReader::may_log_refusal() {
  std::uint64_t suppressed = 0;
  {
    core::MutexLock lock(refused_mutex_);
    const core::Throttle::Verdict verdict = refused_throttle_.on_event(system_.clock().now());
    if (verdict.valve == core::Throttle::Valve::closed) return false;
    suppressed = verdict.suppressed_count;
  }
  if (suppressed > 0) {
    system_.log().warn("refusals of what peers sent not logged", {{"count", suppressed}});
  }
  return true;
}

void EndpointReader::refuse_stop(const Peer& peer, const core::Pid& target) {
  if (!may_log_refusal()) return;
  system_.log().warn("a peer tried to stop an actor of the node itself, refused",
                     {{"peer", peer.address}, {"actor", target.to_string()}});
}

bool EndpointReader::note_watch(const Peer& peer, const core::Pid& watcher,
                                const core::Pid& watchee) {
  const std::string route(route_of(watcher));
  if (route.empty()) {
    // A node that has dialled itself under another name, or a peer that says so. No link bounds these watches: the actors here that
    // may be watchers do.
    if (peer.address == system_.address()) return !watcher.is_record();
    refuse_watch(peer, watcher, watchee, "the watcher would be an actor of this node");
    return false;
  }
  // An actor of a client takes the watch through the link of that; else nobody is there.
  const bool is_there = watchee.is_cell() || !route_of(watchee).empty();
  if (!is_there && route == peer.address) return true;
  // The link that the Terminated takes.
  const auto endpoint = route == peer.address || route.starts_with(core::kClientPrefix)
                            ? endpoints_.endpoint(route)
                            : endpoints_.endpoint_by_hearsay(route);
  if (endpoint == nullptr) {
    refuse_watch(peer, watcher, watchee, "there is no link to the watcher, and there may be none");
    return false;
  }
  if (!is_there) return true;
  switch (endpoint->note_inbound_watch(watcher, watchee)) {
    case Endpoint::OnInboundWatch::noted:
      return true;
    case Endpoint::OnInboundWatch::closed:
      // Nobody would take the watch back from the actor.
      return false;
    case Endpoint::OnInboundWatch::refused:
      refuse_watch(
          peer, watcher, watchee,
          "there are as many as remote.inbound_watch_count_max allows, or its name is too long");
      // As if the link to the actor had ended: that every peer understands, and may try again.
      system_.registry().send_terminated(
          watcher, core::make_envelope(
                       core::Terminated{watchee, core::TerminatedReason::address_terminated}));
      return false;
  }
  return false;
}

void EndpointReader::refuse_watch(const Peer& peer, const core::Pid& watcher,
                                  const core::Pid& watchee, const char* why) {
  endpoints_.metrics().refused_watch_count.add();
  if (!may_log_refusal()) return;
  system_.log().warn("watch refused", {{"peer", peer.address},
                                       {"watcher", watcher.to_string().substr(0, 256)},
                                       {"actor", watchee.to_string()},
                                       {"why", why}});
}

std::string_view EndpointReader::route_of(const core::Pid& pid) const {
  return pid.is_record() ? core::route_of(*pid.record(), system_.address()) : std::string_view{};
}

std::vector<std::shared_ptr<Endpoint>> EndpointReader::other_links_to(const Peer& peer) const {
  std::vector<std::shared_ptr<Endpoint>> links = endpoints_.all();
  std::erase_if(links, [&](const auto& link) {
    const bool is_other = link->address() != peer.address && peer.may_be_at(link->address());
    return !is_other || link->member_id() != peer.member_id;
  });
  return links;
}

void EndpointReader::receive_terminated(const Peer& peer, const core::Pid& watcher,
                                        const core::Terminated& terminated, Links& links) {
  const std::string who = terminated.who.id();
  core::Pid watchee;
  if (const auto endpoint = endpoints_.find(peer.address)) {
    watchee = endpoint->take_watched(watcher, who, peer.member_id);
  }
  if (watchee.empty() && !peer.member_id.empty()) {
    if (!links.others) links.others = other_links_to(peer);
    for (const auto& endpoint : *links.others) {
      watchee = endpoint->take_watched(watcher, who, peer.member_id);
      if (watchee) break;
    }
  }
  if (watchee.empty()) return;
  system_.registry().send_terminated(
      watcher, core::make_envelope(core::Terminated{watchee, terminated.why}));
}

}  // namespace nexus::remote
