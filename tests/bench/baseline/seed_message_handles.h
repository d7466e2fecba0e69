// SeedMessageHandles: the stash that nexus-actor-rs had after its "synchronous" step: a list under a mutex. Measured against, not
// used.
//
//   all calls   any thread
//
// Kept as it was: pop() takes what was pushed last, so that unstashing turns the order round; there is no limit; popping until
// nothing is left does not end when each message is stashed again.
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "core/actor/envelope.h"

namespace nexus::bench {

class SeedMessageHandles {
 public:
  void push(core::EnvelopePtr envelope) {
    const std::lock_guard lock(mutex_);
    handles_.push_back(std::move(envelope));
  }
  // Null when there is none.
  core::EnvelopePtr pop() {
    const std::lock_guard lock(mutex_);
    if (handles_.empty()) return nullptr;
    core::EnvelopePtr last = std::move(handles_.back());
    handles_.pop_back();
    return last;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return handles_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<core::EnvelopePtr> handles_;
};

}  // namespace nexus::bench
