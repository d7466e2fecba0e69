// CHECK: a bug ends the process with file, line and condition. On in every build.
// DCHECK: the same, only in debug and sanitizer builds.
#pragma once

#include <cstdio>
#include <cstdlib>

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
