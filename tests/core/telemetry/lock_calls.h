// LockCalls: every call that could make a thread wait for another, counted where the C library begins: the program that links
// lock_calls.cc defines those functions itself, before the library's own.
//
//   all calls   any thread
//
// Seen are mutexes, reader-writer locks, POSIX spin locks, conditions, semaphores, and futex system calls that go through
// syscall(), which is what std::atomic::wait() and notify do. Not seen is what the C library does with itself inside, as in malloc.
#pragma once

#include <cstdint>

namespace nexus::test {

struct LockCalls {
  std::uint64_t mutex = 0;
  std::uint64_t reader_writer = 0;
  std::uint64_t spin = 0;
  std::uint64_t condition = 0;
  std::uint64_t semaphore = 0;
  std::uint64_t futex = 0;

  bool operator==(const LockCalls&) const = default;
  // Of the calling thread, since it began.
  static LockCalls of_this_thread();
};

}  // namespace nexus::test
