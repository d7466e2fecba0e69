#include "remote/inbound_stream.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/escape.h"
#include "core/process/client_name.h"
#include "remote/certified_names.h"

namespace nexus::remote {
namespace {

// Frames that are delivered without a word to the peer; it keeps them for so long.
constexpr std::uint32_t kUnacknowledgedCountMax = 64;

constexpr const char* kBlocked = "the member is blocked here";

// Something is being delivered. Its end must be told whatever happens, or the peer could never come back.
template <typename End>
class FrameScope {
 public:
  explicit FrameScope(End end) : end_(std::move(end)) {}
  ~FrameScope() { end_(); }
  FrameScope(const FrameScope&) = delete;
  FrameScope& operator=(const FrameScope&) = delete;

 private:
  const End end_;
};

}  // namespace

bool InboundStream::Shared::may_log_garbage() {
  std::uint64_t suppressed = 0;
  {
    core::MutexLock lock(garbage_mutex);
    const core::Throttle::Verdict verdict = garbage_throttle.on_event(system.clock().now());
    if (verdict.valve == core::Throttle::Valve::closed) return false;
    suppressed = verdict.suppressed_count;
  }
  if (suppressed > 0) {
    system.log().warn("garbage of peers not logged", {{"count", suppressed}});
  }
  return true;
}

InboundStream::InboundStream(Shared& shared, Origin origin, std::shared_ptr<Transport> transport)
    : shared_(shared), origin_(std::move(origin)), transport_(std::move(transport)) {}

// On the timer thread, if the stream and what it shares with others are still there then.
template <typename Task>
void InboundStream::do_later(core::Duration delay, Task task) {
  const core::Instant at = shared_.system.clock().now() + delay;
  shared_.system.timers().schedule(at,
                                   [lifeline = shared_.lifeline, self = weak_from_this(), task] {
                                     (void)lifeline->run([&] {
                                       if (const auto stream = self.lock()) task(*stream);
                                     });
                                   });
}

void InboundStream::await_handshake() {
  do_later(kHandshakePatience, [](InboundStream& stream) {
    if (stream.has_connect_request_.load()) return;
    stream.end({core::Errc::deadline_exceeded, "no ConnectRequest came"});
  });
}

bool InboundStream::on_frame(std::string_view frame) {
  const core::Result<BatchDecoder::Kind> kind = decoder_.decode(frame);
  if (!kind.ok()) return refuse(kind.error().detail);
  if (!peer_.member_id.empty() && block_check_.is_blocked(shared_.blocks, peer_.member_id)) {
    return turn_away(kBlocked);
  }
  if (*kind == BatchDecoder::Kind::batch) return on_batch(frame.size());
  const core::Result<Frame> decoded = decode_frame(frame);
  if (!decoded.ok()) return refuse(decoded.error().detail);
  if (const auto* connect = std::get_if<ConnectRequest>(&*decoded)) return on_connect(*connect);
  if (std::holds_alternative<LinkPing>(*decoded) && session_ != nullptr) {
    acknowledge();
    return true;
  }
  return fail(core::Errc::invalid_argument,
              "a dialling peer sends ConnectRequest and MessageBatch only");
}

bool InboundStream::on_batch(std::size_t frame_bytes) {
  if (peer_.member_id.empty()) {
    return fail(core::Errc::failed_precondition, "a batch came before the ConnectRequest");
  }
  const std::optional<InboundGate::Frame> frame = gate_->begin_frame();
  if (!frame) {
    // A peer of ours that lives has not been told that it came, and tells its fate, or sends it again.
    if (session_ == nullptr || gate_->is_of_dead()) shared_.reader.bury(peer_, decoder_);
    return true;
  }
  const FrameScope scope([&] { gate_->end_frame(*frame); });
  if (session_ != nullptr) return on_session_batch(frame_bytes);
  if (!is_connected()) {
    return fail(core::Errc::failed_precondition, "a batch came before the ConnectResponse");
  }
  deliver(frame_bytes);
  return true;
}

bool InboundStream::on_session_batch(std::size_t frame_bytes) {
  if (decoder_.sequence() == 0) return refuse("a batch of a session came without a number");
  switch (session_->begin_frame(*this, decoder_.sequence())) {
    case InboundSession::Verdict::deliver: {
      const FrameScope scope([&] { session_->end_frame(); });
      deliver(frame_bytes);
      break;
    }
    case InboundSession::Verdict::repeat:
      shared_.endpoints.metrics().repeated_batch_count.add();
      break;
    case InboundSession::Verdict::gap:
      return refuse("batch " + std::to_string(decoder_.sequence()) +
                    " came, and one before it is missing");
    case InboundSession::Verdict::lost:
      return fail(core::Errc::aborted, "the session goes on in another stream");
  }
  note_delivered(decoder_.sequence(), frame_bytes);
  return true;
}

void InboundStream::deliver(std::size_t frame_bytes) {
  RemoteMetrics& metrics = shared_.endpoints.metrics();
  metrics.received_message_count.add(decoder_.envelopes().size());
  metrics.received_bytes.add(frame_bytes);
  metrics.received_batch_count.add();
  shared_.reader.receive(peer_, decoder_, known_);
}

bool InboundStream::refuse(const std::string& detail) {
  if (shared_.may_log_garbage()) {
    shared_.system.log().warn("link broken off, the peer sent garbage",
                              {{"peer", name()}, {"detail", detail}});
  }
  return fail(core::Errc::invalid_argument, detail);
}

bool InboundStream::fail(core::Errc code, const std::string& detail) {
  shared_.endpoints.metrics().refused_frame_count.add();
  end({code, detail});
  return false;
}

bool InboundStream::on_connect(const ConnectRequest& connect) {
  if (!peer_.member_id.empty()) {
    return fail(core::Errc::failed_precondition, "a second ConnectRequest on one stream");
  }
  has_connect_request_.store(true);
  if (connect.client) return on_client(connect.member_id);
  if (connect.member_id.empty() || connect.address.empty()) {
    return fail(core::Errc::invalid_argument, "the ConnectRequest lacks member id or address");
  }
  // Sessions and gates keep both.
  if (connect.member_id.size() > BlockList::kIdBytesMax ||
      connect.address.size() > Peer::kAddressBytesMax) {
    return fail(core::Errc::invalid_argument,
                "the member id or the address of the ConnectRequest is too long");
  }
  // It would end the link of that client, and speak for its actors.
  if (connect.address.starts_with(core::kClientPrefix)) {
    return fail(core::Errc::invalid_argument,
                core::quoted(connect.address) + " is the name of a client, and no node's address");
  }
  if (connect.address == shared_.self.address && connect.member_id != shared_.self.member_id) {
    shared_.system.log().error(
        "refused a peer that says it has this node's own address; check node.advertise of both",
        {{"address", connect.address}, {"from", origin_.from}});
    return fail(core::Errc::failed_precondition,
                connect.address + " is this node's own address; check node.advertise of both");
  }
  if (!may_speak_for(connect.address)) {
    shared_.system.log().warn(
        "refused a peer whose certificate is not for the address that it names",
        {{"address", connect.address}, {"from", origin_.from}});
    return fail(core::Errc::permission_denied,
                "the certificate is not for a node at " + connect.address +
                    "; make it out to the host of node.advertise, or to security.tls_peer_name");
  }
  peer_ = {.address = connect.address, .member_id = connect.member_id, .hosts = {}};
  // With a name that stands for all nodes each may be any.
  if (is_held_to_certificate() && shared_.tls->options().peer_name.empty()) {
    peer_.hosts = origin_.certified_names;
  }
  if (block_check_.is_blocked(shared_.blocks, peer_.member_id)) {
    return turn_away(kBlocked);
  }
  const auto& list = connect.block_list;
  if (std::find(list.begin(), list.end(), shared_.self.member_id) != list.end()) {
    return turn_away("the member has blocked this node");
  }
  if (shared_.on_peer_blocks) shared_.on_peer_blocks(peer_, list);
  shared_.system.log().info("peer connected",
                            {{"peer", peer_.address}, {"member", peer_.member_id}});
  gate_ = shared_.endpoints.gates().enter(peer_, weak_from_this());
  // It may have been put on the list after the look at it, and before the gate was there to be closed.
  if (block_check_.is_blocked(shared_.blocks, peer_.member_id)) return turn_away(kBlocked);
  if (connect.link) {
    session_ = shared_.sessions.session(peer_.address, peer_.member_id, connect.link->link);
    const bool has_none = session_ == nullptr;
    if (has_none && !shared_.told_no_session.exchange(true)) {
      shared_.system.log().warn("no session is free for a peer, and maybe for more",
                                {{"peer", peer_.address}, {"from", origin_.from}});
    }
    if (!has_none) shared_.told_no_session.store(false);
  }
  auto go_on = [self = shared_from_this(), session = session_, link = connect.link] {
    if (session == nullptr) {
      self->answer(std::nullopt);
    } else {
      session->claim(self, link->session);
    }
  };
  if (const auto endpoint = shared_.endpoints.find(peer_.address)) {
    if (endpoint->on_seen(peer_.member_id, std::move(go_on)) == Endpoint::OnSeen::ended) {
      return fail(core::Errc::unavailable, "this incarnation has ended");
    }
  } else {
    go_on();
  }
  return true;
}

bool InboundStream::on_client(const std::string& member_id) {
  if (!BlockList::is_id(member_id) || member_id.find('/') != std::string::npos) {
    return fail(core::Errc::invalid_argument,
                "the member id of a client has 1 to 128 printable characters, and no slash, space, "
                "quote or comma");
  }
  peer_ = {.address = core::client_name(member_id),
           .member_id = member_id,
           .hosts = std::vector<std::string>{}};
  if (block_check_.is_blocked(shared_.blocks, member_id)) return turn_away(kBlocked);
  gate_ = std::make_shared<InboundGate>();
  gate_->enter(weak_from_this());
  auto accepted = shared_.endpoints.accept_client({.member_id = member_id,
                                                   .certified_names = origin_.certified_names,
                                                   .stream = shared_from_this(),
                                                   .gate = gate_});
  if (!accepted.ok()) {
    if (!shared_.told_refused_client.exchange(true)) {
      shared_.system.log().warn(
          "client refused, and maybe more",
          {{"peer", name()}, {"from", origin_.from}, {"detail", accepted.error().detail}});
    }
    return fail(accepted.error().code, accepted.error().detail);
  }
  shared_.told_refused_client.store(false);
  bool has_ended = false;
  {
    core::MutexLock lock(mutex_);
    has_ended = transport_ == nullptr;
    if (!has_ended) client_ = accepted->link;
  }
  shared_.system.log().info("client connected", {{"peer", peer_.address}, {"from", origin_.from}});
  auto go_on = [self = shared_from_this()] { self->answer(std::nullopt); };
  if (accepted->former != nullptr) {
    accepted->former->on_replaced(std::move(go_on));
  } else {
    go_on();
  }
  if (has_ended) end_client(accepted->link, "the stream has ended");
  // It may have been put on the list after the look at it, and before there was a link.
  if (shared_.blocks.is_blocked(member_id)) accepted->link->on_blocked(member_id);
  return true;
}

void InboundStream::end_client(const std::shared_ptr<Endpoint>& client, const std::string& why) {
  client->on_stream_closed(kEpoch, why);
  shared_.endpoints.forget(*client);
}

bool InboundStream::is_held_to_certificate() const {
  return shared_.tls != nullptr && shared_.tls->options().mutual;
}

bool InboundStream::may_speak_for(const std::string& address) const {
  if (!is_held_to_certificate()) return true;
  const std::string& name = shared_.tls->options().peer_name;
  return certifies(origin_.certified_names, name.empty() ? host_of(address) : name);
}

// Tells a peer that it is blocked, if it has not been answered yet.
bool InboundStream::turn_away(const std::string& why) {
  {
    core::MutexLock lock(mutex_);
    if (ending_) return false;
    if (!connected_) response_ = encode(ConnectResponse{shared_.self.member_id, true});
  }
  shared_.system.log().warn("peer turned away",
                            {{"peer", name()}, {"member", peer_.member_id}, {"why", why}});
  end({core::Errc::permission_denied, why});
  return false;
}

void InboundStream::on_session(const InboundSession::Grant& grant) {
  answer(LinkAccept{.resumed = grant.resumed,
                    .received = grant.received,
                    .credit_bytes = shared_.options.credit_bytes,
                    .frame_bytes_max = frame_bytes_max(shared_.options)});
}

void InboundStream::on_gate_closed(core::Duration patience) {
  const auto give_up = [](InboundStream& stream) {
    if (stream.shared_.blocks.is_blocked(stream.peer_.member_id)) {
      (void)stream.turn_away(kBlocked);
    } else {
      stream.end({core::Errc::unavailable, "this node takes the member for gone; connect again"});
    }
  };
  if (patience == core::Duration::zero()) return give_up(*this);
  do_later(patience, give_up);
}

bool InboundStream::has_ended() {
  core::MutexLock lock(mutex_);
  return transport_ == nullptr;
}

bool InboundStream::is_connected() {
  core::MutexLock lock(mutex_);
  return connected_;
}

void InboundStream::answer(std::optional<LinkAccept> link) {
  {
    core::MutexLock lock(mutex_);
    if (ending_) return;
    connected_ = true;
    acknowledges_ = link.has_value();
    if (link) received_ = link->received;
    response_ = encode(ConnectResponse{shared_.self.member_id, false, link});
  }
  pump();
}

void InboundStream::on_session_lost() {
  end({core::Errc::aborted, "the session goes on in another stream"});
}

void InboundStream::note_delivered(std::uint64_t sequence, std::size_t bytes) {
  bool is_much = false;
  bool is_first = false;
  {
    core::MutexLock lock(mutex_);
    received_ = std::max(received_, sequence);
    unacknowledged_bytes_ += bytes;
    ++unacknowledged_count_;
    is_much = unacknowledged_count_ >= kUnacknowledgedCountMax ||
              unacknowledged_bytes_ >= shared_.options.credit_bytes / 4;
    ack_is_due_ = ack_is_due_ || is_much;
    is_first = !is_much && !std::exchange(ack_is_timed_, true);
  }
  if (is_much) pump();
  if (!is_first) return;
  do_later(shared_.options.ack_delay, [](InboundStream& stream) { stream.acknowledge(); });
}

void InboundStream::acknowledge() {
  {
    core::MutexLock lock(mutex_);
    ack_is_timed_ = false;
    ack_is_due_ = true;
  }
  pump();
}

LinkAck InboundStream::ack() {
  ack_is_due_ = false;
  unacknowledged_bytes_ = 0;
  unacknowledged_count_ = 0;
  return {.received = received_, .credit_bytes = shared_.options.credit_bytes};
}

std::string InboundStream::goodbye() {
  if (!acknowledges_) return encode(DisconnectRequest{});
  return encode(DisconnectRequest{ack()});
}

void InboundStream::on_end() { end({core::Errc::unavailable, "the stream has ended"}); }

void InboundStream::on_written(bool ok) {
  Writing written{};
  std::shared_ptr<Endpoint> client;
  {
    core::MutexLock lock(mutex_);
    written = writing_;
    client = client_;
  }
  // What the link writes in there waits until this write is over, and so does the end.
  if (client != nullptr) {
    if (written == Writing::response && ok) client->on_stream_open();
    if (written == Writing::batch) client->on_stream_written(kEpoch, ok);
  }
  {
    core::MutexLock lock(mutex_);
    writing_ = Writing::nothing;
  }
  pump();
}

bool InboundStream::write(OutgoingFramePtr frame, std::uint64_t) {
  {
    core::MutexLock lock(mutex_);
    if (ending_) return false;
    CHECK(batch_ == nullptr);
    batch_ = std::move(frame);
  }
  pump();
  return true;
}

void InboundStream::cancel() {
  if (shared_.blocks.is_blocked(peer_.member_id)) {
    (void)turn_away(kBlocked);
  } else {
    end({core::Errc::aborted, "the client is connected on another stream now"});
  }
}

void InboundStream::end(core::Error why) { end_with(std::move(why), false); }

void InboundStream::say_goodbye() {
  // A peer of the Go family takes an OK end for a link that is still good.
  end_with({core::Errc::unavailable, "the node is shutting down"}, true);
}

void InboundStream::end_with(core::Error why, bool is_goodbye) {
  bool is_first = false;
  {
    core::MutexLock lock(mutex_);
    is_first = !ending_;
    if (is_first) {
      ending_ = std::move(why);
      is_goodbye_ = is_goodbye;
    }
  }
  pump();
  if (!is_first || has_ended()) return;
  do_later(shared_.options.unreachable_after, [](InboundStream& stream) {
    std::shared_ptr<Transport> transport;
    {
      core::MutexLock lock(stream.mutex_);
      transport = stream.transport_;
    }
    // A peer that does not read.
    if (transport != nullptr) transport->cancel();
  });
}

// The next thing that the peer is to hear, if there is one and the transport is free.
void InboundStream::pump() {
  std::shared_ptr<Transport> transport;
  std::string frame;
  OutgoingFramePtr batch;
  std::optional<core::Error> why;
  std::shared_ptr<Endpoint> client;
  {
    core::MutexLock lock(mutex_);
    if (writing_ != Writing::nothing || transport_ == nullptr) return;
    if (!response_.empty()) {
      frame = std::exchange(response_, {});
      writing_ = Writing::response;
    } else if (batch_ != nullptr) {
      batch = std::exchange(batch_, nullptr);
      writing_ = Writing::batch;
    } else if (ending_) {
      why = ending_;
      if (is_goodbye_ && connected_) frame = goodbye();
      client = std::exchange(client_, nullptr);
    } else if (ack_is_due_) {
      frame = encode(ack());
      writing_ = Writing::ack;
    } else {
      return;
    }
    transport = why ? std::exchange(transport_, nullptr) : transport_;
  }
  if (why) {
    transport->end(*why, std::move(frame));
    if (client != nullptr) end_client(client, why->detail);
  } else if (batch != nullptr) {
    transport->write_batch(std::move(batch));
  } else {
    transport->write(std::move(frame));
  }
}

}  // namespace nexus::remote
