#include "core/dispatch/worker.h"

#include <thread>

namespace nexus::core {
namespace {

// A thread that was interrupted inside a section is not waited for.
constexpr int kSectionPatience = 1000;

}  // namespace

constinit thread_local Worker* Worker::t_current_ = nullptr;

void Worker::wait_for_rescuer() {
  in_section_.store(false, std::memory_order_release);
  { MutexLock lock(rescue_mutex_); }
  in_section_.store(true, std::memory_order_relaxed);
  light_fence();
}

bool Worker::rescue(std::vector<ActorCell*>& cells) {
  MutexLock lock(rescue_mutex_);
  revoked_.store(true, std::memory_order_seq_cst);
  // Now the worker either sees the line above when it next enters, or is seen inside below.
  heavy_fence();
  int patience = kSectionPatience;
  // Acquire pairs with the release at a section's end.
  while (in_section_.load(std::memory_order_acquire) && patience > 0) {
    --patience;
    std::this_thread::yield();
  }
  const bool alone = patience > 0;
  if (alone) {
    if (next_ != nullptr) hand_out_one(*std::exchange(next_, nullptr), cells);
    while (ActorCell* cell = ring_.pop_front()) hand_out_one(*cell, cells);
  }
  revoked_.store(false, std::memory_order_release);
  return alone;
}

}  // namespace nexus::core
