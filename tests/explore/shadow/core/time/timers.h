// Timers, for exploration: no thread. What is due runs when a test, as the timer thread, calls run_due(). See core/time/timers.h.
//
//   schedule(), cancel(), run_due()   any thread
#pragma once

#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/unique_function.h"
#include "core/time/timer_wheel.h"

namespace nexus::core {

class Timers {
 public:
  explicit Timers(Clock&) {}

  using Task = UniqueFunction<void()>;
  using Id = TimerWheel<Task>::Id;

  Id schedule(Instant deadline, Task task) {
    MutexLock lock(mutex_);
    entries_.push_back({deadline, ++last_, std::move(task)});
    return {last_, 0};
  }
  bool cancel(Id id) {
    Task task;
    MutexLock lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->name != id.index) continue;
      task = std::move(entry->task);
      entries_.erase(entry);
      return true;
    }
    return false;
  }
  std::size_t waiting_count() const {
    MutexLock lock(mutex_);
    return entries_.size();
  }
  void stop() {}

  // The oldest whose deadline is not after `now`. False when there is none.
  bool run_due(Instant now) {
    Task task;
    {
      MutexLock lock(mutex_);
      auto entry = entries_.begin();
      while (entry != entries_.end() && entry->deadline > now) ++entry;
      if (entry == entries_.end()) return false;
      task = std::move(entry->task);
      entries_.erase(entry);
    }
    task();
    return true;
  }

 private:
  struct Entry {
    Instant deadline;
    std::uint32_t name;
    Task task;
  };

  mutable Mutex mutex_{"timers"};
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
  std::uint32_t last_ GUARDED_BY(mutex_) = 0;
};

}  // namespace nexus::core
