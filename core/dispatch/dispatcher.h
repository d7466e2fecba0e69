// Dispatcher: runs cells that have something to do, each on one thread at a time.
#pragma once

#include <cstddef>

#include "core/base/clock.h"

namespace nexus::core {

class ActorCell;

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
};

}  // namespace nexus::core
