// How a link ends, or an incarnation of its peer: who is told, and what becomes of the messages. The link itself is in endpoint.cc.
#include <utility>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "core/base/check.h"
#include "remote/batch_decoder.h"
#include "remote/endpoint.h"

namespace nexus::remote {
namespace {

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
    case EndpointState::WhyGone::blocked:
      return "blocked";
    case EndpointState::WhyGone::overrun:
      return "does not read";
    case EndpointState::WhyGone::disconnected:
      return "disconnected";
    case EndpointState::WhyGone::replaced:
      return "connected anew";
  }
  return "";
}

// Its Pids are of actors and futures that the next incarnation knows nothing of, or has others by the same name.
bool is_for_one_incarnation(const BatchDecoder& batch, const BatchDecoder::Envelope& envelope) {
  if (envelope.target_request_id != 0) return true;
  const std::string_view type = batch.type_names()[envelope.type];
  if (!type.starts_with(wire_name::kActorPrefix)) return false;
  return type == wire_name::kStop || type == wire_name::kPoisonPill || type == wire_name::kWatch ||
         type == wire_name::kUnwatch || type == wire_name::kTerminated;
}

}  // namespace

void Endpoint::announce(Gone gone, Remains remains) {
  shared_->metrics.gone_count.add();
  if (gone.why == EndpointState::WhyGone::overrun) shared_->metrics.overrun_count.add();
  const std::string reason(to_string(gone.why));
  std::size_t undelivered_count = 0;
  for (const OutgoingFramePtr& frame : remains.waiting) undelivered_count += frame->count;
  std::size_t in_doubt_count = 0;
  for (const OutgoingFramePtr& frame : remains.in_doubt) in_doubt_count += frame->count;
  const std::size_t watch_count = remains.watches.size();
  const bool ends_watches = watch_count > 0 || !remains.inbound_watches.empty();
  // Clients come and go.
  const bool is_usual = gone.why == EndpointState::WhyGone::disconnected;
  shared_->system.log().write(is_usual ? core::LogLevel::info : core::LogLevel::warn, "peer gone",
                              {{"peer", address_},
                               {"reason", reason},
                               {"watches", watch_count},
                               {"undelivered", undelivered_count},
                               {"in_doubt", in_doubt_count}});
  auto tell = [self = shared_from_this(), why = gone.why, reason, remains = std::move(remains),
               asks = std::move(gone.asks)] {
    const Shared& shared = *self->shared_;
    // Before the watchers, so that an onlooker can tell how long telling them takes.
    shared.system.events().publish(
        EndpointTerminated{self->address_, reason, remains.watches.size()});
    self->bury(remains, why == EndpointState::WhyGone::blocked ? core::DeadLetterReason::blocked
                                                               : core::DeadLetterReason::link_down);
    shared.system.futures().fail(asks, "peer " + reason);
  };
  auto then = [self = shared_from_this(), place = gone.place, tell = std::move(tell)]() mutable {
    self->tells_.fill(place, std::move(tell));
  };
  if (gate_ != nullptr) {
    gate_->close(core::Duration::zero());
    return gate_->await(std::move(then));
  }
  switch (gone.why) {
    case EndpointState::WhyGone::disconnected:
    case EndpointState::WhyGone::replaced:
    case EndpointState::WhyGone::blocked:
    case EndpointState::WhyGone::overrun:
      return shared_->gates.close(address_, gone.member_id, core::Duration::zero(),
                                  std::move(then));
    case EndpointState::WhyGone::unreachable:
    case EndpointState::WhyGone::refused:
      // It may live, and come again on new streams, with its watches. When there were none, neither here nor there, it may be heard on
      // the old ones.
      if (!ends_watches) return shared_->gates.await(address_, gone.member_id, std::move(then));
      return shared_->gates.close(address_, gone.member_id, core::Duration::zero(),
                                  std::move(then));
    case EndpointState::WhyGone::said_goodbye:
    case EndpointState::WhyGone::restarted:
      // It ends them itself, mostly.
      return shared_->gates.close(address_, gone.member_id, shared_->options.unreachable_after,
                                  std::move(then));
  }
}

core::Pid Endpoint::asker_of(const BatchDecoder& batch,
                             const BatchDecoder::Envelope& envelope) const {
  const BatchDecoder::Sender* const from = batch.sender_of(envelope);
  const bool is_ask = envelope.sender_request_id != 0 && from->address == shared_->system.address();
  if (!is_ask) return {};
  const core::Pid asker = shared_->system.futures().find(from->id);
  return asker ? asker.with_request_id(envelope.sender_request_id) : core::Pid{};
}

void Endpoint::carry_over(Todo& todo) {
  const core::FutureTable& futures = shared_->system.futures();
  core::PidSet waiting_asks;
  const auto ends = [&](const BatchDecoder& batch, const BatchDecoder::Envelope& envelope) {
    if (is_for_one_incarnation(batch, envelope)) return true;
    const core::Pid asker = asker_of(batch, envelope);
    if (!asker) return false;
    if (!futures.is_open(asker)) return true;
    (void)waiting_asks.add(asker);
    return false;
  };
  todo.remains.waiting = writer_.take_if(core::Lane::system, ends);
  for (OutgoingFramePtr& frame : writer_.take_if(core::Lane::user, ends)) {
    todo.remains.waiting.push_back(std::move(frame));
  }
  std::erase_if(todo.gone->asks,
                [&](const core::Pid& asker) { return waiting_asks.contains(asker); });
}

// Its requests are among those that are told of the end.
void Endpoint::carry_over(OutgoingFramePtr frame, Remains& remains) {
  EndpointWriter::Parts parts = writer_.divide(
      std::move(frame), [&](const BatchDecoder& batch, const BatchDecoder::Envelope& envelope) {
        return is_for_one_incarnation(batch, envelope) || asker_of(batch, envelope);
      });
  remains.waiting = std::move(parts.taken);
  writer_.put_back(std::move(parts.left));
}

void Endpoint::close() {
  std::shared_ptr<EndpointStream> stream;
  Remains remains;
  std::optional<QueuePressure::Change> pressure;
  {
    core::MutexLock lock(mutex_);
    state_.on_close();
    ++epoch_;
    stream = std::exchange(stream_, nullptr);
    remains = {.watches = watcher_.take_all(),
               .inbound_watches = inbound_watches_.take_all(),
               .waiting = {},
               .in_doubt = {},
               .unreadable = {}};
    keep_remains(session_.end(), remains);
    remains.waiting = writer_.take_all();
    pressure = note_queue();
    drained_.notify_all();
  }
  if (pressure) publish(*pressure);
  if (stream != nullptr) stream->finish();
  bury(remains, core::DeadLetterReason::link_down);
}

void Endpoint::bury(const Remains& remains, core::DeadLetterReason down_reason) {
  for (const OutgoingFramePtr& frame : remains.in_doubt) {
    to_dead_letters(frame, core::DeadLetterReason::link_lost_in_doubt);
  }
  for (const OutgoingFramePtr& frame : remains.waiting) to_dead_letters(frame, down_reason);
  for (const OutgoingFramePtr& frame : remains.unreadable) {
    to_dead_letters(frame, core::DeadLetterReason::too_large);
  }
  auto& registry = shared_->system.registry();
  shared_->metrics.watch_address_terminated_count.add(remains.watches.size());
  for (const auto& [watcher, watchee] : remains.watches) {
    registry.send_terminated(watcher, core::make_envelope(core::Terminated{
                                          watchee, core::TerminatedReason::address_terminated}));
  }
  for (const auto& [watcher, watchee] : remains.inbound_watches) {
    registry.send_system(watchee, core::make_envelope(core::Unwatch{watcher}));
  }
}

void Endpoint::to_dead_letters(const OutgoingFramePtr& frame, core::DeadLetterReason reason) {
  BatchDecoder decoder;
  const bool is_system = frame->lane == core::Lane::system;
  CHECK(decoder.decode(frame->bytes.view()).ok());
  for (const BatchDecoder::Envelope& envelope : decoder.envelopes()) {
    // Watches live in the registry, which ends them.
    if (is_system && decoder.type_names()[envelope.type] != wire_name::kStop) continue;
    core::Pid sender;
    if (const auto* from = decoder.sender_of(envelope)) {
      sender = shared_->system.registry()
                   .resolve(from->address, from->id)
                   .with_request_id(envelope.sender_request_id);
    }
    const std::string target_id(decoder.targets()[envelope.target].id);
    to_dead_letter(core::Pid::of_name(pid_address_, target_id, envelope.target_request_id),
                   std::move(sender), decoder.type_names()[envelope.type], envelope.data, reason);
  }
}

void Endpoint::to_dead_letter(const core::Pid& target, core::Pid sender, std::string_view type_name,
                              std::string_view data, core::DeadLetterReason reason) {
  // As what it was, so that it is named in the log, and reports about other messages are told apart from messages.
  core::EnvelopePtr envelope = shared_->types.decode(type_name, data);
  if (envelope == nullptr) {
    envelope = core::make_envelope(
        core::Payload{std::string(type_name), core::Payload::kProtobuf, std::string(data)});
  }
  envelope->set_sender(std::move(sender));
  shared_->system.dead_letters().take(target, std::move(envelope), core::Lane::user, reason);
}

}  // namespace nexus::remote
