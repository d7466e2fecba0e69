// ProtoactorFamily: the node as a member of a cluster of Proto.Actor nodes, beside its own cluster and apart from it: who is there by
// polling, what they tell each other by gossip. It has no kinds there, so none of their virtual actors is placed on it. Whoever polls is
// given to it by the daemon.
//
//   start()       once, before peers can reach the node
//   on_polled()   any thread
//   begin_leave(), await_left()   once, in this order, at the end; a foreign thread
//
// PF1  Each change of who is there is logged, and published on the system's event stream as a FamilyEvent, on the thread of a worker.
// PF2  Its actors are `gossip` and `$gossip`, one under two names that answers each family in its own types, and `eventstream` and
//      `$eventstream`, which take what members broadcast and do nothing with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/compat/node_health.h"
#include "cluster/compat/polled_members.h"
#include "core/actor_system.h"
#include "core/base/result.h"

namespace nexus::cluster {

struct FamilyEvent {
  enum class What : std::uint8_t { joined, silent, replaced, left };
  What what;
  FamilyMember member;
  // Who is there now.
  std::vector<FamilyMember> members;
};

class ProtoactorFamily {
 public:
  struct Options {
    // Who the node is there; its id is that of `remote`.
    NodeHealth self;
    // Those that are polled, for the log.
    std::vector<std::string> hosts;
  };

  // The system must outlive it.
  ProtoactorFamily(Options options, core::ActorSystem& system);

  core::Status start();
  // One round: for each host, in their order, the body that it answered with, or why there is none.
  void on_polled(const std::vector<core::Result<std::string>>& bodies);
  // Tells the others that the node leaves.
  void begin_leave(core::Duration patience);
  // Waits until each has taken that, or had its time to; false when some did not, or `patience` was over before.
  bool await_left();

 private:
  const Options options_;
  core::ActorSystem& system_;
  core::Pid gossip_;
  std::optional<core::Future> leaving_;
};

}  // namespace nexus::cluster
