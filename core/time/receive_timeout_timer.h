// ReceiveTimeoutTimer: when has an actor been idle for as long as it wants to be told? Pure: the driver keeps one wake-up for it.
//
//   all calls   owner
//
// RT1  It fires never before a whole period has passed since set() and since the last activity.
// RT2  It fires once per idle period: after that only activity or set() begins another.
// RT3  At most one wake-up is outstanding. Activity asks for none while one is: the wake-up, when it comes, looks when there was
//     activity last, and asks for the next. So activity costs a store.
#pragma once

#include <optional>

#include "core/base/check.h"
#include "core/base/clock.h"

namespace nexus::core {

class ReceiveTimeoutTimer {
 public:
  struct WakeUp {
    Instant at;
    // Cancel the one that is outstanding first: it would come too late.
    bool instead;
  };

  // Begins anew, also with another period. period > 0.
  [[nodiscard]] std::optional<WakeUp> set(Duration period, Instant now) {
    CHECK(period > Duration::zero());
    period_ = period;
    return begin(now);
  }
  // Nothing fires any more; an outstanding wake-up finds nothing to do.
  void cancel() { period_ = Duration::zero(); }

  bool is_set() const { return period_ > Duration::zero(); }
  // Zero when not set.
  Duration period() const { return period_; }
  // After it fired there may be none.
  bool has_wake_up() const { return wake_at_ != kNever; }

  // There was activity until `now`.
  [[nodiscard]] std::optional<WakeUp> touch(Instant now) {
    idle_since_ = now;
    if (!fired_ || !is_set()) return std::nullopt;
    return begin(now);
  }

  struct Due {
    bool fire = false;
    std::optional<Instant> wake_at{};
  };
  // The wake-up came. `is_busy`: messages wait, or the actor is not ready for any.
  [[nodiscard]] Due wake(Instant now, bool is_busy) {
    // One that was cancelled too late: the one that counts is still to come.
    if (!has_wake_up() || now < wake_at_) return {};
    wake_at_ = kNever;
    if (!is_set() || fired_) return {};
    if (is_busy) idle_since_ = now;
    const Instant end = deadline_after(idle_since_, period_);
    if (now < end) {
      wake_at_ = end;
      return {.wake_at = end};
    }
    fired_ = true;
    return {.fire = true};
  }

 private:
  static constexpr Instant kNever = Instant::max();

  std::optional<WakeUp> begin(Instant now) {
    idle_since_ = now;
    fired_ = false;
    const Instant end = deadline_after(now, period_);
    if (wake_at_ <= end) return std::nullopt;
    const bool instead = has_wake_up();
    wake_at_ = end;
    return WakeUp{end, instead};
  }

  Duration period_{};
  Instant idle_since_{};
  // Of the wake-up that is outstanding.
  Instant wake_at_ = kNever;
  bool fired_ = false;
};

}  // namespace nexus::core
