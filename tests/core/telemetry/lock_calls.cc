#include "tests/core/telemetry/lock_calls.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <ctime>

namespace nexus::test {
namespace {

constinit thread_local LockCalls t_calls{};

// Counts, and calls the function of that name that this program hides. Without a static local: its guard may lock.
template <typename Result, typename... Arguments>
Result count_and_call(std::uint64_t& count, std::atomic<Result (*)(Arguments...)>& hidden,
                      const char* name, Arguments... arguments) {
  ++count;
  auto* function = hidden.load(std::memory_order_relaxed);
  if (function == nullptr) {
    function = reinterpret_cast<Result (*)(Arguments...)>(dlsym(RTLD_NEXT, name));
    hidden.store(function, std::memory_order_relaxed);
  }
  return function(arguments...);
}

template <typename... Arguments>
using Hidden = std::atomic<int (*)(Arguments...)>;

}  // namespace

LockCalls LockCalls::of_this_thread() { return t_calls; }

}  // namespace nexus::test

using nexus::test::count_and_call;
using nexus::test::Hidden;
using nexus::test::t_calls;

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  static constinit Hidden<pthread_mutex_t*> hidden{nullptr};
  return count_and_call(t_calls.mutex, hidden, "pthread_mutex_lock", mutex);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  static constinit Hidden<pthread_mutex_t*> hidden{nullptr};
  return count_and_call(t_calls.mutex, hidden, "pthread_mutex_trylock", mutex);
}
int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* deadline) noexcept {
  static constinit Hidden<pthread_mutex_t*, const timespec*> hidden{nullptr};
  return count_and_call(t_calls.mutex, hidden, "pthread_mutex_timedlock", mutex, deadline);
}
int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock,
                            const timespec* deadline) noexcept {
  static constinit Hidden<pthread_mutex_t*, clockid_t, const timespec*> hidden{nullptr};
  return count_and_call(t_calls.mutex, hidden, "pthread_mutex_clocklock", mutex, clock, deadline);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  static constinit Hidden<pthread_rwlock_t*> hidden{nullptr};
  return count_and_call(t_calls.reader_writer, hidden, "pthread_rwlock_rdlock", lock);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  static constinit Hidden<pthread_rwlock_t*> hidden{nullptr};
  return count_and_call(t_calls.reader_writer, hidden, "pthread_rwlock_wrlock", lock);
}
int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) noexcept {
  static constinit Hidden<pthread_rwlock_t*> hidden{nullptr};
  return count_and_call(t_calls.reader_writer, hidden, "pthread_rwlock_tryrdlock", lock);
}
int pthread_rwlock_trywrlock(pthread_rwlock_t* lock) noexcept {
  static constinit Hidden<pthread_rwlock_t*> hidden{nullptr};
  return count_and_call(t_calls.reader_writer, hidden, "pthread_rwlock_trywrlock", lock);
}

int pthread_spin_lock(pthread_spinlock_t* lock) noexcept {
  static constinit Hidden<pthread_spinlock_t*> hidden{nullptr};
  return count_and_call(t_calls.spin, hidden, "pthread_spin_lock", lock);
}
int pthread_spin_trylock(pthread_spinlock_t* lock) noexcept {
  static constinit Hidden<pthread_spinlock_t*> hidden{nullptr};
  return count_and_call(t_calls.spin, hidden, "pthread_spin_trylock", lock);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static constinit Hidden<pthread_cond_t*, pthread_mutex_t*> hidden{nullptr};
  return count_and_call(t_calls.condition, hidden, "pthread_cond_wait", condition, mutex);
}
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* deadline) {
  static constinit Hidden<pthread_cond_t*, pthread_mutex_t*, const timespec*> hidden{nullptr};
  return count_and_call(t_calls.condition, hidden, "pthread_cond_timedwait", condition, mutex,
                        deadline);
}
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* deadline) {
  static constinit Hidden<pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*> hidden{
      nullptr};
  return count_and_call(t_calls.condition, hidden, "pthread_cond_clockwait", condition, mutex,
                        clock, deadline);
}

int sem_wait(sem_t* semaphore) {
  static constinit Hidden<sem_t*> hidden{nullptr};
  return count_and_call(t_calls.semaphore, hidden, "sem_wait", semaphore);
}
int sem_trywait(sem_t* semaphore) noexcept {
  static constinit Hidden<sem_t*> hidden{nullptr};
  return count_and_call(t_calls.semaphore, hidden, "sem_trywait", semaphore);
}
int sem_timedwait(sem_t* semaphore, const timespec* deadline) {
  static constinit Hidden<sem_t*, const timespec*> hidden{nullptr};
  return count_and_call(t_calls.semaphore, hidden, "sem_timedwait", semaphore, deadline);
}

long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long arguments[6];
  // As many as any system call has; what was not passed is not looked at.
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  static constinit std::atomic<long (*)(long, long, long, long, long, long, long)> hidden{nullptr};
  std::uint64_t other = 0;
  return count_and_call(number == SYS_futex ? t_calls.futex : other, hidden, "syscall", number,
                        arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                        arguments[5]);
}

}  // extern "C"
