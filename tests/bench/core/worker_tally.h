// WorkerTally: how many messages each worker handled, counted by the handlers themselves.
//
//   note()    worker        in a handler
//   reset()   main thread   while no worker runs
//   counts()  main thread   when the handlers have ended
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/base/mutex.h"

namespace nexus::bench {

class WorkerTally {
 public:
  static void note() {
    if (t_count_ == nullptr) [[unlikely]]
      t_count_ = &add_worker();
    ++*t_count_;
  }
  // Workers are threads of one run: those that noted before have ended.
  static void reset() {
    const core::MutexLock lock(mutex_);
    workers_.clear();
  }
  static std::vector<std::uint64_t> counts() {
    const core::MutexLock lock(mutex_);
    std::vector<std::uint64_t> counts;
    for (const Worker& worker : workers_) counts.push_back(worker.message_count);
    return counts;
  }

 private:
  struct alignas(64) Worker {
    std::uint64_t message_count = 0;
  };

  static std::uint64_t& add_worker() {
    const core::MutexLock lock(mutex_);
    return workers_.emplace_back().message_count;
  }

  static constinit thread_local inline std::uint64_t* t_count_ = nullptr;
  static inline core::Mutex mutex_{"worker_tally"};
  static inline std::deque<Worker> workers_ GUARDED_BY(mutex_);
};

}  // namespace nexus::bench
