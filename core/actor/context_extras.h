// ContextExtras: what most actors never need, made on first use: children, watchers, failures of children.
//
//   all calls   owner   the worker that runs the actor
//
// Private to core: upper floors must not include it.
#pragma once

#include <unordered_map>

#include "core/actor/actor_cell.h"
#include "core/actor/envelope.h"
#include "core/actor/pid_set.h"
#include "core/actor/supervision.h"

namespace nexus::core {

struct ContextExtras {
  // The rest of the list hangs on the children's cells.
  std::uint32_t first_child = ActorCell::kNoCell;
  // Whom to tell when this actor is gone; the parent is told in any case.
  PidSet watchers;
  // Whom this actor watches, to be unwatched when it is gone.
  PidSet watching;
  // Made at a child's first failure, dropped with the child.
  std::unordered_map<Pid, RestartStatistics> child_failures;
  // Failed children on whose behalf this actor failed; they are resumed with it.
  PidSet escalated;
  // User messages that came while the actor waits for its children before a restart.
  EnvelopeList laid_aside;
  // Continuations and done futures that came while the actor was suspended.
  EnvelopeList held;
};

}  // namespace nexus::core
