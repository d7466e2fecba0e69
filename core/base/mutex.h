// Mutex, MutexLock, CondVar: the only lock types of the project. The attributes let clang check at compile time that
// what is GUARDED_BY a mutex is touched only under it; g++ ignores them.
//
// A mutex is made with the name of its site, one for all instances of one member: `Mutex mutex_{"cell_table"};`. By that name
// LockReport says how often it was taken and how long threads waited for it. Without the build option NEXUS_LOCK_TIMING a Mutex
// is a std::mutex and nothing else.
#pragma once

#include <condition_variable>
#include <mutex>

#include "core/base/clock.h"
#include "core/telemetry/lock_site.h"

#if defined(__clang__)
#define NEXUS_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define NEXUS_THREAD_ATTRIBUTE(x)
#endif

// Abseil, which gRPC's headers bring along, has a macro of this name and meaning.
#ifndef GUARDED_BY
#define GUARDED_BY(mutex) NEXUS_THREAD_ATTRIBUTE(guarded_by(mutex))
#endif
#define REQUIRES(...) NEXUS_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))

namespace nexus::core {

class NEXUS_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  explicit Mutex(LockSiteName site) : probe_(site) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() NEXUS_THREAD_ATTRIBUTE(acquire_capability()) { probe_.lock(mutex_); }
  void unlock() NEXUS_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
  [[no_unique_address]] LockProbe<kLockTiming> probe_;
};
static_assert(kLockTiming || sizeof(Mutex) == sizeof(std::mutex));

class NEXUS_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) NEXUS_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() NEXUS_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits release the mutex and take it again before they return; they may return early for no reason. Taking it again counts as
// an acquisition; the wait for the condition is no wait for the mutex.
class CondVar {
 public:
  void wait(Mutex& mutex) REQUIRES(mutex) { condition_.wait(mutex); }
  void wait_until(Mutex& mutex, Instant deadline) REQUIRES(mutex) {
    condition_.wait_until(mutex, deadline);
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace nexus::core
