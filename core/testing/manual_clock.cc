#include "core/testing/manual_clock.h"

#include <algorithm>

#include "core/base/check.h"

namespace nexus::core {

bool ManualClock::follow(ClockFollower& follower) {
  MutexLock lock(mutex_);
  followers_.push_back(&follower);
  return true;
}

void ManualClock::unfollow(ClockFollower& follower) {
  MutexLock lock(mutex_);
  CHECK(mover_ != std::this_thread::get_id());
  while (mover_ != std::thread::id()) stands_.wait(mutex_);
  std::erase(followers_, &follower);
}

// Without the lock while others do what is due.
void ManualClock::set(Instant now) {
  CHECK(now >= this->now());
  std::vector<ClockFollower*> followers;
  {
    MutexLock lock(mutex_);
    CHECK(mover_ == std::thread::id());
    mover_ = std::this_thread::get_id();
    followers = followers_;
  }
  for (;;) {
    Instant next = Instant::max();
    for (ClockFollower* follower : followers) next = std::min(next, follower->next_wake());
    if (next > now || next == Instant::max()) break;
    now_.store(std::max(next, this->now()));
    for (ClockFollower* follower : followers) follower->clock_moved();
  }
  now_.store(now);
  MutexLock lock(mutex_);
  mover_ = {};
  stands_.notify_all();
}

}  // namespace nexus::core
