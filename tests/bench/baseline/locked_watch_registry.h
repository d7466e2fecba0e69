// LockedWatchRegistry: the watches of a link as a plain registry under the link's one mutex.
//
//   all calls   any thread
#pragma once

#include "core/base/mutex.h"
#include "remote/watch_registry.h"

namespace nexus::bench {

class LockedWatchRegistry {
 public:
  // The link's own.
  explicit LockedWatchRegistry(core::Mutex& link) : link_(link) {}

  template <typename Forward>
  bool add(const core::Pid& watcher, const core::Pid& watchee, Forward forward) {
    const core::MutexLock lock(link_);
    if (!watches_.add(watcher, watchee)) return false;
    forward(watcher, watchee, true);
    return true;
  }
  template <typename Forward>
  bool remove(const core::Pid& watcher, const core::Pid& watchee, Forward forward) {
    const core::MutexLock lock(link_);
    if (!watches_.remove(watcher, watchee)) return false;
    forward(watcher, watchee, false);
    return true;
  }
  // As when the link comes up.
  template <typename Forward>
  void send_all(Forward forward) {
    const core::MutexLock lock(link_);
    for (const auto& [watcher, watchee] : watches_.all()) forward(watcher, watchee, true);
  }

 private:
  core::Mutex& link_;
  remote::WatchRegistry watches_;
};

}  // namespace nexus::bench
