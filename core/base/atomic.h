// Atomic: std::atomic, by a name of its own in the classes whose protocols are explored schedule by schedule. The tests that do
// that build core a second time, with another header of this name in front: docs/design/0011-schedule-exploration.md.
#pragma once

#include <atomic>

namespace nexus::core {

template <typename T>
using Atomic = std::atomic<T>;

}  // namespace nexus::core
