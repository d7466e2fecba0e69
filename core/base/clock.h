// Time as the runtime sees it: a steady clock that protocols never read; they get `now` as an argument.
#pragma once

#include <chrono>

namespace nexus::core {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// `now` + `patience`, or the end of time when that lies beyond it: "for ever" is a legal patience.
inline Instant deadline_after(Instant now, Duration patience) {
  return patience > Instant::max() - now ? Instant::max() : now + patience;
}

// Who has things to do at certain times of a clock that is moved by hand.
class ClockFollower {
 public:
  // Nothing to be done: the end of time. May be earlier than there is something to be done.
  virtual Instant next_wake() = 0;
  // On the thread that moves the clock: does what is due now.
  virtual void clock_moved() = 0;

 protected:
  ~ClockFollower() = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  // Any thread. Never goes back.
  virtual Instant now() const = 0;
  // Any thread. Not before now(), and at most some milliseconds after. For deadlines that may be noticed a little late.
  virtual Instant soon() const { return now(); }
  // Any thread. False: the clock goes by itself, as std::chrono::steady_clock does, and `follower` is not told. Else unfollow() must come
  // before its end.
  virtual bool follow(ClockFollower& follower) {
    (void)follower;
    return false;
  }
  virtual void unfollow(ClockFollower& follower) { (void)follower; }
};

class SteadyClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }
  // A fifth of the cost of now(), and at most one tick of the kernel's coarse clock later.
  Instant soon() const override;
};

}  // namespace nexus::core
