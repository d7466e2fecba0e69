#include "core/actor/actor_timers.h"

#include <utility>

#include "core/actor/actor_cell.h"
#include "core/actor_system.h"

namespace nexus::core {

ActorTimers::ActorTimers(ActorCell& cell) : cell_(cell), timers_(cell.system().timers()) {}

void ActorTimers::cancel_all() {
  if (receive_timeout_.has_wake_up()) timers_.cancel(timeout_wake_up_);
  receive_timeout_ = {};
  for (const auto& [key, schedule] : schedules_) timers_.cancel(schedule.wake_up);
  schedules_.clear();
}

// Small enough to need no memory of its own in the wheel. A cell lasts as long as the system does.
Timers::Id ActorTimers::wake_at(Instant at, std::uint32_t key) {
  return timers_.schedule(at, [&cell = cell_, generation = cell_.generation(), key] {
    cell.system().registry().send_system(Pid::of_cell(cell, generation),
                                         make_envelope(TimerDue{key}));
  });
}

void ActorTimers::set_receive_timeout(Duration period) {
  const auto wake_up = receive_timeout_.set(period, cell_.system().clock().now());
  if (!wake_up) return;
  if (wake_up->instead) timers_.cancel(timeout_wake_up_);
  timeout_wake_up_ = wake_at(wake_up->at, kReceiveTimeoutKey);
}

void ActorTimers::note_activity() {
  if (!receive_timeout_.is_set()) return;
  if (const auto wake_up = receive_timeout_.touch(cell_.system().clock().now())) {
    timeout_wake_up_ = wake_at(wake_up->at, kReceiveTimeoutKey);
  }
}

bool ActorTimers::is_timeout_due(bool is_busy) {
  const auto due = receive_timeout_.wake(cell_.system().clock().now(), is_busy);
  if (due.wake_at) timeout_wake_up_ = wake_at(*due.wake_at, kReceiveTimeoutKey);
  return due.fire;
}

ScheduleId ActorTimers::add(Duration delay, Duration period, const Pid& target,
                            EnvelopePtr message) {
  if (schedules_.size() >= kScheduleCountMax) return ScheduleId::none;
  const Instant at = deadline_after(cell_.system().clock().now(), delay);
  // 0 is taken, and after four billion schedules an old one may still be there.
  do {
    ++last_key_;
  } while (last_key_ == kReceiveTimeoutKey || schedules_.contains(last_key_));
  schedules_.emplace(last_key_,
                     Schedule{target, std::move(message), period, at, wake_at(at, last_key_)});
  return ScheduleId{last_key_};
}

bool ActorTimers::cancel(ScheduleId id) {
  const auto found = schedules_.find(static_cast<std::uint32_t>(id));
  if (found == schedules_.end()) return false;
  timers_.cancel(found->second.wake_up);
  schedules_.erase(found);
  return true;
}

ActorTimers::Due ActorTimers::take_due(std::uint32_t key) {
  const auto found = schedules_.find(key);
  if (found == schedules_.end()) return {};
  Schedule& schedule = found->second;
  Due due{schedule.target};
  if (schedule.period == Duration::zero()) {
    due.message = std::move(schedule.message);
    schedules_.erase(found);
    return due;
  }
  // From when it was due, so that it keeps its beat; what a stalled actor missed is skipped.
  const Instant now = cell_.system().clock().now();
  const auto missed = (now - schedule.at) / schedule.period;
  schedule.at = deadline_after(schedule.at, schedule.period * (missed + 1));
  schedule.wake_up = wake_at(schedule.at, key);
  // Last, because it may throw.
  due.message = copy_of(*schedule.message);
  return due;
}

}  // namespace nexus::core
