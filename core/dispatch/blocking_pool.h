// BlockingPool: runs actors that block in their turns, on threads of its own, `nx-blocking`, so that such a turn keeps nobody
// waiting but its actor.
//
//   make()   any thread; by systems
//
// L3  An actor runs on one thread at a time; no worker of another dispatcher ever runs it.
// L4  A thread is started when an actor is due and none is idle, up to thread_count_max; then actors wait, first come, first served,
//     each for one turn of at most `throughput` messages.
// L5  A thread without work for idle_timeout ends, but for the last.
#pragma once

#include <cstdint>
#include <memory>

#include "core/dispatch/dispatcher.h"

namespace nexus::core {

class BlockingPool final : public DispatcherFactory {
 public:
  struct Options {
    // For each system; >= 1.
    std::uint32_t thread_count_max = 64;
    Duration idle_timeout = std::chrono::seconds(10);
    // User messages of one turn; >= 1. One, because each may block.
    std::uint32_t throughput = 1;
  };
  BlockingPool() = default;
  explicit BlockingPool(Options options);

  std::unique_ptr<Dispatcher> make(ActorSystem& system, Scope scope) override;

 private:
  const Options options_{};
};

}  // namespace nexus::core
