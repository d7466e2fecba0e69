#include "remote/endpoint.h"

#include "core/actor/system_messages.h"

namespace nexus::remote {
namespace {

EndpointState::Options state_options(const Options& options) {
  return {.reconnect_min = options.reconnect_min,
          .reconnect_max = options.reconnect_max,
          .unreachable_after = options.unreachable_after};
}

std::string_view to_string(EndpointState::WhyGone why) {
  switch (why) {
    case EndpointState::WhyGone::unreachable:
      return "unreachable";
    case EndpointState::WhyGone::said_goodbye:
      return "said goodbye";
    case EndpointState::WhyGone::restarted:
      return "restarted";
    case EndpointState::WhyGone::refused:
      return "refused us";
  }
  return "";
}

}  // namespace

Endpoint::Endpoint(const Shared& shared, std::string address)
    : shared_(shared),
      address_(std::move(address)),
      state_(state_options(shared.options)),
      writer_(shared.options),
      jitter_(static_cast<std::uint32_t>(
          std::hash<std::string>{}(shared.system.address() + address_))) {}

void Endpoint::send(WireMessage message) {
  if (message.bytes() > shared_.options.message_bytes_max) {
    to_dead_letters({std::move(message)}, core::DeadLetterReason::too_large);
    return;
  }
  bool queued = false;
  bool closed = false;
  EndpointState::Actions actions;
  {
    core::MutexLock lock(mutex_);
    closed = state_.phase() == EndpointState::Phase::closed;
    queued = !closed && writer_.push(message);
    if (queued) actions = state_.on_wanted(shared_.system.clock().now());
  }
  if (!queued) {
    to_dead_letters({std::move(message)}, closed ? core::DeadLetterReason::link_down
                                                 : core::DeadLetterReason::link_queue_full);
    return;
  }
  perform(actions);
  begin_write_if_possible();
}

void Endpoint::begin_write_if_possible() {
  {
    core::MutexLock lock(mutex_);
    if (writing_ || writer_.empty() || stream_ == nullptr) return;
    if (state_.phase() != EndpointState::Phase::connected) return;
    writing_ = true;
  }
  write_next();
}

// Called by whoever set writing_, until there is nothing to write.
void Endpoint::write_next() {
  for (;;) {
    std::shared_ptr<EndpointStream> stream;
    Dialect dialect{};
    {
      core::MutexLock lock(mutex_);
      if (state_.phase() == EndpointState::Phase::connected && stream_ != nullptr) {
        in_flight_ = writer_.take_batch();
      }
      if (in_flight_.empty()) {
        writing_ = false;
        drained_.notify_all();
        return;
      }
      stream = stream_;
      dialect = dialect_;
    }
    if (stream->write(encode_batch(in_flight_, dialect))) return;
    to_dead_letters(std::exchange(in_flight_, {}), core::DeadLetterReason::link_lost_in_doubt);
  }
}

void Endpoint::on_stream_written(std::uint64_t, bool ok) {
  std::vector<WireMessage> batch = std::exchange(in_flight_, {});
  if (!ok) to_dead_letters(std::move(batch), core::DeadLetterReason::link_lost_in_doubt);
  write_next();
}

void Endpoint::on_stream_frame(std::uint64_t epoch, std::string frame) {
  core::Result<Frame> decoded = decode_frame(frame);
  EndpointState::Actions actions;
  std::shared_ptr<EndpointStream> broken;
  bool connected = false;
  std::string member_id;
  {
    core::MutexLock lock(mutex_);
    if (epoch != epoch_) return;
    if (!decoded.ok()) {
      broken = stream_;
    } else if (const auto* response = std::get_if<ConnectResponse>(&*decoded)) {
      if (response->blocked) {
        actions = state_.on_goodbye(EndpointState::WhyGone::refused);
        broken = stream_;
      } else {
        actions = state_.on_connected(response->member_id);
        connected = true;
        member_id = response->member_id;
      }
    } else if (std::holds_alternative<DisconnectRequest>(*decoded)) {
      actions = state_.on_goodbye(EndpointState::WhyGone::said_goodbye);
      broken = stream_;
    }
  }
  if (!decoded.ok()) {
    shared_.system.log().warn("link broken off, the peer sent garbage",
                              {{"peer", address_}, {"detail", decoded.error().detail}});
  }
  if (broken != nullptr) broken->cancel();
  perform(actions);
  if (connected) {
    shared_.system.log().info("link up", {{"peer", address_}, {"member", member_id}});
    shared_.system.events().publish(EndpointConnected{address_, member_id});
    begin_write_if_possible();
  }
}

void Endpoint::on_stream_closed(std::uint64_t epoch, const std::string& detail) {
  EndpointState::Actions actions;
  bool was_connected = false;
  {
    core::MutexLock lock(mutex_);
    if (epoch != epoch_) return;
    stream_ = nullptr;
    was_connected = state_.phase() == EndpointState::Phase::connected;
    const double jitter = std::uniform_real_distribution<double>(0, 1)(jitter_);
    actions = state_.on_lost(shared_.system.clock().now(), jitter);
    drained_.notify_all();
  }
  if (was_connected) {
    shared_.system.log().warn("link lost", {{"peer", address_}, {"detail", detail}});
  }
  perform(actions);
}

void Endpoint::perform(const EndpointState::Actions& actions) {
  for (const EndpointState::Action& action : actions) {
    if (std::holds_alternative<EndpointState::Dial>(action)) {
      dial();
    } else if (const auto* wake = std::get_if<EndpointState::WakeAt>(&action)) {
      shared_.system.timers().schedule(wake->at, [self = weak_from_this()] {
        const auto endpoint = self.lock();
        if (endpoint == nullptr) return;
        EndpointState::Actions due;
        {
          core::MutexLock lock(endpoint->mutex_);
          due = endpoint->state_.on_time(endpoint->shared_.system.clock().now());
        }
        endpoint->perform(due);
      });
    } else if (const auto* gone = std::get_if<EndpointState::DeclareGone>(&action)) {
      declare_gone(*gone);
    } else if (std::holds_alternative<EndpointState::SendWatches>(action)) {
      send_watches();
    }
  }
}

void Endpoint::dial() {
  std::uint64_t epoch = 0;
  {
    core::MutexLock lock(mutex_);
    epoch = ++epoch_;
  }
  std::shared_ptr<EndpointStream> stream = shared_.dialer.dial(address_, epoch, shared_from_this());
  bool too_late = false;
  {
    core::MutexLock lock(mutex_);
    too_late = epoch_ != epoch || state_.phase() == EndpointState::Phase::closed;
    // The stream's first event may have come already.
    if (!too_late && state_.phase() != EndpointState::Phase::waiting &&
        state_.phase() != EndpointState::Phase::idle) {
      stream_ = stream;
    }
  }
  if (too_late) {
    stream->cancel();
    return;
  }
  begin_write_if_possible();
  // A peer that takes the connection but never answers the handshake.
  const core::Instant patience = shared_.system.clock().now() + shared_.options.unreachable_after;
  shared_.system.timers().schedule(patience, [self = weak_from_this(), epoch] {
    const auto endpoint = self.lock();
    if (endpoint == nullptr) return;
    std::shared_ptr<EndpointStream> stalled;
    {
      core::MutexLock lock(endpoint->mutex_);
      const bool waiting =
          endpoint->epoch_ == epoch && endpoint->state_.phase() == EndpointState::Phase::connecting;
      if (waiting) stalled = endpoint->stream_;
    }
    if (stalled != nullptr) stalled->cancel();
  });
}

void Endpoint::declare_gone(const EndpointState::DeclareGone& gone) {
  std::vector<WatchRegistry::Watch> watches;
  std::vector<WatchRegistry::Watch> inbound;
  std::vector<WireMessage> waiting;
  {
    core::MutexLock lock(mutex_);
    watches = watches_.take_all();
    inbound = inbound_watches_.take_all();
    if (gone.queue_too) waiting = writer_.take_all();
    drained_.notify_all();
  }
  shared_.system.log().warn("peer gone", {{"peer", address_},
                                          {"reason", to_string(gone.why)},
                                          {"watches", watches.size()},
                                          {"undelivered", waiting.size()}});
  to_dead_letters(std::move(waiting), core::DeadLetterReason::link_down);
  auto& registry = shared_.system.registry();
  for (const auto& [watcher, watchee] : watches) {
    registry.send_terminated(watcher, core::make_envelope(core::Terminated{
                                          watchee, core::TerminatedReason::address_terminated}));
  }
  for (const auto& [watcher, watchee] : inbound) {
    registry.send_system(watchee, core::make_envelope(core::Unwatch{watcher}));
  }
  shared_.system.events().publish(EndpointTerminated{address_, std::string(to_string(gone.why))});
}

WireMessage Endpoint::watch_message(const core::Pid& watcher, const core::Pid& watchee,
                                    bool watch) const {
  WireMessage message;
  message.target = watchee;
  message.lane = core::Lane::system;
  const auto envelope = watch ? core::make_envelope(core::Watch{watcher})
                              : core::make_envelope(core::Unwatch{watcher});
  CHECK(shared_.types.encode(*envelope, message));
  return message;
}

void Endpoint::send_watches() {
  core::MutexLock lock(mutex_);
  for (const auto& [watcher, watchee] : watches_.all()) {
    WireMessage message = watch_message(watcher, watchee, true);
    // A watch that does not fit now is sent with the next reconnect; until then the link's own end covers it.
    if (!writer_.push(message)) return;
  }
}

void Endpoint::add_watched(const core::Pid& watcher, const core::Pid& watchee) {
  {
    core::MutexLock lock(mutex_);
    if (!watches_.add(watcher, watchee)) return;
  }
  send(watch_message(watcher, watchee, true));
}

void Endpoint::remove_watched(const core::Pid& watcher, const core::Pid& watchee) {
  {
    core::MutexLock lock(mutex_);
    if (!watches_.remove(watcher, watchee)) return;
  }
  send(watch_message(watcher, watchee, false));
}

core::Pid Endpoint::take_watched(const core::Pid& watcher, const std::string& who_id) {
  const core::Pid watchee = core::Pid::of_name(address_, who_id);
  core::MutexLock lock(mutex_);
  return watches_.remove(watcher, watchee) ? watchee : core::Pid{};
}

void Endpoint::note_inbound_watch(const core::Pid& watcher, const core::Pid& watchee) {
  core::MutexLock lock(mutex_);
  inbound_watches_.add(watcher, watchee);
}

void Endpoint::forget_inbound_watch(const core::Pid& watcher, const core::Pid& watchee) {
  core::MutexLock lock(mutex_);
  inbound_watches_.remove(watcher, watchee);
}

void Endpoint::on_seen(const std::string& member_id) {
  EndpointState::Actions actions;
  {
    core::MutexLock lock(mutex_);
    actions = state_.on_seen(member_id);
  }
  perform(actions);
}

std::string Endpoint::member_id() const {
  core::MutexLock lock(mutex_);
  return state_.member_id();
}

void Endpoint::set_dialect(Dialect dialect) {
  core::MutexLock lock(mutex_);
  dialect_ = dialect;
}

bool Endpoint::idle() const {
  core::MutexLock lock(mutex_);
  return state_.phase() == EndpointState::Phase::idle && writer_.empty() && !writing_ &&
         watches_.size() == 0 && inbound_watches_.size() == 0;
}

std::size_t Endpoint::waiting_count() const {
  core::MutexLock lock(mutex_);
  return writer_.count();
}

bool Endpoint::flush(core::Instant deadline) {
  core::MutexLock lock(mutex_);
  while (writing_ || !writer_.empty()) {
    if (state_.phase() != EndpointState::Phase::connected) return false;
    if (shared_.system.clock().now() >= deadline) return false;
    drained_.wait_until(mutex_, deadline);
  }
  return true;
}

void Endpoint::close() {
  std::shared_ptr<EndpointStream> stream;
  std::vector<WireMessage> waiting;
  {
    core::MutexLock lock(mutex_);
    state_.on_close();
    stream = stream_;
    waiting = writer_.take_all();
    watches_.take_all();
    inbound_watches_.take_all();
  }
  if (stream != nullptr) stream->finish();
  to_dead_letters(std::move(waiting), core::DeadLetterReason::link_down);
}

void Endpoint::to_dead_letters(std::vector<WireMessage> messages, core::DeadLetterReason reason) {
  for (WireMessage& message : messages) {
    // Watches live in the registry, which ends them; a lost Stop has nobody to be told.
    if (message.lane == core::Lane::system) continue;
    auto envelope = core::make_envelope(core::Payload{
        std::move(message.type_name), core::Payload::kProtobuf, std::move(message.data)});
    envelope->set_sender(message.sender);
    shared_.system.dead_letters().take(message.target, std::move(envelope), core::Lane::user,
                                       reason);
  }
}

}  // namespace nexus::remote
