// SingleThread: the thread that made it runs the actors, whenever it calls one of the run functions: for tests, and for programs
// with a loop of their own. As the dispatcher of a whole system no worker threads exist; of several systems, one thread runs all.
//
//   run_*()   the thread that made it, outside a turn
//   make()    any thread; by systems
//
// B1  That thread never waits for what only it could do: ActorSystem::ask(), stop_actors() and shutdown() run the actors while
//     they wait. An ask from inside a turn does so, too, kNestedMax deep; what would go deeper is cancelled at once.
// B2  A turn that asks its own actor waits until its deadline, as everywhere.
// B3  When many actors have something to do, they take turns; cells made runnable by other threads are looked at every
//     kQueuedEvery turns, however much the others have to do.
#pragma once

#include <cstddef>
#include <memory>

#include "core/dispatch/dispatcher.h"

namespace nexus::core {

class SingleThread final : public DispatcherFactory {
 public:
  SingleThread();
  ~SingleThread() override;

  // Until no actor has anything to do; returns the number of turns.
  std::size_t run_until_idle();
  // Until the deadline; waits for work.
  void run_until(Instant deadline);
  void run_for(Duration time);

  std::unique_ptr<Dispatcher> make(ActorSystem& system, Scope scope) override;

  static constexpr std::uint32_t kNestedMax = 32;
  static constexpr std::uint32_t kQueuedEvery = 8;

 private:
  struct Loop;
  class Member;

  const std::shared_ptr<Loop> loop_;
};

}  // namespace nexus::core
