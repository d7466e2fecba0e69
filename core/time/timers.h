// Timers: the one thread that drives the timer wheel and runs what is due.
//
//   schedule(), cancel()   any thread
//
// What is scheduled runs on the timer thread: it must be short, must not block or throw, and usually posts a message. With a clock that
// is moved by hand there is no such thread, and it runs on the one that moves the clock.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/unique_function.h"
#include "core/time/timer_wheel.h"

namespace nexus::core {

class Timers final : private ClockFollower {
 public:
  using Task = UniqueFunction<void()>;
  using Id = TimerWheel<Task>::Id;

  // Starts the thread. `clock` lives longer.
  explicit Timers(Clock& clock);
  // stop(), if it was not called.
  ~Timers();

  // Runs `task` at `deadline` or up to 1 ms (and the thread's wake-up) later. After stop(): none, and `task` stays with the caller.
  Id schedule(Instant deadline, Task&& task);
  // False when the task has run, is running or was cancelled.
  bool cancel(Id id);
  // What was scheduled and is not due yet.
  std::size_t waiting_count() const;
  // Ends the thread and drops what is not due. Idempotent.
  void stop();

 private:
  void run();
  Instant next_wake() override;
  void clock_moved() override;

  Clock& clock_;
  mutable Mutex mutex_{"timers"};
  CondVar changed_;
  TimerWheel<Task> wheel_ GUARDED_BY(mutex_);
  Instant wake_at_ GUARDED_BY(mutex_) = Instant::max();
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace nexus::core
