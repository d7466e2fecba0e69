// The conservation law of the door (D1), for the end of tests: every message that was accepted has ended somewhere.
//
//   all calls   the test's thread
#pragma once

#include <gtest/gtest.h>

#include "core/actor_system.h"
#include "tests/support/wait.h"

namespace nexus::test {

// Accepted, but not ended yet. Below zero for a moment while both are counted.
inline std::int64_t messages_under_way(core::ActorSystem& system) {
  const core::ProcessRegistry::Counters sum = system.registry().counters();
  const std::uint64_t ended =
      sum.processed + sum.dead_lettered + sum.taken_by_processes + sum.forwarded;
  return static_cast<std::int64_t>(sum.accepted - ended);
}

// Stops all actors. Then nothing waits, and nothing was lost or counted twice.
inline void expect_conserved(core::ActorSystem& system) {
  ASSERT_TRUE(system.stop_actors(kPatience));
  EXPECT_TRUE(eventually([&system] { return messages_under_way(system) == 0; }))
      << messages_under_way(system) << " messages are neither waiting nor ended";
}

}  // namespace nexus::test
