// ManualClock: a clock that stands until a test moves it. An ActorSystem that is given one (ActorSystem::Options::clock) does
// everything that has a time when the test says so: receive timeouts, schedules, deadlines of asks, delayed restarts.
//
//   now()                         any thread
//   follow(), unfollow()          any thread but the one that moves the clock, while it does
//   set(), advance()              one thread at a time, not from what it has done
//
// K1  What is due by the new time is done before set() and advance() return, in the order of its times: at the first millisecond of
//     its system, counted from the system's beginning, that is not before it. The clock shows that one meanwhile.
// K2  What this asks for in its turn is done, too, when it is due by the new time.
// K3  Actors then have their messages in their mailboxes; they handle them on their own threads. What an actor asks for in its turn, also
//     the next beat of what it sends repeatedly, counts from what the clock shows by then: a test goes on by one step at a time
//     and waits for what it expects of each. Nor may the thread that moves the clock wait for an answer that only the clock can bring.
#pragma once

#include <atomic>
#include <thread>
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
  void advance(Duration by) { set(deadline_after(now(), by)); }

 private:
  std::atomic<Instant> now_{Instant(std::chrono::hours(1))};
  Mutex mutex_{"manual_clock"};
  CondVar stands_;
  // Who moves the clock; nobody: it stands.
  std::thread::id mover_ GUARDED_BY(mutex_);
  std::vector<ClockFollower*> followers_ GUARDED_BY(mutex_);
};

}  // namespace nexus::core
