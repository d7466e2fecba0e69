// Dispatcher: runs cells that have something to do, each on one thread at a time. The system has one of its own, and makes
// further ones for actors whose Props ask for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/clock.h"

namespace nexus::core {

class ActorCell;
class ActorSystem;
class Poller;

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // Any thread. For a cell whose mailbox is `queued` now.
  virtual void schedule(ActorCell& cell) = 0;
  // A foreign thread. Waits for the current turns up to `deadline`, then gives up on threads that are still in one; false
  // when it gave up on any. Cells scheduled later are never run.
  virtual bool stop(Instant deadline) = 0;
  // Any thread. Cells that wait for their turn, about; 0 where that is not known.
  virtual std::size_t waiting_count() const { return 0; }

  // A foreign thread, one at a time. From now on the dispatcher's threads wait in `poller`; null: they do no longer, and none is in
  // it when this returns. False when this sort of dispatcher does not do that.
  [[nodiscard]] virtual bool set_poller(Poller*) { return false; }

  // The spawner, before the actor's first schedule(). False when the dispatcher has no place for one more.
  [[nodiscard]] virtual bool admit(ActorCell&) { return true; }
  // The spawner, of an admitted actor that will not live.
  virtual void dismiss(ActorCell&) {}

  // True when the calling thread is the one that runs the cells: before it waits for what an actor does, it must run them.
  virtual bool runs_here() const { return false; }
  // Then: runs one cell, or waits until there is one, until poke() or up to `deadline`. False, at once, when too many turns
  // of this thread wait inside each other already.
  [[nodiscard]] virtual bool run_instead_of_waiting(Instant) { return false; }
  // Any thread: what the other waits for has happened.
  virtual void poke() {}
};

// How to make the dispatcher of a sort, once for each ActorSystem that has actors of it. Shared by Props.
class DispatcherFactory {
 public:
  enum class Scope : std::uint8_t {
    // All actors whose Props name no other.
    system,
    // Actors whose Props name this one.
    bound,
  };
  virtual ~DispatcherFactory() = default;
  // Any thread, with the system's list of dispatchers locked. Null when a thread that it needs cannot be started. The system
  // owns what it gets, and stops it before it ends.
  virtual std::unique_ptr<Dispatcher> make(ActorSystem& system, Scope scope) = 0;
};

}  // namespace nexus::core
