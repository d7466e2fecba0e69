// ManualClock: a clock that stands until a test moves it. An ActorSystem that is given one (ActorSystem::Options::clock) does
// everything that has a time when the test says so: receive timeouts, schedules, deadlines of asks, delayed restarts.
//
//   now(), follow(), unfollow()   any thread
//   set(), advance()              one thread at a time, not from a follower
//
// K1  What is due by the new time is done before set() and advance() return, in the order of its times, and the clock shows each of
//     these while it is done. Actors then have their messages in their mailboxes; they handle them on their own threads.
// K2  What is asked for meanwhile, by what was due, is done, too, if it is due by the new time.
#pragma once

#include <atomic>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace nexus::core {

class ManualClock final : public Clock {
 public:
  // An hour after the beginning of time, so that a window may reach back.
  ManualClock() = default;
  explicit ManualClock(Instant now) : now_(now) {}

  Instant now() const override { return now_.load(); }
  bool follow(ClockFollower& follower) override;
  // Waits for the end of a set() that goes on.
  void unfollow(ClockFollower& follower) override;

  // Not back.
  void set(Instant now);
  // `by` >= 0.
  void advance(Duration by) { set(now() + by); }

 private:
  std::atomic<Instant> now_{Instant(std::chrono::hours(1))};
  Mutex mutex_{"manual_clock"};
  CondVar stands_;
  bool moves_ GUARDED_BY(mutex_) = false;
  std::vector<ClockFollower*> followers_ GUARDED_BY(mutex_);
};

}  // namespace nexus::core
