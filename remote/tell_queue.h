// TellQueue: calls what became due in some order in the order in which places for it were taken, one at a time.
//
//   all calls   any thread; fill() calls out, without a lock
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "core/base/mutex.h"

namespace nexus::remote {

class TellQueue {
 public:
  struct Entry {
    std::function<void()> run{};
    bool is_filled = false;
  };
  using Place = std::shared_ptr<Entry>;

  // fill() must follow.
  Place take_place() {
    core::MutexLock lock(mutex_);
    return entries_.emplace_back(std::make_shared<Entry>());
  }
  // Calls `run` as soon as those in the places before have been called, and then those behind that waited for it: now, or later by
  // another thread that is here.
  void fill(const Place& place, std::function<void()> run) {
    {
      core::MutexLock lock(mutex_);
      place->run = std::move(run);
      place->is_filled = true;
    }
    while (const Place next = take_first()) {
      next->run();
      core::MutexLock lock(mutex_);
      is_running_ = false;
    }
  }

 private:
  Place take_first() {
    core::MutexLock lock(mutex_);
    if (is_running_ || entries_.empty() || !entries_.front()->is_filled) return nullptr;
    Place first = std::move(entries_.front());
    entries_.pop_front();
    is_running_ = true;
    return first;
  }

  core::Mutex mutex_{"tell_queue"};
  std::deque<Place> entries_ GUARDED_BY(mutex_);
  bool is_running_ GUARDED_BY(mutex_) = false;
};

}  // namespace nexus::remote
