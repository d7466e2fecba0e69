// FaultPlan: what goes wrong and what is done in a run, when, and to whom. A plan is data: it can be printed, cut down, and run again.
//
//   all calls   the simulation's thread
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/event_queue.h"
#include "tests/sim/process.h"

namespace nexus::sim {

struct Fault {
  enum class Kind : std::uint8_t {
    // Power off: the host answers nothing any more.
    crash,
    // The process is killed; its host refuses and resets.
    kill,
    // A process begins, with a new identity; one that is still there is killed first.
    start,
    leave,
    put,
    // The process stands still (SIGSTOP); its host goes on receiving up to a receive buffer.
    pause,
    // Stands still for 0.5 to 8 s, runs for 50 to 250 ms, and so on; both uniform, and every node for itself.
    starve,
    // Everything takes `amount` times as long.
    slow,
    // The clock gains `amount` ppm, or loses them; until the end.
    drift,
    // A rule of the network from `nodes` to `to`.
    rule,
  };

  Kind kind = Kind::crash;
  SimTime at{};
  // When it ends. Kinds that happen once end when they begin.
  SimTime until{};
  std::vector<NodeIndex> nodes{};
  // rule: the other end, its loss in 65,536ths and the delay that it adds.
  std::vector<NodeIndex> to{};
  std::uint32_t loss = 0;
  core::Duration delay{};
  // slow: times; drift: ppm; put: bytes.
  std::int32_t amount = 0;
  // Who is sick by it; a rule has many ends and not all are to blame.
  std::vector<NodeIndex> sick{};
  // Until when they are: past the end where faults come and go.
  SimTime sick_until{};
  // The sick shall be removed.
  bool must_go = false;
};

struct FaultPlan {
  std::vector<Fault> faults;

  // When the last of them begins or ends; zero without any.
  SimTime end() const;
};

// One line, without a line break: time, what, whom.
std::string to_string(const Fault& fault);

}  // namespace nexus::sim
