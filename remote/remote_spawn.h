// spawn_at(): has another node spawn an actor of one of its kinds, as the family's remotes do. Any node with an activator: of ours, of
// Go, of .NET.
//
// The activator of Go, and ours, is called "activator", that of .NET "$activator", and their numbers differ (ActivationStatus): the first is
// asked, and where there is nobody of that name, the second.
#pragma once

#include <string>

#include "core/actor/pid.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/unique_function.h"

namespace nexus::core {
class ActorSystem;
}

namespace nexus::remote {

struct SpawnedAt {
  core::Pid pid;
  // False: an actor of that name was there before, of whatever kind.
  bool created = true;
};

// Any thread; `done` is called once, in this call or later on another thread. `name` may be empty: the node makes one up. `timeout` is
// for all of it, > 0.
// Errors: unavailable (no link, or nobody who spawns), deadline_exceeded, failed_precondition (the node does not: the kind is unknown there, or
// its actor could not be made; the family does not say which), internal (it answered something else).
void spawn_at(core::ActorSystem& system, const std::string& address, const std::string& kind,
              const std::string& name, core::Duration timeout,
              core::UniqueFunction<void(const core::Result<SpawnedAt>&)> done);

}  // namespace nexus::remote
