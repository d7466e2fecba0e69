// Hooks of the explorer: what the headers of shadow/ call in place of the operation itself. On a thread that is not explored each
// of them does nothing, and the operation is what it always is.
//
//   all calls   any thread
#pragma once

#include <cstdint>
#include <source_location>

namespace nexus::explore {

using Where = std::source_location;

// A store that other threads do not see yet.
struct PendingStore {
  void* place;
  std::uint64_t bits;
  void (*apply)(void* place, std::uint64_t bits);
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  virtual void point(const char* what, const Where& where) = 0;
  virtual void point_after(const char* what, const Where& where) = 0;
  virtual void wait_on(const void* place, const char* what, const Where& where) = 0;
  virtual void wake(const void* place, bool all) = 0;
  virtual bool fails_for_no_reason() = 0;
  // Whether the store is kept back; else the caller stores at once.
  virtual bool keep_back(const PendingStore& store) = 0;
  virtual const PendingStore* own_pending(const void* place) const = 0;
  virtual void publish_own() = 0;
  virtual void publish_all() = 0;
};

namespace internal {
// Null on threads that are not explored.
inline constinit thread_local Scheduler* t_scheduler = nullptr;
}  // namespace internal

inline bool is_exploring() { return internal::t_scheduler != nullptr; }

// The thread may lose control here.
inline void point(const char* what, const Where& where) {
  if (internal::t_scheduler != nullptr) internal::t_scheduler->point(what, where);
}
// The same behind an operation by which others may get hold of plain data.
inline void point_after(const char* what, const Where& where) {
  if (internal::t_scheduler != nullptr) internal::t_scheduler->point_after(what, where);
}
// Until wake() of the same place. Only while exploring; between the look that found a reason to wait and this call is no point.
inline void wait_on(const void* place, const char* what, const Where& where) {
  internal::t_scheduler->wait_on(place, what, where);
}
inline void wake(const void* place, bool all) {
  if (internal::t_scheduler != nullptr) internal::t_scheduler->wake(place, all);
}
inline bool fails_for_no_reason() {
  return internal::t_scheduler != nullptr && internal::t_scheduler->fails_for_no_reason();
}
inline bool keep_back(const PendingStore& store) {
  return internal::t_scheduler != nullptr && internal::t_scheduler->keep_back(store);
}
// The newest of this thread to that place, or null.
inline const PendingStore* own_pending(const void* place) {
  return internal::t_scheduler == nullptr ? nullptr : internal::t_scheduler->own_pending(place);
}
// Lets the others see what this thread, or every thread, has stored.
inline void publish_own() {
  if (internal::t_scheduler != nullptr) internal::t_scheduler->publish_own();
}
inline void publish_all() {
  if (internal::t_scheduler != nullptr) internal::t_scheduler->publish_all();
}

}  // namespace nexus::explore
