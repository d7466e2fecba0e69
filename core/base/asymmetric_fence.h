// A pair of fences that orders "store mine, then look at yours" on both sides of a handshake, at the cost of the seldom side:
// light_fence() is nothing but an order to the compiler, heavy_fence() makes every thread of the process pass a full fence
// (membarrier(2), private expedited). Where the kernel has no membarrier, or a sandbox forbids it, both are ordinary fences.
//
//   light_fence(), heavy_fence()   any thread
#pragma once

#include <atomic>

namespace nexus::core {

namespace internal {
// Asks the kernel once, before main().
bool register_membarrier();
extern const bool kHasMembarrier;
}  // namespace internal

inline void light_fence() {
  if (internal::kHasMembarrier) [[likely]] {
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
}

void heavy_fence();

}  // namespace nexus::core
