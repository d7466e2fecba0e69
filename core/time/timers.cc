#include "core/time/timers.h"

#include "core/base/thread_name.h"

namespace nexus::core {

Timers::Timers(Clock& clock) : clock_(clock), wheel_(clock_.now(), std::chrono::milliseconds(1)) {
  if (!clock_.follow(*this)) thread_ = std::thread([this] { run(); });
}

Timers::~Timers() { stop(); }

void Timers::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    clock_.unfollow(*this);
  }
  // Destroyed without the lock: their destructors may call out.
  std::vector<Task> dropped;
  MutexLock lock(mutex_);
  wheel_.take_all(dropped);
}

Timers::Id Timers::schedule(Instant deadline, Task&& task) {
  MutexLock lock(mutex_);
  // An empty wheel is not advanced, and would have to walk through all the idle time with the new entry in it.
  std::vector<Task> none_due;
  if (stopping_) return {};
  if (wheel_.size() == 0) wheel_.advance(clock_.now(), none_due);
  const Id id = wheel_.add(deadline, std::move(task));
  if (deadline < wake_at_) changed_.notify_one();
  return id;
}

bool Timers::cancel(Id id) {
  // The task is destroyed after the lock is gone: its destructor may call out.
  std::optional<Task> task;
  MutexLock lock(mutex_);
  task = wheel_.cancel(id);
  return task.has_value();
}

std::size_t Timers::waiting_count() const {
  MutexLock lock(mutex_);
  return wheel_.size();
}

void Timers::run() {
  set_thread_name("nx-timers");
  std::vector<Task> due;
  mutex_.lock();
  while (!stopping_) {
    wheel_.advance(clock_.now(), due);
    if (!due.empty()) {
      mutex_.unlock();
      for (Task& task : due) task();
      due.clear();
      mutex_.lock();
      continue;
    }
    const auto wake = wheel_.next_wake();
    wake_at_ = wake.value_or(Instant::max());
    if (wake) {
      changed_.wait_until(mutex_, *wake);
    } else {
      changed_.wait(mutex_);
    }
    wake_at_ = Instant::min();
  }
  mutex_.unlock();
}

Instant Timers::next_wake() {
  MutexLock lock(mutex_);
  return wheel_.next_wake().value_or(Instant::max());
}

void Timers::clock_moved() {
  std::vector<Task> due;
  {
    MutexLock lock(mutex_);
    wheel_.advance(clock_.now(), due);
  }
  for (Task& task : due) task();
}

}  // namespace nexus::core
