// CHECK: a bug ends the process with file, line and condition. On in every build.
// DCHECK: the same, only in debug and sanitizer builds.
// OwnerThread: turns the sentence "only one thread at a time" into a check (debug and sanitizer builds).
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace nexus::core {

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace nexus::core

#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) [[unlikely]]                                 \
      ::nexus::core::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)

#ifdef NEXUS_DCHECK
#define DCHECK(condition) CHECK(condition)
#else
#define DCHECK(condition) \
  do {                    \
  } while (false)
#endif

namespace nexus::core {

class OwnerThread {
 public:
#ifdef NEXUS_DCHECK
  void enter() {
    std::thread::id nobody{};
    CHECK(owner_.compare_exchange_strong(nobody, std::this_thread::get_id()));
  }
  void leave() {
    check();
    owner_.store(std::thread::id{});
  }
  void check() const { CHECK(owner_.load() == std::this_thread::get_id()); }

 private:
  std::atomic<std::thread::id> owner_{};
#else
  void enter() {}
  void leave() {}
  void check() const {}
#endif
};

}  // namespace nexus::core
