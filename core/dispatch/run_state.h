// RunState: decides, without a lock, that a cell is queued or running at most once.
//
//   notify()     any thread   after a push
//   begin_run()  owner        the worker that took the cell from a run queue
//   end_run()    owner
//
//   idle --notify--> queued --begin_run--> running --end_run--> idle
//                                          running --notify--> running, notified --end_run--> queued
//
// R1  Between two answers `enqueue` (or `run_again`) the cell is run at least once after the earlier push.
// R2  At most one worker is between begin_run() and end_run().
#pragma once

#include <atomic>
#include <cstdint>

namespace nexus::core {

enum class OnNotify : std::uint8_t { enqueue, already_pending };
enum class OnYield : std::uint8_t { sleep, run_again };

class RunState {
 public:
  // On `enqueue` the caller must hand the cell to its dispatcher.
  [[nodiscard]] OnNotify notify() noexcept {
    // Release publishes the pushed envelope; acquire pairs with the end_run() that made the cell idle.
    const auto before = bits_.fetch_or(kNotified, std::memory_order_acq_rel);
    return before == kIdle ? OnNotify::enqueue : OnNotify::already_pending;
  }

  // Clears `notified` before the drain, so that a push during the drain is seen again.
  void begin_run() noexcept {
    // Acquire pairs with every notify() before it; release orders the drain behind the clearing.
    bits_.exchange(kRunning, std::memory_order_acq_rel);
  }

  // On `run_again` the cell counts as queued and the caller must hand it to its dispatcher.
  [[nodiscard]] OnYield end_run() noexcept {
    auto expected = kRunning;
    // Release hands the cell's fields to the next owner.
    if (bits_.compare_exchange_strong(expected, kIdle, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      return OnYield::sleep;
    }
    // Only notify() could interfere, and it sets a bit that is set. Not a plain store: that would cut the next begin_run()
    // off from a notify() that came in between, and its push might not be seen.
    bits_.exchange(kNotified, std::memory_order_acq_rel);
    return OnYield::run_again;
  }

 private:
  using Bits = std::uint32_t;
  static constexpr Bits kIdle = 0;
  static constexpr Bits kNotified = 1;
  static constexpr Bits kRunning = 2;

  std::atomic<Bits> bits_{kIdle};
};

}  // namespace nexus::core
