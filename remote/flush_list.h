// FlushList: links whose last messages wait a moment for more to go with them: until a worker has nothing else to do, or looks up.
//
//   all calls   any thread
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/mutex.h"

namespace nexus::remote {

class FlushList {
 public:
  // Who has something to write.
  class Link {
   public:
    virtual ~Link() = default;
    virtual void flush_held() = 0;
  };

  // While nobody calls flush() nothing shall be held back. Who stops calling it says so first and then asks has_some().
  void enable(bool enabled) { enabled_.store(enabled); }
  bool is_enabled() const { return enabled_.load(std::memory_order_relaxed); }

  // False when nobody calls flush() by now: the caller must.
  [[nodiscard]] bool add(std::shared_ptr<Link> link) {
    {
      core::MutexLock lock(mutex_);
      links_.push_back(std::move(link));
      has_some_.store(true);
    }
    // In one order with that of enable() and has_some(): one of the two sees the other.
    return enabled_.load();
  }
  bool has_some() const { return has_some_.load(); }
  void flush() {
    if (!has_some_.load(std::memory_order_acquire)) return;
    std::vector<std::shared_ptr<Link>> links;
    {
      core::MutexLock lock(mutex_);
      links.swap(links_);
      has_some_.store(false, std::memory_order_relaxed);
    }
    for (const auto& link : links) link->flush_held();
  }

 private:
  std::atomic<bool> enabled_{false};
  std::atomic<bool> has_some_{false};
  // Taken when a link begins to hold something back, and when it ends.
  core::Mutex mutex_{"flush_list"};
  std::vector<std::shared_ptr<Link>> links_ GUARDED_BY(mutex_);
};

}  // namespace nexus::remote
