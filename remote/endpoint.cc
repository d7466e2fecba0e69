#include "remote/endpoint.h"

#include <algorithm>
#include <array>
#include <span>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "core/dispatch/worker.h"
#include "core/process/client_name.h"
#include "remote/protobuf_wire.h"

namespace nexus::remote {
namespace {

// Peers refuse a whole frame for one text in it that is not UTF-8.
bool is_utf8(const core::Pid& pid) { return !pid.is_record() || pid.record()->is_text; }
bool are_utf8(const core::Headers& headers) {
  return std::all_of(headers.begin(), headers.end(), [](const auto& header) {
    return pb::is_utf8(header.first) && pb::is_utf8(header.second);
  });
}

// No full queue turns these away.
EndpointWriter::Room room_of(const core::Envelope& envelope) {
  const bool is_exempt = envelope.is<core::Terminated>() || envelope.is<core::PoisonPill>();
  return is_exempt ? EndpointWriter::Room::reserve : EndpointWriter::Room::queue;
}

// Nodes of ours and of .NET have 32 digits there.
bool may_be_go(const std::string& member_id) { return member_id.size() != 32; }

// A Go node of before 2025 cannot read ids, and ends the stream with INTERNAL and this.
bool refuses_ids(const std::string& detail) {
  return detail.find("failed to unmarshal the received message") != std::string::npos;
}

EndpointState::Options state_options(const Options& options) {
  // The upper half of each wait is chance.
  return {.reconnect = {.min = options.reconnect_min, .max = options.reconnect_max, .jitter = 0.5},
          .unreachable_after = options.unreachable_after};
}

// Whether the calling thread is one of those that call FlushList::flush().
bool is_own_worker(const core::ActorSystem& system) {
  const core::Worker* const worker = core::Worker::current_of(system);
  return worker != nullptr && worker->id() <= system.options().worker_count;
}

// Room for the number of a frame, which comes before its bytes.
constexpr std::size_t kSequenceBytes = 16;
// No node of ours reads less, see frame_bytes_max(); a peer that says so cannot make everything unreadable.
constexpr std::size_t kFrameBytesMaxLeast = 64 * 1024;

constexpr const char* kFalseAck = "an acknowledgement of what was not sent";

OutgoingFramePtr ping_frame() {
  const std::string bytes = encode(LinkPing{});
  auto memory = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), memory.get());
  return std::make_shared<const OutgoingFrame>(FrameBytes(std::move(memory), 0, bytes.size()), 0,
                                               core::Lane::system, Dialect::strings);
}

}  // namespace

// Nodes that lost the same peer, and the links of one node, come back at different times: so the seed.
Endpoint::Endpoint(std::shared_ptr<const Shared> shared, std::string address)
    : Endpoint(shared, address, address,
               EndpointState(state_options(shared->options),
                             static_cast<std::uint32_t>(
                                 std::hash<std::string>{}(shared->system.address() + address))),
               Client{}) {}

Endpoint::Endpoint(std::shared_ptr<const Shared> shared, Client client)
    : Endpoint(shared, core::client_name(client.member_id), shared->system.address(),
               EndpointState::of_client(state_options(shared->options), client.member_id), client) {
}

Endpoint::Endpoint(std::shared_ptr<const Shared> shared, std::string address,
                   std::string pid_address, EndpointState state, Client client)
    : shared_(std::move(shared)),
      address_(std::move(address)),
      pid_address_(std::move(pid_address)),
      certified_names_(std::move(client.certified_names)),
      gate_(std::move(client.gate)),
      state_(std::move(state)),
      writer_(shared_->options, pid_address_),
      pressure_({.count_max = shared_->options.queue_count_max,
                 .bytes_max = shared_->options.queue_bytes_max,
                 .high_percent = shared_->options.pressure_high_percent,
                 .critical_percent = shared_->options.pressure_critical_percent}),
      session_(shared_->next_link.fetch_add(1, std::memory_order_relaxed)),
      liveness_(
          {.interval = shared_->options.ping_interval, .timeout = shared_->options.ping_timeout}),
      stream_(std::move(client.stream)),
      // Clients are younger than the other dialect; one that uses it all the same has written first.
      dialect_is_known_(stream_ != nullptr) {}

// What is to leave, with views of what the caller holds.
struct Endpoint::Outgoing {
  BatchEncoder::Message head;
  std::string_view data;
  core::Lane lane;
  EndpointWriter::Room room;
};

bool Endpoint::is_too_large(const Outgoing& message) const {
  const std::size_t bytes = message.data.size() + headers_bytes(message.head.headers);
  const std::size_t bytes_max = shared_->options.message_bytes_max;
  if (message.head.type_name.size() > WireLimits::kNameBytesMax) return true;
  const core::Pid& target = message.head.target;
  const bool is_endless = message.lane == core::Lane::system && target.is_record() &&
                          target.record()->id.size() > kWatchedBytesMax;
  if (is_endless) return true;
  if (bytes <= bytes_max) return false;
  const bool is_wrapped = message.head.type_name == WireLimits::kWrappedName;
  return !is_wrapped || bytes > bytes_max + WireLimits::kWrappingBytes;
}

std::optional<core::DeadLetterReason> Endpoint::enqueue(const Outgoing& message) {
  if (is_too_large(message)) return core::DeadLetterReason::too_large;
  std::optional<QueuePressure::Change> pressure;
  std::optional<Todo> overrun;
  Then then = Then::nothing;
  {
    core::MutexLock lock(mutex_);
    if (takes_nothing()) return down_reason();
    switch (writer_.push(message.head, message.data, message.lane, message.room)) {
      case EndpointWriter::OnPush::pushed:
        if (pressure_.rises(writer_.user_count(), writer_.filled_bytes())) pressure = note_queue();
        then = after_push();
        break;
      case EndpointWriter::OnPush::full:
        return core::DeadLetterReason::link_queue_full;
      case EndpointWriter::OnPush::overrun:
        // The peer does not read what nobody can be refused: it pays.
        overrun = drop_stream(state_.on_overrun());
        break;
      case EndpointWriter::OnPush::too_large:
        return core::DeadLetterReason::too_large;
    }
  }
  if (overrun) {
    carry_out(*std::move(overrun));
    return core::DeadLetterReason::link_queue_full;
  }
  if (pressure) publish(*pressure);
  switch (then) {
    case Then::nothing:
      break;
    case Then::want:
      want();
      break;
    case Then::write:
      write_next();
      break;
    case Then::hold:
      if (!shared_->held.add(shared_from_this())) shared_->held.flush();
  }
  return std::nullopt;
}

Endpoint::Then Endpoint::after_push() {
  if (state_.phase() != EndpointState::Phase::connected) return Then::want;
  if (writing_ || stream_ == nullptr) return Then::nothing;
  // More may follow; a whole frame need not wait for it.
  const bool may_hold =
      shared_->held.is_enabled() && !writer_.is_worth_writing() && is_own_worker(shared_->system);
  if (may_hold) return std::exchange(held_, true) ? Then::nothing : Then::hold;
  writing_ = true;
  return Then::write;
}

// Something waits for the link.
void Endpoint::want() {
  Todo todo;
  {
    core::MutexLock lock(mutex_);
    todo = decide(state_.on_wanted(shared_->system.clock().now()));
  }
  carry_out(std::move(todo));
}

void Endpoint::send(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane) {
  const auto refuse = [&](core::DeadLetterReason reason) {
    // Nobody is told of a lost Unwatch. A Stop that is lost is a message that is.
    const core::Lane shown = envelope->is<core::Stop>() ? core::Lane::user : lane;
    shared_->system.dead_letters().take(target, std::move(envelope), shown, reason);
  };
  if (!is_utf8(target) || !is_utf8(envelope->sender())) {
    return refuse(core::DeadLetterReason::not_remotable);
  }
  // Kept, so that a message needs no memory of its own on its way out.
  static thread_local std::string scratch;
  const auto encoded = shared_->types.encode(*envelope, scratch);
  if (!encoded) return refuse(core::DeadLetterReason::not_remotable);
  if (envelope->specials() == 0) {
    // Most messages: a sender, if that, and nothing else.
    const auto refused = enqueue(
        {.head = {.type_name = encoded->type_name, .target = target, .sender = envelope->sender()},
         .data = encoded->data,
         .lane = lane,
         .room = room_of(*envelope)});
    if (refused) refuse(*refused);
    return;
  }
  if (!are_utf8(envelope->headers())) return refuse(core::DeadLetterReason::not_remotable);
  std::array<HeaderView, 2> own_headers;
  std::size_t own_count = 0;
  std::string timeout;
  if (envelope->deadline() != core::Instant::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(envelope->deadline() -
                                                                   shared_->system.clock().now());
    if (left <= std::chrono::milliseconds::zero()) return refuse(core::DeadLetterReason::expired);
    timeout = std::to_string(left.count());
    own_headers[own_count++] = {kTimeoutHeader, timeout};
  }
  if (envelope->wants_notices()) own_headers[own_count++] = {kNoticesHeader, kAllNotices};
  const auto refused = enqueue({.head = {.type_name = encoded->type_name,
                                         .target = target,
                                         .sender = envelope->sender(),
                                         .headers = envelope->headers(),
                                         .more_headers = std::span(own_headers).first(own_count)},
                                .data = encoded->data,
                                .lane = lane,
                                .room = room_of(*envelope)});
  if (refused) refuse(*refused);
}

void Endpoint::flush_held() {
  {
    core::MutexLock lock(mutex_);
    held_ = false;
  }
  begin_write_if_possible();
}

void Endpoint::begin_write_if_possible() {
  {
    core::MutexLock lock(mutex_);
    if (writing_ || stream_ == nullptr) return;
    if (writer_.empty() && session_.empty() && !ping_is_due_) return;
    if (state_.phase() != EndpointState::Phase::connected) return;
    writing_ = true;
  }
  write_next();
}

// Called by whoever set writing_, until there is nothing to write.
void Endpoint::write_next() {
  for (;;) {
    std::shared_ptr<EndpointStream> stream;
    std::optional<QueuePressure::Change> pressure;
    {
      core::MutexLock lock(mutex_);
      if (state_.phase() == EndpointState::Phase::connected && stream_ != nullptr) {
        in_flight_ = next_frame();
        in_flight_end_count_ = end_count_;
        pressure = note_queue();
      }
      if (in_flight_.frame == nullptr) {
        writing_ = false;
        drained_.notify_all();
        return;
      }
      stream = stream_;
    }
    if (pressure) publish(*pressure);
    if (stream->write(in_flight_.frame, in_flight_.sequence)) return;
    write_failed(stream);
  }
}

OutboundSession::Numbered Endpoint::next_frame() {
  if (std::exchange(ping_is_due_, false)) return {.frame = ping_frame()};
  if (!session_.is_active()) return {.frame = writer_.take_frame()};
  OutboundSession::Numbered next = session_.take();
  if (next.frame != nullptr) return next;
  OutgoingFramePtr fresh = session_.has_room()          ? writer_.take_frame()
                           : session_.has_system_room() ? writer_.take_frame(core::Lane::system)
                                                        : nullptr;
  if (fresh == nullptr) return {};
  session_.add(std::move(fresh));
  return session_.take();
}

// The stream had ended, and its on_stream_closed() is on the way: the frame waits for the next one.
void Endpoint::write_failed(const std::shared_ptr<EndpointStream>& stream) {
  OutboundSession::Numbered failed = std::exchange(in_flight_, {});
  std::optional<QueuePressure::Change> pressure;
  Remains remains;
  core::DeadLetterReason reason{};
  {
    core::MutexLock lock(mutex_);
    if (stream_ == stream) stream_ = nullptr;
    if (failed.sequence > 0) return session_.untake();
    const bool has_future = state_.phase() != EndpointState::Phase::idle && !takes_nothing();
    reason = down_reason();
    if (has_future && failed.frame->count > 0) {
      OutgoingFramePtr frame = std::exchange(failed.frame, nullptr);
      if (in_flight_end_count_ == end_count_) {
        writer_.put_back(std::move(frame));
      } else {
        carry_over(std::move(frame), remains);
      }
      // The next stream may have come to a peer that reads less.
      collect_unreadable(remains);
      pressure = note_queue();
    }
  }
  if (pressure) publish(*pressure);
  if (failed.frame != nullptr) remains.waiting.push_back(std::move(failed.frame));
  bury(remains, reason);
}

void Endpoint::on_stream_written(std::uint64_t epoch, bool ok) {
  const OutboundSession::Numbered written = std::exchange(in_flight_, {});
  {
    core::MutexLock lock(mutex_);
    if (ok) note_written(*written.frame);
    // Its on_stream_closed() is on the way.
    if (!ok && epoch == epoch_) stream_ = nullptr;
    const bool may_be_unread = ok && written.sequence == 0 && epoch == epoch_ &&
                               !dialect_is_known_ && may_be_go(state_.member_id());
    if (may_be_unread) unproven_.push_back(written.frame);
    // One that could not read our batches would have said so at the first.
    if (unproven_.size() > kUnprovenCountMax) note_dialect_is_known();
  }
  // The session keeps what it has numbered, until the peer says what became of it.
  if (!ok && written.sequence == 0) {
    to_dead_letters(written.frame, core::DeadLetterReason::link_lost_in_doubt);
  }
  write_next();
}

void Endpoint::note_written(const OutgoingFrame& frame) {
  // A ping.
  if (frame.count == 0) return;
  const std::size_t bytes = frame.bytes.view().size();
  counted_.message_count += frame.count;
  counted_.bytes += bytes;
  ++counted_.batch_count;
  shared_->metrics.sent_message_count.add(frame.count);
  shared_->metrics.sent_bytes.add(bytes);
  shared_->metrics.sent_batch_count.add();
}

void Endpoint::publish(const QueuePressure::Change& change) {
  if (change.level > change.before) shared_->metrics.pressure_rise_count.add();
  shared_->system.events().publish(
      EndpointPressure{address_, change.level, change.before, change.number});
}

void Endpoint::note_dialect_is_known() {
  dialect_is_known_ = true;
  unproven_.clear();
}

void Endpoint::on_stream_frame(std::uint64_t epoch, std::string frame) {
  core::Result<Frame> decoded = decode_frame(frame);
  const core::Instant now = shared_->system.clock().now();
  Todo todo;
  std::optional<std::string> connected_to;
  bool has_session = false;
  std::string garbage = decoded.ok() ? "" : decoded.error().detail;
  {
    core::MutexLock lock(mutex_);
    if (epoch != epoch_) return;
    liveness_.on_heard(now);
    if (decoded.ok()) {
      if (const auto* response = std::get_if<ConnectResponse>(&*decoded)) {
        if (response->blocked) {
          todo = drop_stream(state_.on_goodbye(EndpointState::WhyGone::refused));
        } else if (response->member_id.size() > BlockList::kIdBytesMax) {
          garbage = "a member id that is too long";
        } else if (shared_->blocks.is_blocked(response->member_id)) {
          todo = block(response->member_id);
        } else if (state_.phase() == EndpointState::Phase::connecting) {
          todo = decide(state_.on_connected(response->member_id));
          take_up(*response, todo);
          note_connected();
          connected_to = response->member_id;
          has_session = session_.is_active();
        }
      } else if (const auto* ack = std::get_if<LinkAck>(&*decoded)) {
        if (!session_.is_active() || !session_.on_ack(*ack)) garbage = kFalseAck;
        if (session_.empty()) drained_.notify_all();
      } else if (const auto* goodbye = std::get_if<DisconnectRequest>(&*decoded)) {
        const bool is_false =
            goodbye->ack && session_.is_active() && !session_.on_ack(*goodbye->ack);
        if (is_false) garbage = kFalseAck;
        todo = drop_stream(state_.on_goodbye(EndpointState::WhyGone::said_goodbye));
      }
    }
    // on_stream_closed() follows and says that the link is lost.
    if (!garbage.empty() && todo.cancel == nullptr) todo.cancel = std::exchange(stream_, nullptr);
  }
  if (!garbage.empty()) {
    shared_->system.log().warn("link broken off, the peer sent garbage",
                               {{"peer", address_}, {"detail", garbage}});
  }
  carry_out(std::move(todo));
  if (connected_to) {
    tell_connected(*connected_to);
    if (has_session) watch_liveness(epoch, now + shared_->options.ping_interval);
  }
  begin_write_if_possible();
}

void Endpoint::on_stream_open() {
  Todo todo;
  std::string member_id;
  {
    core::MutexLock lock(mutex_);
    if (state_.phase() != EndpointState::Phase::connecting) return;
    member_id = state_.member_id();
    todo = decide(state_.on_connected(member_id));
    note_connected();
  }
  carry_out(std::move(todo));
  tell_connected(member_id);
  begin_write_if_possible();
}

void Endpoint::note_connected() {
  told_dial_failure_.clear();
  shared_->metrics.connect_count.add();
  if (counted_.connect_count++ > 0) shared_->metrics.reconnect_count.add();
}

void Endpoint::tell_connected(const std::string& member_id) {
  shared_->system.log().info("link up", {{"peer", address_}, {"member", member_id}});
  shared_->system.events().publish(EndpointConnected{address_, member_id});
}

// What the peer of a new stream has of the old session.
void Endpoint::take_up(const ConnectResponse& response, Todo& todo) {
  if (response.link) {
    note_dialect_is_known();
    const std::size_t readable =
        std::max<std::size_t>(response.link->frame_bytes_max, kFrameBytesMaxLeast) - kSequenceBytes;
    writer_.set_peer_limits(readable, readable);
  } else {
    writer_.set_peer_limits(BatchEncoder::kBytesMax, EndpointWriter::kFamilyBatchBytesMax);
  }
  keep_remains(response.link ? session_.on_accepted(*response.link) : session_.end(), todo.remains);
  todo.pressure = note_queue();
}

void Endpoint::keep_remains(OutboundSession::Remains left, Remains& remains) {
  for (OutgoingFramePtr& frame : left.in_doubt) remains.in_doubt.push_back(std::move(frame));
  writer_.put_back(std::move(left.unsent));
  collect_unreadable(remains);
}

void Endpoint::collect_unreadable(Remains& remains) {
  for (OutgoingFramePtr& frame : writer_.take_unreadable()) {
    remains.unreadable.push_back(std::move(frame));
  }
}

void Endpoint::watch_liveness(std::uint64_t epoch, core::Instant at) {
  shared_->system.timers().schedule(at, [self = weak_from_this(), epoch] {
    if (const auto endpoint = self.lock()) endpoint->check_liveness(epoch);
  });
}

void Endpoint::check_liveness(std::uint64_t epoch) {
  LinkLiveness::Next next{};
  std::shared_ptr<EndpointStream> silent;
  {
    core::MutexLock lock(mutex_);
    if (epoch != epoch_ || state_.phase() != EndpointState::Phase::connected) return;
    next = liveness_.on_time(shared_->system.clock().now());
    if (next.verdict == LinkLiveness::Verdict::ask) ping_is_due_ = true;
    // on_stream_closed() follows and says that the link is lost.
    if (next.verdict == LinkLiveness::Verdict::dead) silent = std::exchange(stream_, nullptr);
  }
  if (next.verdict == LinkLiveness::Verdict::dead) {
    shared_->system.log().warn("link broken off, the peer is silent", {{"peer", address_}});
    if (silent != nullptr) silent->cancel();
    return;
  }
  begin_write_if_possible();
  watch_liveness(epoch, next.at);
}

void Endpoint::on_stream_closed(std::uint64_t epoch, const std::string& detail) {
  Todo todo;
  bool was_connected = false;
  const bool is_client = gate_ != nullptr;
  {
    core::MutexLock lock(mutex_);
    if (epoch != epoch_) return;
    was_connected = state_.phase() == EndpointState::Phase::connected;
    if (was_connected) {
      ++counted_.loss_count;
      shared_->metrics.loss_count.add();
    }
    if (was_connected && !dialect_is_known_ && !unproven_.empty() && refuses_ids(detail)) {
      for (auto frame = unproven_.rbegin(); frame != unproven_.rend(); ++frame) {
        writer_.put_back(std::move(*frame));
      }
      writer_.set_dialect(Dialect::pids);
      note_dialect_is_known();
    }
    todo = drop_stream(state_.on_lost(shared_->system.clock().now()));
    collect_unreadable(todo.remains);
    if (!was_connected && !is_client && told_dial_failure_ != detail) {
      todo.dial_failure = told_dial_failure_ = detail;
    }
  }
  if (was_connected) {
    shared_->system.log().write(is_client ? core::LogLevel::info : core::LogLevel::warn,
                                "link lost", {{"peer", address_}, {"detail", detail}});
  }
  carry_out(std::move(todo));
}

Endpoint::Todo Endpoint::decide(const EndpointState::Actions& actions) {
  Todo todo;
  for (const EndpointState::Action& action : actions) {
    if (std::holds_alternative<EndpointState::Dial>(action)) {
      todo.dial_epoch = ++epoch_;
    } else if (const auto* wake = std::get_if<EndpointState::WakeAt>(&action)) {
      todo.wake_at = wake->at;
    } else if (const auto* gone = std::get_if<EndpointState::DeclareGone>(&action)) {
      ++end_count_;
      // Whoever waits for an answer of that incarnation waits in vain; the next one may answer what it is asked.
      todo.gone = Gone{gone->why, gone->member_id, tells_.take_place(),
                       shared_->system.futures().open_at(address_)};
      todo.remains.watches = watcher_.take_all();
      writer_.note_watches(0);
      todo.remains.inbound_watches = inbound_watches_.take_all();
      keep_remains(session_.end(), todo.remains);
      if (gone->queue_too) {
        todo.remains.waiting = writer_.take_all();
      } else {
        carry_over(todo);
      }
      todo.pressure = note_queue();
    } else if (std::holds_alternative<EndpointState::SendWatches>(action)) {
      drop_watches();
      watcher_.for_each([this](const core::Pid& watcher, const core::Pid& watchee) {
        (void)push_watch(watcher, watchee, true);
      });
    }
  }
  return todo;
}

// The same when the stream is over: nothing that it still says counts.
Endpoint::Todo Endpoint::drop_stream(const EndpointState::Actions& actions) {
  ++epoch_;
  // Another stream may lead to another incarnation, and must not get again what this one has read.
  unproven_.clear();
  ping_is_due_ = false;
  Todo todo = decide(actions);
  // Frames may have gone back to it before.
  if (!todo.pressure) todo.pressure = note_queue();
  todo.cancel = std::exchange(stream_, nullptr);
  drained_.notify_all();
  return todo;
}

// Ends the link to this incarnation, whatever its state.
Endpoint::Todo Endpoint::block(const std::string& member_id) {
  blocked_member_ = member_id;
  return drop_stream(state_.on_blocked());
}

bool Endpoint::takes_nothing() const {
  return state_.phase() == EndpointState::Phase::closed ||
         state_.phase() == EndpointState::Phase::blocked;
}

core::DeadLetterReason Endpoint::down_reason() const {
  return state_.phase() == EndpointState::Phase::blocked ? core::DeadLetterReason::blocked
                                                         : core::DeadLetterReason::link_down;
}

void Endpoint::carry_out(Todo todo) {
  if (todo.pressure) publish(*todo.pressure);
  // A client's stream is ended by the end of its gate, with that reason.
  const bool is_told_otherwise =
      gate_ != nullptr && todo.gone && todo.gone->why == EndpointState::WhyGone::overrun;
  if (todo.cancel != nullptr && !is_told_otherwise) todo.cancel->cancel();
  if (!todo.dial_failure.empty()) {
    shared_->system.log().warn("cannot connect",
                               {{"peer", address_}, {"detail", todo.dial_failure}});
  }
  if (todo.gone) {
    announce(*std::move(todo.gone), std::move(todo.remains));
  } else {
    bury(todo.remains, core::DeadLetterReason::link_down);
  }
  if (todo.wake_at) wake_at(*todo.wake_at);
  if (todo.dial_epoch) dial(*todo.dial_epoch);
}

void Endpoint::wake_at(core::Instant at) {
  shared_->system.timers().schedule(at, [self = weak_from_this()] {
    const auto endpoint = self.lock();
    if (endpoint == nullptr) return;
    Todo todo;
    {
      core::MutexLock lock(endpoint->mutex_);
      todo = endpoint->decide(endpoint->state_.on_time(endpoint->shared_->system.clock().now()));
    }
    endpoint->carry_out(std::move(todo));
  });
}

void Endpoint::dial(std::uint64_t epoch) {
  ConnectRequest request{.member_id = shared_->member_id,
                         .address = shared_->system.address(),
                         .block_list = shared_->blocks.latest(BlockList::kToldBytesMax)};
  {
    core::MutexLock lock(mutex_);
    request.link = session_.offer();
  }
  std::shared_ptr<EndpointStream> stream = shared_->dialer->dial(
      {.address = address_, .handshake = encode(request), .epoch = epoch}, shared_from_this());
  if (stream == nullptr) return on_stream_closed(epoch, "the node is shutting down");
  {
    core::MutexLock lock(mutex_);
    // Its last event may have come already, or the link was closed.
    if (epoch == epoch_) stream_ = std::exchange(stream, nullptr);
  }
  if (stream != nullptr) return stream->cancel();
  // The handshake may have come before there was a stream to write to.
  begin_write_if_possible();
  // A peer that takes the connection but never answers the handshake.
  const core::Instant patience = shared_->system.clock().now() + shared_->options.unreachable_after;
  shared_->system.timers().schedule(patience, [self = weak_from_this(), epoch] {
    const auto endpoint = self.lock();
    if (endpoint == nullptr) return;
    std::shared_ptr<EndpointStream> stalled;
    {
      core::MutexLock lock(endpoint->mutex_);
      const bool waits =
          endpoint->epoch_ == epoch && endpoint->state_.phase() == EndpointState::Phase::connecting;
      if (waits) stalled = endpoint->stream_;
    }
    if (stalled != nullptr) stalled->cancel();
  });
}

Endpoint::OnSeen Endpoint::on_seen(const std::string& member_id, std::function<void()> then) {
  Todo todo;
  TellQueue::Place place;
  {
    core::MutexLock lock(mutex_);
    if (state_.is_former(member_id)) return OnSeen::ended;
    const EndpointState::Phase before = state_.phase();
    EndpointState::Actions actions = state_.on_seen(member_id);
    const bool has_lost_stream = state_.phase() == EndpointState::Phase::idle &&
                                 before != EndpointState::Phase::idle &&
                                 before != EndpointState::Phase::blocked;
    if (has_lost_stream) {
      for (auto& action : state_.on_wanted(shared_->system.clock().now())) {
        actions.push_back(std::move(action));
      }
      todo = drop_stream(actions);
    } else {
      todo = decide(actions);
    }
    if (then) place = tells_.take_place();
  }
  carry_out(std::move(todo));
  if (place != nullptr) tells_.fill(place, std::move(then));
  return OnSeen::seen;
}

void Endpoint::on_replaced(std::function<void()> then) {
  Todo todo;
  TellQueue::Place place;
  {
    core::MutexLock lock(mutex_);
    todo = drop_stream(state_.on_goodbye(EndpointState::WhyGone::replaced));
    place = tells_.take_place();
  }
  carry_out(std::move(todo));
  tells_.fill(place, std::move(then));
}

void Endpoint::on_blocked(const std::string& member_id) {
  Todo todo;
  {
    core::MutexLock lock(mutex_);
    if (state_.member_id() != member_id) return;
    todo = block(member_id);
  }
  carry_out(std::move(todo));
}

void Endpoint::on_unblocked(const std::string& member_id) {
  core::MutexLock lock(mutex_);
  if (blocked_member_ != member_id) return;
  blocked_member_.clear();
  state_.on_unblocked();
}

void Endpoint::on_joined(const std::string& member_id) {
  core::MutexLock lock(mutex_);
  if (blocked_member_.empty() || blocked_member_ == member_id) return;
  blocked_member_.clear();
  state_.on_unblocked();
}

std::string Endpoint::member_id() const {
  core::MutexLock lock(mutex_);
  return state_.member_id();
}

void Endpoint::set_dialect(Dialect dialect) {
  Todo todo;
  {
    core::MutexLock lock(mutex_);
    note_dialect_is_known();
    if (!writer_.set_dialect(dialect)) return;
    // A message may be larger in the other dialect.
    collect_unreadable(todo.remains);
    todo.pressure = note_queue();
  }
  carry_out(std::move(todo));
}

bool Endpoint::idle() const {
  core::MutexLock lock(mutex_);
  const bool is_down = state_.phase() == EndpointState::Phase::idle ||
                       state_.phase() == EndpointState::Phase::blocked;
  return is_down && writer_.empty() && session_.empty() && !writing_ && watcher_.size() == 0 &&
         inbound_watches_.size() == 0;
}

bool Endpoint::is_connected() const {
  core::MutexLock lock(mutex_);
  return state_.phase() == EndpointState::Phase::connected;
}

LinkStats Endpoint::stats() const {
  core::MutexLock lock(mutex_);
  return {.address = address_,
          .member_id = state_.member_id(),
          .phase = state_.phase(),
          .pressure = pressure_.level(),
          .queue_message_count = writer_.count(),
          .queue_bytes = writer_.bytes(),
          .unacknowledged_bytes = session_.bytes(),
          .watch_count = watcher_.size(),
          .inbound_watch_count = inbound_watches_.size(),
          .sent_message_count = counted_.message_count,
          .sent_bytes = counted_.bytes,
          .sent_batch_count = counted_.batch_count,
          .connect_count = counted_.connect_count,
          .loss_count = counted_.loss_count};
}

std::size_t Endpoint::waiting_count() const {
  core::MutexLock lock(mutex_);
  return writer_.count();
}

bool Endpoint::flush(core::Instant deadline) {
  core::MutexLock lock(mutex_);
  while (writing_ || !writer_.empty() || !session_.empty()) {
    const bool has_hope = state_.phase() == EndpointState::Phase::connected ||
                          state_.phase() == EndpointState::Phase::connecting;
    if (!has_hope) return false;
    if (shared_->system.clock().now() >= deadline) return false;
    drained_.wait_until(mutex_, deadline);
  }
  return true;
}

}  // namespace nexus::remote
