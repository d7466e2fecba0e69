// Mutex, MutexLock, CondVar, for exploration: who finds a mutex taken gives control to another thread until it is free. Not
// counted by LockReport. See core/base/mutex.h.
#pragma once

#include <condition_variable>
#include <mutex>

#include "core/base/clock.h"
#include "core/telemetry/lock_site.h"
#include "tests/explore/hooks.h"

#define NEXUS_THREAD_ATTRIBUTE(x)
#ifndef GUARDED_BY
#define GUARDED_BY(mutex)
#endif
#define REQUIRES(...)

namespace nexus::core {

class Mutex {
 public:
  explicit Mutex(LockSiteName) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock(explore::Where where = explore::Where::current()) {
    if (!explore::is_exploring()) return mutex_.lock();
    explore::point("lock", where);
    explore::publish_own();
    while (!mutex_.try_lock()) explore::wait_on(this, "lock", where);
  }
  void unlock(explore::Where where = explore::Where::current()) {
    release();
    explore::point_after("unlock", where);
  }

 private:
  friend class CondVar;

  // Without a point: a CondVar must wait before another thread can notify it.
  void release() {
    explore::publish_own();
    mutex_.unlock();
    explore::wake(this, true);
  }

  std::mutex mutex_;
};

class MutexLock {
 public:
  explicit MutexLock(Mutex& mutex, explore::Where where = explore::Where::current())
      : mutex_(mutex) {
    mutex_.lock(where);
  }
  ~MutexLock() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// While exploring, wait_until() returns early, as it may.
class CondVar {
 public:
  void wait(Mutex& mutex, explore::Where where = explore::Where::current()) {
    if (!explore::is_exploring()) return condition_.wait(mutex);
    mutex.release();
    explore::wait_on(this, "wait", where);
    mutex.lock(where);
  }
  void wait_until(Mutex& mutex, Instant deadline,
                  explore::Where where = explore::Where::current()) {
    if (!explore::is_exploring()) {
      condition_.wait_until(mutex, deadline);
      return;
    }
    mutex.unlock();
    mutex.lock(where);
  }
  void notify_one() { notify(false); }
  void notify_all() { notify(true); }

 private:
  void notify(bool all) {
    condition_.notify_all();
    explore::wake(this, all);
  }

  std::condition_variable_any condition_;
};

}  // namespace nexus::core
