// ask_echo(): requests to an actor that answers each with the same.
//
//   all calls   main thread
#pragma once

#include <cstdint>
#include <vector>

#include "core/actor_system.h"

namespace nexus::bench {

struct AskPlan {
  // Whatever comes first; what is under way then is still awaited.
  std::uint64_t count = UINT64_MAX;
  core::Duration lasting = core::Duration::max();
  // Under way at once.
  std::uint64_t outstanding_count = 1;
  // Whether each answer's time after the one before is kept.
  bool timed = false;
};

struct Asked {
  core::Duration took;
  std::vector<std::uint32_t> times_ns;
};

// Throws Broken when answers do not come.
Asked ask_echo(core::ActorSystem& system, const core::Pid& echo, const AskPlan& plan);

}  // namespace nexus::bench
