// Lifeline: tells code that may come late whether what it needs is still there, and keeps it there meanwhile. Shared by the object and
// by those who may come.
//
//   run()     any thread
//   close()   who ends the object; not inside run()
//
// LL1  What run() was given runs exactly when close() has not begun, and ends before close() returns.
#pragma once

#include <cstdint>
#include <utility>

#include "core/base/mutex.h"

namespace nexus::core {

class Lifeline {
 public:
  // False when it came too late.
  template <typename Code>
  bool run(Code&& code) {
    {
      MutexLock lock(mutex_);
      if (closed_) return false;
      ++inside_count_;
    }
    const Leave leave(*this);
    std::forward<Code>(code)();
    return true;
  }
  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    while (inside_count_ > 0) left_.wait(mutex_);
  }

 private:
  class Leave {
   public:
    explicit Leave(Lifeline& lifeline) : lifeline_(lifeline) {}
    ~Leave() {
      MutexLock lock(lifeline_.mutex_);
      if (--lifeline_.inside_count_ == 0) lifeline_.left_.notify_all();
    }
    Leave(const Leave&) = delete;
    Leave& operator=(const Leave&) = delete;

   private:
    Lifeline& lifeline_;
  };

  Mutex mutex_{"lifeline"};
  CondVar left_;
  std::uint32_t inside_count_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace nexus::core
