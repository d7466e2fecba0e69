// Waiting in tests: on conditions, never for a length of time. What does not happen within kPatience is a failure.
//
//   all calls   any thread
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace nexus::test {

// Far beyond what a loaded machine under a sanitizer needs.
inline constexpr core::Duration kPatience = std::chrono::seconds(60);

inline core::Instant give_up_at() { return core::SteadyClock().now() + kPatience; }

// True as soon as `condition` holds; false when it does not within kPatience.
template <typename Condition>
bool eventually(Condition condition) {
  const core::SteadyClock clock;
  const core::Instant deadline = give_up_at();
  core::Mutex mutex{"test_eventually"};
  core::CondVar never;
  while (!condition()) {
    if (clock.now() >= deadline) return false;
    const core::MutexLock lock(mutex);
    never.wait_until(mutex, clock.now() + std::chrono::microseconds(200));
  }
  return true;
}

// A queue that one side fills and the other waits on.
template <typename T>
class Queue {
 public:
  void push(T value) {
    const core::MutexLock lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  // Nothing when none came within kPatience.
  std::optional<T> pop() {
    const core::SteadyClock clock;
    const core::Instant deadline = give_up_at();
    const core::MutexLock lock(mutex_);
    while (values_.empty()) {
      if (clock.now() >= deadline) return std::nullopt;
      changed_.wait_until(mutex_, deadline);
    }
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }
  std::size_t size() const {
    const core::MutexLock lock(mutex_);
    return values_.size();
  }

 private:
  mutable core::Mutex mutex_{"test_queue"};
  core::CondVar changed_;
  std::deque<T> values_;
};

// A gate that is shut until somebody opens it.
class Gate {
 public:
  void open() {
    const core::MutexLock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // False when it was not opened within kPatience.
  bool wait() {
    const core::SteadyClock clock;
    const core::Instant deadline = give_up_at();
    const core::MutexLock lock(mutex_);
    while (!open_) {
      if (clock.now() >= deadline) return false;
      changed_.wait_until(mutex_, deadline);
    }
    return true;
  }

 private:
  core::Mutex mutex_{"test_gate"};
  core::CondVar changed_;
  bool open_ = false;
};

}  // namespace nexus::test
