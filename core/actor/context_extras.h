// ContextExtras: what most actors never need, made on first use. What turns read stands in it; what they change is in blocks of its
// own, each made when it is needed, so that an actor pays for what it uses.
//
//   all calls   owner   the worker that runs the actor
//
// Private to core: upper floors must not include it.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/actor/actor_cell.h"
#include "core/actor/actor_timers.h"
#include "core/actor/context_decorator.h"
#include "core/actor/envelope.h"
#include "core/actor/message_handles.h"
#include "core/actor/pid_set.h"
#include "core/actor/supervision.h"
#include "core/base/type_map.h"
#include "core/mailbox/priority_lanes.h"

namespace nexus::core {

// Of an actor that watches, is watched, or had a child that failed.
struct Relations {
  // Whom to tell when this actor is gone; the parent is told in any case.
  PidSet watchers;
  // Whom this actor watches, to be unwatched when it is gone.
  PidSet watching;
  // Made at a child's first failure, dropped with the child.
  std::unordered_map<Pid, RestartStatistics> child_failures;
  // Failed children on whose behalf this actor failed; they are resumed with it.
  PidSet escalated;
};

struct ContextExtras {
  static constexpr std::uint64_t kNoCount = UINT64_MAX;

  // Read in each turn, or with each child; changed seldom.

  // Outermost first; made with the actor's first life.
  std::vector<std::unique_ptr<ContextDecorator>> decorators;
  // What the actor and its decorators keep for each other.
  TypeMap store;
  // The rest of the list hangs on the children's cells.
  std::uint32_t first_child = ActorCell::kNoCell;
  // Of those in front of a mailbox that drops its oldest, so many were put back there.
  std::uint32_t put_back_count = 0;
  // Futures of others that the actor object waits for.
  std::uint32_t awaited_count = 0;
  // Of an actor with a receive timeout: the messages that are no activity, and those that were, as it was told last.
  std::uint64_t passive_count = 0;
  std::uint64_t active_count = 0;

  // Changed in turns.

  std::unique_ptr<Relations> relations;
  std::unique_ptr<MessageHandles> stash;
  std::unique_ptr<ActorTimers> timers;
  // User messages that came while the actor waits for its children before a restart.
  EnvelopeList laid_aside;
  // User messages of an actor with a priority function, out of the mailbox but in the places they have there.
  std::unique_ptr<PriorityLanes> priority;
  // Senders that this actor's full mailbox keeps suspended, and the number of the GoOn that each waits for.
  std::unordered_map<Pid, std::uint32_t> slowed;
  // Whose full mailbox suspends this actor, and the number of its GoOn.
  Pid slowed_by;
  std::uint32_t slowed_number = 0;
  // Continuations and done futures that came while the actor was suspended.
  EnvelopeList held;

  Relations& ensure_relations() {
    if (relations == nullptr) relations = std::make_unique<Relations>();
    return *relations;
  }
};

}  // namespace nexus::core
