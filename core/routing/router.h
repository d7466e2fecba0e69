// Routers: actors that hand each message on to one of their routees, or to all. A pool spawns its routees and looks after them; a
// group gets them from outside.
//
//   pool_router(), group_router()   any thread; Props to spawn the router with, by spawn() or spawn_named() as any actor
//
// G1  A routee gets the very message, with sender and headers, in the order in which the router got it. Only a message for several
//     routees is copied: all copies are made before the first leaves, and with one routee none is made.
// G2  A message that goes nowhere is a dead letter: without routees for `<router>/$routee`, no_such_actor; one without a key, or
//     for several routees and not to be copied, for the router, unreadable. Who asked is told.
// G3  A routee of a group, or one added to a pool, that has stopped is a routee no more.
// G4  A routee that a pool spawned: after a failure the strategy decides. One that it restarts or resumes stays, one that it stops is
//     a routee no more. One that stopped without having failed (PoisonPill, stop()) is replaced by a new one in its place, unless
//     too many were lately.
// G5  A pool stops its routees when it stops, at once, as any parent: what waits in their mailboxes is dead letters. To lose nothing,
//     AdjustPoolSize it to nothing and stop it after the routees, which can be watched. A group leaves its routees alone.
// G6  A router that is restarted begins anew with the routees of its options.
//
// What a router understands itself is in router_messages.h. Do not change the strategy in a pool's Props: it is in the options.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/actor/pid.h"
#include "core/actor/props.h"
#include "core/actor/supervision.h"
#include "core/base/clock.h"
#include "core/routing/router_messages.h"
#include "core/routing/routing_state.h"

namespace nexus::core {

struct PoolOptions {
  RoutingStateFactory routing = round_robin_routing();
  // Of the routees.
  PropsPtr routee{};
  // To begin with; at most routee_count_max.
  std::size_t routee_count = 1;
  // No more are spawned or added, each attempt is logged.
  std::size_t routee_count_max = 1'024;
  // What happens to routees that failed.
  std::shared_ptr<const SupervisionStrategy> strategy = std::make_shared<OneForOneStrategy>();
  // So many routees that stopped by themselves are replaced within the window, the others are taken out.
  // At most RestartStatistics::kFailureCountMax - 1.
  std::size_t replacement_count_max = 10;
  Duration replacement_window = std::chrono::seconds(10);
};

struct GroupOptions {
  RoutingStateFactory routing = round_robin_routing();
  // To begin with; what is beyond routee_count_max is left out.
  std::vector<Pid> routees{};
  std::size_t routee_count_max = 1'024;
};

Props pool_router(PoolOptions options);
Props group_router(GroupOptions options);

}  // namespace nexus::core
