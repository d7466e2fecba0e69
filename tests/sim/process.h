// Process: one run of one node in the simulator, and Env, all that it may do and must tell. Every protocol plugs in here: what ships
// through an adapter, rivals as small models.
//
//   Model::make         harness   at each start of a node; a restart is a new Process
//   Process::on_...     harness   one at a time, when the node's CPU is free; between start() and destruction
//   Env::...            process   only inside those calls
//
// P1  A process knows nothing but what Env and these calls tell it: no wall clock, no chance but random(), no other process.
// P2  It calls view_changed() for every change of what it believes, inside the call that changed it, start() included.
// P3  What decides its doings never depends on addresses of memory, on the order of an unordered container, or on floating point.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "tests/sim/sim_random.h"

namespace nexus::sim {

// A node is an address. Its processes come and go.
using NodeIndex = std::uint32_t;

// Who is a member: a node under one of its identities. A restart brings the next incarnation, and so does Env::renew_identity().
struct Identity {
  NodeIndex node = 0;
  std::uint32_t incarnation = 0;

  bool operator==(const Identity&) const = default;
  auto operator<=>(const Identity&) const = default;
};

// An immutable message, shared by all who receive it.
class Payload {
 public:
  Payload() = default;
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;
  virtual ~Payload() = default;

  // Equal for equal contents, in every build. Asked once a delivery: computed at construction.
  virtual std::uint64_t digest() const = 0;
};
using PayloadPtr = std::shared_ptr<const Payload>;

// Why a stream has ended. refused: nobody listens at that address. reset: the other end has gone or given up. timed_out: what was sent
// was not acknowledged for the user timeout.
enum class WhyDown : std::uint8_t { refused, reset, timed_out };

// frozen: it holds a view that it may not act on. out: it knows that it was removed. A process starts as joining.
enum class Standing : std::uint8_t { joining, member, frozen, out };

// What a process believes from now on, as a difference to before. Spans live for the call.
struct ViewChange {
  // 0, 0: the model has no agreed views.
  std::uint64_t epoch = 0;
  std::uint64_t id = 0;
  std::span<const Identity> added{};
  std::span<const Identity> removed{};
};

class Env {
 public:
  Env() = default;
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;
  virtual ~Env() = default;

  // The node's own clock: it drifts, and its origin is like no other node's.
  virtual core::Instant now() const = 0;
  virtual Identity self() const = 0;
  // From a sequence of this node's own.
  virtual Random& random() = 0;

  // On the stream to that node, dialled when there is none; in order. What cannot arrive ends with on_link_down(). `bytes` is the
  // size of the encoded message without framing.
  virtual void send(NodeIndex to, PayloadPtr payload, std::uint32_t bytes) = 0;
  // One datagram: lost, or delivered some time. `bytes` as above.
  virtual void send_datagram(NodeIndex to, PayloadPtr payload, std::uint32_t bytes) = 0;

  // on_time() is due at `at`. There is one timer: the earliest call since the last on_time() counts.
  virtual void wake_at(core::Instant at) = 0;

  // The next identity of this node, from now on self(); for a process that was removed and comes back.
  virtual Identity renew_identity() = 0;
  // leave() is done: the process is ended after this call.
  virtual void left() = 0;

  // What the harness observes.
  virtual void view_changed(const ViewChange& change) = 0;
  virtual void standing_changed(Standing standing) = 0;
  // The value of that key has become known here; once a key, and inside put() as well.
  virtual void learned(std::uint64_t key) = 0;
};

class Process {
 public:
  Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  virtual ~Process() = default;

  // Alone: knows only whom to ask, maybe nobody. `contacts` may have this node itself among them.
  virtual void start(std::span<const NodeIndex> contacts) = 0;
  // Instead of start(): a member of a cluster that has long been settled. `members` is sorted, holds self(), and is shared by all.
  // Must call view_changed() with all of them added, and in models with views the same epoch and id everywhere.
  virtual void start_settled(const std::shared_ptr<const std::vector<Identity>>& members,
                             std::span<const NodeIndex> contacts) = 0;

  // `from` is the sender as it was when it sent.
  virtual void on_message(Identity from, const PayloadPtr& payload) = 0;
  // A stream between this node and that one has ended, whoever dialled it; what was under way on it is lost.
  virtual void on_link_down(NodeIndex peer, WhyDown why) = 0;
  virtual void on_time() = 0;

  // Go without being missed, then call Env::left().
  virtual void leave() = 0;
  // Make a value of so many bytes known to all members.
  virtual void put(std::uint64_t key, std::uint32_t bytes) = 0;

  // Asked at the end, and by tests.
  virtual bool believes(Identity member) const = 0;
  virtual std::size_t memory_bytes() const = 0;
};

class Model {
 public:
  struct Traits {
    // Views have epochs: the rules about views are asserted, not only measured.
    bool has_epochs = false;
    // And there is one view an epoch, because no part of a cluster that has fallen apart goes on beside another.
    bool has_one_view_an_epoch = false;
    // To be named in what is printed.
    std::string description{};
  };

  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  virtual Traits traits() const = 0;
  // `node_count_max` bounds every NodeIndex that there will be. `env` outlives the process.
  virtual std::unique_ptr<Process> make(Env& env, std::uint32_t node_count_max) = 0;
};

}  // namespace nexus::sim
