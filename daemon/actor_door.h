// ActorDoor: what clients may do with actors: the checks, the words of each error, and the way from a payload to the one door
// of the runtime and back. Knows no gRPC.
//
//   all calls   any thread; nothing blocks, answers come through callbacks
//
// Errors carry a stable reason (docs/errors.md). A call for an actor of another node travels as ordinary messages; what can be
// answered only by the other node's door (spawn, get, list) is the caller's to forward; spawn_at() is for nodes that have none.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/actor_system.h"
#include "core/base/result.h"
#include "daemon/config/node_config.h"
#include "daemon/kinds.h"

namespace nexus::daemon {

struct ActorView {
  std::string pid;
  std::string kind;
  std::string parent;
  core::ActorCell::State state{};
  std::chrono::system_clock::time_point started_at;
  std::uint64_t processed_count = 0;
  std::uint32_t mailbox_count = 0;
  std::uint32_t restart_count = 0;
  std::uint32_t child_count = 0;
  std::uint32_t watcher_count = 0;
};

struct KindView {
  std::string name;
  std::string description;
  std::uint64_t actor_count = 0;
};

class ActorDoor {
 public:
  // Whether there is a link to the node at this address. Any thread.
  using HasLink = std::function<bool(const std::string& address)>;
  ActorDoor(core::ActorSystem& system, const Kinds& kinds, const NodeConfig& config,
            HasLink has_link);

  template <typename T>
  using Callback = core::UniqueFunction<void(core::Result<T>)>;

  // From `host:port/id`, or an id of this node. INVALID_PID.
  core::Result<core::Pid> parse(const std::string& text) const;
  // Of this node: neither of another one nor of a client that speaks the family's protocol.
  bool is_here(const core::Pid& pid) const;

  struct Spawned {
    core::Pid pid;
    bool created;
  };
  // KIND_UNKNOWN, INVALID_ID, ACTOR_EXISTS, OVERLOADED, DRAINING.
  core::Result<Spawned> spawn(const std::string& kind, const std::string& id, bool return_existing);
  // By the activator of the node at that address, which may be of another family member. INVALID_ID, ACTOR_EXISTS, SPAWN_REFUSED,
  // NODE_UNREACHABLE, NODE_TIMEOUT, NODE_FAILED, DRAINING, OVERLOADED.
  void spawn_at(const std::string& address, const std::string& kind, const std::string& id,
                bool return_existing, core::Duration budget, Callback<Spawned> done);

  struct Message {
    core::Payload payload;
    core::Headers headers;
  };
  // The budget for a call whose client gave `wanted` (or none).
  core::Duration budget(std::optional<core::Duration> wanted) const;
  // Cancels the wait for an ask; its callback gets CANCELLED.
  using Cancel = std::function<void()>;

  Cancel ask(const core::Pid& target, Message message, core::Duration budget,
             Callback<Message> done);
  enum class Ack : std::uint8_t { enqueued, accepted };
  // For an actor of this node the messages go in order up to the first that is refused: `accepted` in the error's metadata says
  // how many went. For another node all are sent, and `accepted` says how many its node took.
  void tell(const core::Pid& target, std::vector<core::Payload> messages, core::Headers headers,
            Ack ack, core::Duration budget, Callback<std::uint32_t> done);

  struct StopOptions {
    bool now = false;
    bool wait = true;
  };
  void stop(const core::Pid& target, StopOptions options, core::Duration budget,
            Callback<core::Nothing> done);

  // Calls back once, when the actor is gone. The returned actor does the watching; stop it to stop watching.
  core::Result<core::Pid> watch(const core::Pid& target,
                                std::function<void(core::TerminatedReason)> on_terminated);
  void unwatch(const core::Pid& watcher) { system_.stop(watcher); }

  // Actors of this node.
  core::Result<ActorView> get(const core::Pid& pid) const;
  struct ListOptions {
    std::string kind;
    std::string id_prefix;
    bool include_system = false;
    std::size_t count_max = 100;
    // Ids up to this one are left out; empty = from the start.
    std::string after_id;
  };
  struct Listed {
    std::vector<ActorView> actors;
    // Empty on the last page.
    std::string last_id;
  };
  core::Result<Listed> list(const ListOptions& options) const;
  core::Result<std::vector<KindView>> kinds() const;

  // From here on every new call answers DRAINING, and a call whose actor is gone too.
  void drain() { draining_.store(true); }
  core::Status check_open() const;

 private:
  void send_told(const core::Pid& target, std::vector<core::EnvelopePtr> envelopes,
                 const core::Headers& headers, core::Duration budget, Callback<std::uint32_t> done);
  void send_told_and_wait(const core::Pid& target, std::vector<core::EnvelopePtr> envelopes,
                          core::Headers headers, core::Duration budget,
                          Callback<std::uint32_t> done);
  core::Result<core::Nothing> stop_result(const core::Answer& answer, const core::Pid& target,
                                          core::Duration budget) const;
  core::Error error_of(const core::Answer& answer, const core::Pid& target,
                       core::Duration budget) const;
  core::Error not_found(const core::Pid& target) const;
  bool is_unreachable(const core::Pid& target) const;
  core::Error unreachable(const core::Pid& target, const std::string& why) const;
  core::Status check_target(const core::Pid& target) const;
  core::Status check_payload(const core::Payload& payload, const core::Headers& headers) const;
  core::Status check_tell_headers(const core::Headers& headers, std::size_t message_count) const;
  core::Error too_large(std::string detail) const;
  core::Result<Message> message_of(core::Answer answer, bool as_json) const;

  core::ActorSystem& system_;
  const Kinds& kinds_;
  const NodeConfig& config_;
  const HasLink has_link_;
  // Props of the kinds that the configuration leaves enabled.
  std::map<std::string, core::PropsPtr> enabled_;
  std::atomic<bool> draining_{false};
};

}  // namespace nexus::daemon
