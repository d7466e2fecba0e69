// Who here watches actors of the peer, and who there watches actors of this node. The link itself is in endpoint.cc.
#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "core/base/check.h"
#include "remote/endpoint.h"

namespace nexus::remote {

bool Endpoint::push_watch(const core::Pid& watcher, const core::Pid& watchee, bool watch) {
  const auto envelope = watch ? core::make_envelope(core::Watch{watcher})
                              : core::make_envelope(core::Unwatch{watcher});
  std::string scratch;
  const auto encoded = shared_->types.encode(*envelope, scratch);
  CHECK(encoded.has_value());
  const EndpointWriter::OnPush pushed = writer_.push(
      {.type_name = encoded->type_name, .target = watchee, .sender = envelope->sender()},
      encoded->data, core::Lane::system,
      watch ? EndpointWriter::Room::any : EndpointWriter::Room::reserve);
  CHECK(pushed == EndpointWriter::OnPush::pushed ||
        (!watch && pushed == EndpointWriter::OnPush::overrun));
  return pushed == EndpointWriter::OnPush::pushed;
}

void Endpoint::drop_watches() {
  const auto is_watch = [](const BatchDecoder& batch, const BatchDecoder::Envelope& envelope) {
    return batch.type_names()[envelope.type] == wire_name::kWatch;
  };
  (void)writer_.take_if(core::Lane::system, is_watch);
}

void Endpoint::publish_watch(const core::Pid& watcher, const core::Pid& watchee,
                             EndpointWatchChanged::Change change) {
  auto& events = shared_->system.events();
  if (!events.wants<EndpointWatchChanged>()) return;
  events.publish(EndpointWatchChanged{address_, watcher, watchee, change, watcher_.size()});
}

void Endpoint::add_watched(const core::Pid& watcher, const core::Pid& watchee) {
  const bool may_exist = !watchee.is_record() || (watchee.record()->is_text &&
                                                  watchee.record()->id.size() <= kWatchedBytesMax);
  if (!may_exist) {
    return (void)shared_->system.registry().send_terminated(
        watcher, core::make_envelope(core::Terminated{watchee, core::TerminatedReason::not_found}));
  }
  RemoteMetrics& metrics = shared_->metrics;
  if (watcher_.knows(watcher, watchee)) return metrics.watch_duplicate_count.add();
  bool refused = false;
  Todo todo;
  {
    core::MutexLock lock(mutex_);
    refused = takes_nothing();
    if (!refused) {
      // Another thread may have been first.
      if (!watcher_.add(watcher, watchee)) return metrics.watch_duplicate_count.add();
      writer_.note_watches(watcher_.size());
      // A link that is not up sends all watches as soon as it is.
      if (state_.phase() == EndpointState::Phase::connected) {
        (void)push_watch(watcher, watchee, true);
      } else {
        todo = decide(state_.on_wanted(shared_->system.clock().now()));
      }
    }
  }
  metrics.watch_count.add();
  publish_watch(watcher, watchee, EndpointWatchChanged::Change::watched);
  if (refused) {
    Remains remains;
    remains.watches.push_back({watcher, watchee});
    return bury(remains, core::DeadLetterReason::link_down);
  }
  carry_out(std::move(todo));
  begin_write_if_possible();
}

void Endpoint::remove_watched(const core::Pid& watcher, const core::Pid& watchee) {
  Todo todo;
  {
    core::MutexLock lock(mutex_);
    if (!watcher_.remove(watcher, watchee)) return;
    writer_.note_watches(watcher_.size());
    // An incarnation of the peer that was never asked needs no Unwatch.
    const bool is_overrun = !state_.member_id().empty() && !push_watch(watcher, watchee, false);
    if (is_overrun) todo = drop_stream(state_.on_overrun());
  }
  shared_->metrics.unwatch_count.add();
  publish_watch(watcher, watchee, EndpointWatchChanged::Change::unwatched);
  carry_out(std::move(todo));
  begin_write_if_possible();
}

core::Pid Endpoint::take_watched(const core::Pid& watcher, const std::string& who_id,
                                 const std::string& member_id) {
  const core::Pid watchee = core::Pid::of_name(pid_address_, who_id);
  {
    core::MutexLock lock(mutex_);
    // The last words of an incarnation may be read after the next one was asked. Some peers do not say who they are.
    const bool is_nameless =
        state_.member_id().empty() && state_.phase() == EndpointState::Phase::connected;
    if (member_id != state_.member_id() && !is_nameless) return {};
    if (!watcher_.remove(watcher, watchee)) return {};
    writer_.note_watches(watcher_.size());
  }
  shared_->metrics.watch_terminated_count.add();
  publish_watch(watcher, watchee, EndpointWatchChanged::Change::terminated);
  return watchee;
}

Endpoint::OnInboundWatch Endpoint::note_inbound_watch(const core::Pid& watcher,
                                                      const core::Pid& watchee) {
  const core::PidRecord& named = *watcher.record();
  const bool is_short = named.address.size() + named.id.size() <= kWatcherBytesMax;
  Todo todo;
  {
    core::MutexLock lock(mutex_);
    if (takes_nothing()) return OnInboundWatch::closed;
    const bool fits = inbound_watches_.size() < shared_->options.inbound_watch_count_max ||
                      inbound_watches_.contains(watcher, watchee);
    if (!is_short || !fits) return OnInboundWatch::refused;
    inbound_watches_.add(watcher, watchee);
    todo = decide(state_.on_wanted(shared_->system.clock().now()));
  }
  carry_out(std::move(todo));
  return OnInboundWatch::noted;
}

void Endpoint::forget_inbound_watch(const core::Pid& watcher, const core::Pid& watchee) {
  core::MutexLock lock(mutex_);
  inbound_watches_.remove(watcher, watchee);
}

}  // namespace nexus::remote
