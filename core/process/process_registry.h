// ProcessRegistry: the one door. Every message of the node passes send_user() or send_system(), which resolve the target and
// have three exits: a mailbox (or process) here, another node, dead letters.
//
//   all calls   any thread
//
// D1  Conservation: accepted = processed + dead-lettered at the door + taken by processes + forwarded + waiting in mailboxes.
// D2  Messages of one sender to one actor enter its mailbox lane in the order of the calls.
// D3  A name belongs to at most one live actor or process of the node.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/actor/envelope.h"
#include "core/base/mutex.h"
#include "core/base/sharded_counter.h"
#include "core/dispatch/worker.h"
#include "core/process/dead_letters.h"
#include "core/process/door_counters.h"
#include "core/process/name_table.h"
#include "core/process/process.h"

namespace nexus::core {

class ActorSystem;

class ProcessRegistry {
 public:
  ProcessRegistry(std::string address, ActorSystem& system);

  // The node's address as peers know it, `host:port`.
  const std::string& address() const { return address_; }

  // Once, before the first message to another node. The route must outlive all sends.
  void set_foreign_route(ForeignRoute* route) {
    foreign_route_.store(route, std::memory_order_release);
  }

  Delivered send_user(const Pid& target, EnvelopePtr envelope);
  // The same, by code that runs on `worker` of this system.
  Delivered send_user_from(Worker& worker, const Pid& target, EnvelopePtr envelope) {
    worker.counters().accepted.add();
    if (target.is_cell()) [[likely]] {
      ActorCell& cell = *target.cell();
      if (worker.holds_some()) [[unlikely]] {
        if (worker.hold_more(cell, target.generation(), envelope)) return Delivered::mailbox;
      }
      if (cell.generation() == target.generation() && &cell.system() == &system_) [[likely]] {
        envelope->set_target_generation(target.generation());
        if (worker.append(cell, envelope, Lane::user, false) == Worker::Append::appended) {
          return Delivered::mailbox;
        }
      }
    }
    if (target.is_future()) {
      worker.counters().taken_by_processes.add();
      deliver_to_future(target, std::move(envelope));
      return Delivered::process;
    }
    return send_counted(target, std::move(envelope));
  }
  // A message of core/actor/system_messages.h.
  void send_system(const Pid& target, EnvelopePtr envelope);
  // The same, by code that runs on `worker` of this system.
  void send_system_from(Worker& worker, const Pid& target, EnvelopePtr envelope) {
    if (target.is_cell()) [[likely]] {
      ActorCell& cell = *target.cell();
      if (cell.generation() == target.generation() && &cell.system() == &system_) [[likely]] {
        envelope->set_target_generation(target.generation());
        if (worker.append(cell, envelope, Lane::system, false) == Worker::Append::appended) return;
      }
    }
    (void)send(target, std::move(envelope), Way::system);
  }
  // What a worker held for an actor that has ended meanwhile, with a place for each.
  void turn_away(ActorCell& cell, EnvelopeChain held);
  // A Terminated: goes the way of user messages, but no full mailbox turns it away.
  void send_terminated(const Pid& target, EnvelopePtr envelope);

  // Ends a user message that its actor had in a turn before, and kept: a dead letter `stopped`. It counts as accepted once more.
  void bury(const Pid& actor, EnvelopePtr envelope);

  // The name that the actor's cell bears. False when it is taken.
  [[nodiscard]] bool add_actor(const Pid& pid);
  void remove_actor(const Pid& pid);
  // A process, or a further name of an actor. False when the name is taken.
  [[nodiscard]] bool add(const std::string& id, const Pid& pid);
  void remove(const std::string& id, const Pid& pid);
  // The live actor or process of that name; empty when there is none. Knows anonymous ids (`$...`) too.
  Pid find(std::string_view id) const;
  // A Pid for `address/id`: a direct handle when it lives here, else by name. What a client calls itself becomes what others call it, see
  // core/process/client_name.h.
  Pid resolve(std::string_view address, std::string_view id) const;
  // Names in no order; a snapshot.
  std::vector<std::pair<std::string, Pid>> names() const;
  // Of these, the ones that were given with add().
  std::vector<std::pair<std::string, Pid>> further_names() const;

  struct Counters {
    std::uint64_t accepted;
    std::uint64_t processed;
    std::uint64_t dead_lettered;
    std::uint64_t taken_by_processes;
    std::uint64_t forwarded;
  };
  Counters counters() const;
  // A worker's own; lives as long as the registry.
  DoorCounters& add_worker_counters();

 private:
  enum class Way : std::uint8_t { user, exempt, system };
  Delivered send(const Pid& target, EnvelopePtr&& envelope, Way way);
  // A user message that has been counted as accepted.
  Delivered send_counted(const Pid& target, EnvelopePtr&& envelope);
  void deliver_to_future(const Pid& target, EnvelopePtr&& envelope);
  Delivered send_to_cell(Worker* worker, const Pid& target, EnvelopePtr envelope, Way way);
  Delivered send_elsewhere(const Pid& target, EnvelopePtr envelope, Way way);
  Delivered push_to_cell(Worker* worker, ActorCell& cell, const Pid& target, EnvelopePtr envelope,
                         Way way);
  // A user message for which the mailbox has no place.
  Delivered send_to_full(Worker* worker, ActorCell& cell, const Pid& target, EnvelopePtr envelope);
  void tell_middleware(const Props& props, const Pid& target, const Envelope& envelope);
  // With a place reserved.
  Delivered push(ActorCell& cell, const Pid& target, EnvelopePtr envelope, Lane lane);
  Delivered turn_away(const Pid& target, EnvelopePtr envelope, Lane lane, DeadLetterReason reason);

  static constexpr std::size_t kShardCount = 16;
  struct Shard {
    mutable Mutex mutex{"process_registry"};
    NameTable actors GUARDED_BY(mutex);
    std::unordered_map<std::string, Pid> others GUARDED_BY(mutex);
  };
  // The lowest four bits choose the shard, the others the place in it.
  Shard& shard_of(NameHash hash) { return shards_[hash.family % kShardCount]; }
  const Shard& shard_of(NameHash hash) const { return shards_[hash.family % kShardCount]; }

  const std::string address_;
  ActorSystem& system_;
  std::atomic<ForeignRoute*> foreign_route_{nullptr};

  // Of threads that are no workers.
  ShardedCounter accepted_;
  ShardedCounter taken_by_processes_;
  ShardedCounter forwarded_;

  mutable Mutex worker_counters_mutex_{"worker_counters"};
  std::deque<DoorCounters> worker_counters_ GUARDED_BY(worker_counters_mutex_);
  std::array<Shard, kShardCount> shards_;
};

}  // namespace nexus::core
