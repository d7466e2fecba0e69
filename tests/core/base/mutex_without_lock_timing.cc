// What a Mutex is in a build without NEXUS_LOCK_TIMING. Compiled by itself in every build, so that the option cannot rot.

#include <type_traits>

#include "core/base/mutex.h"

namespace nexus::core {

static_assert(!kLockTiming, "this file must be compiled without NEXUS_LOCK_TIMING");
static_assert(sizeof(Mutex) == sizeof(std::mutex));
static_assert(std::is_empty_v<LockProbe<kLockTiming>>);
static_assert(!std::is_default_constructible_v<Mutex>, "a mutex has a name in every build");

void lock_and_unlock() {
  Mutex mutex{"not counted"};
  const MutexLock lock(mutex);
}

}  // namespace nexus::core
