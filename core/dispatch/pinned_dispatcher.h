// PinnedDispatcher: gives each of its actors a thread of its own, `nx-pinned`, from its first turn to its last.
//
//   make()   any thread; by systems
//
// L1  All turns of an actor run on one thread, and no other actor runs there during its life.
// L2  The thread is started by the spawn, which fails when thread_count_max actors have one or the system gives none; it ends with
//     the actor, or with the system.
#pragma once

#include <cstdint>
#include <memory>

#include "core/dispatch/dispatcher.h"

namespace nexus::core {

class PinnedDispatcher final : public DispatcherFactory {
 public:
  struct Options {
    // Actors of one system that have a thread.
    std::uint32_t thread_count_max = 256;
  };
  PinnedDispatcher() = default;
  explicit PinnedDispatcher(Options options) : options_(options) {}

  std::unique_ptr<Dispatcher> make(ActorSystem& system, Scope scope) override;

 private:
  const Options options_{};
};

}  // namespace nexus::core
