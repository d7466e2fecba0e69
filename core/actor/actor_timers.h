// ActorTimers: what an actor wants to happen later: its receive timeout, and messages that it sends at their time. All of it ends
// with the actor object, so nothing of it reaches the one after a restart.
//
//   all calls   owner
//
// The wheel of the system only says that something is due, with a TimerDue; what, is looked up here, in the actor's turn.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/actor/envelope.h"
#include "core/base/clock.h"
#include "core/time/receive_timeout_timer.h"
#include "core/time/timers.h"

namespace nexus::core {

class ActorCell;

// Names one schedule of one actor.
enum class ScheduleId : std::uint32_t { none = 0 };

class ActorTimers {
 public:
  // Of TimerDue, for the receive timeout. Schedules have the others.
  static constexpr std::uint32_t kReceiveTimeoutKey = 0;
  // At once.
  static constexpr std::size_t kScheduleCountMax = 100'000;

  explicit ActorTimers(ActorCell& cell);
  ~ActorTimers() { cancel_all(); }

  void cancel_all();
  void set_receive_timeout(Duration period);
  void cancel_receive_timeout() { receive_timeout_.cancel(); }
  Duration receive_timeout() const { return receive_timeout_.period(); }
  // A turn with activity ends.
  void note_activity();
  // Whether the receive timeout fires now; after a TimerDue of its key.
  [[nodiscard]] bool is_timeout_due(bool is_busy);

  // period zero: once. Else the message is of a type that can be copied. `none` when there are too many.
  ScheduleId add(Duration delay, Duration period, const Pid& target, EnvelopePtr message);
  // False when there is no such schedule, or it was for once and has been.
  bool cancel(ScheduleId id);
  struct Due {
    Pid target;
    // Null when the schedule is not there any more.
    EnvelopePtr message{};
  };
  Due take_due(std::uint32_t key);

 private:
  struct Schedule {
    Pid target;
    EnvelopePtr message;
    Duration period;
    Instant at;
    Timers::Id wake_up;
  };

  Timers::Id wake_at(Instant at, std::uint32_t key);

  ActorCell& cell_;
  Timers& timers_;
  ReceiveTimeoutTimer receive_timeout_;
  Timers::Id timeout_wake_up_{};
  std::uint32_t last_key_ = kReceiveTimeoutKey;
  std::unordered_map<std::uint32_t, Schedule> schedules_;
};

}  // namespace nexus::core
