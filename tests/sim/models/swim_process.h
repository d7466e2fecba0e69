// SwimProcess: one member of the SWIM model. swim_model.h says what is modelled.
//
//   all calls   harness, as Process says
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tests/sim/models/broadcast_queue.h"
#include "tests/sim/models/swim_message.h"
#include "tests/sim/models/timer_set.h"
#include "tests/sim/process.h"

namespace nexus::sim {

class SwimProcess final : public Process {
 public:
  SwimProcess(Env& env, std::uint32_t node_count_max);

  void start(std::span<const NodeIndex> contacts) override;
  void start_settled(const std::shared_ptr<const std::vector<Identity>>& members,
                     std::span<const NodeIndex> contacts) override;
  void on_message(Identity from, const PayloadPtr& payload) override;
  void on_link_down(NodeIndex peer, WhyDown why) override;
  void on_time() override;
  void leave() override;
  void put(std::uint64_t key, std::uint32_t bytes) override;
  bool believes(Identity member) const override;
  std::size_t memory_bytes() const override;

 private:
  enum class State : std::uint8_t { unknown, alive, suspect, dead, left };
  enum Timer : std::uint32_t {
    probe_tick,
    probe_timeout,
    probe_deadline,
    gossip_tick,
    push_pull_tick,
    suspicion,
    relay,
    join_again,
    leaving
  };

  struct Member {
    std::uint32_t incarnation = 0;
    std::uint16_t run = 0;
    State state = State::unknown;
  };
  struct Suspicion {
    NodeIndex node;
    core::Instant began;
    core::Duration least;
    core::Duration most;
    // How many confirmations bring the wait down to `least`.
    std::uint32_t expected;
    std::vector<NodeIndex> from;
    std::uint32_t tag;
  };
  struct Probe {
    NodeIndex target;
    std::uint32_t sequence;
    std::uint32_t expected_nacks = 0;
    std::uint32_t nacks = 0;
    bool was_reached = false;
  };
  // Somebody asked for a ping of somebody else.
  struct Relay {
    std::uint32_t sequence;
    NodeIndex origin;
    std::uint32_t origin_sequence;
  };
  struct Dead {
    NodeIndex node;
    core::Instant at;
  };

  // Rumours.
  void on_update(const SwimUpdate& update);
  void on_alive(const SwimUpdate& update);
  void on_suspect(const SwimUpdate& update);
  void on_dead(const SwimUpdate& update);
  void refute(std::uint32_t incarnation);
  void broadcast(const SwimUpdate& update);
  SwimUpdate about_self() const;

  // Suspicion.
  void suspect(NodeIndex node, NodeIndex from);
  void arm(Suspicion& armed);
  void on_suspicion(NodeIndex node, std::uint32_t tag);
  Suspicion* suspicion_of(NodeIndex node);
  void forget_suspicion(NodeIndex node);

  // Probing.
  void begin_probe();
  void on_probe_timeout(std::uint32_t sequence);
  void on_probe_deadline(std::uint32_t sequence);
  void on_ack(std::uint32_t sequence);
  void on_nack(std::uint32_t sequence);
  void on_ping_request(NodeIndex from, const SwimMessage& message);
  void on_relay_timeout(std::uint32_t sequence);
  std::optional<NodeIndex> next_to_probe();
  void adjust_awareness(int by);

  // Sending.
  void gossip();
  void push_pull(NodeIndex to, SwimMessage::Kind kind);
  void join();
  void send_packet(NodeIndex to, SwimMessage::Kind kind, std::uint32_t sequence,
                   NodeIndex target = 0, const SwimUpdate* with = nullptr);
  void send_reliably(NodeIndex to, SwimMessage::Kind kind, std::uint32_t sequence);
  std::vector<NodeIndex> random_members(std::uint32_t count, NodeIndex but, bool with_lately_dead);

  void start_timers();
  void on_timer(const TimerSet::Timer& timer);
  bool is_lately_dead(NodeIndex node) const;
  void reap();
  core::Duration push_pull_interval() const;
  std::uint32_t transmit_max() const;
  void report(std::span<const Identity> added, std::span<const Identity> removed);

  Env& env_;
  const NodeIndex self_;
  TimerSet timers_;
  std::vector<Member> members_;
  // All that are not unknown, self included; probed in the order of a stride that has no divisor with its size.
  std::vector<NodeIndex> known_;
  std::uint32_t alive_count_ = 0;
  std::uint32_t incarnation_ = 1;
  std::uint32_t awareness_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint32_t tag_ = 0;

  // Past the end: the first probe begins a cycle.
  std::uint32_t cycle_step_ = ~std::uint32_t{0};
  std::uint32_t cycle_start_ = 0;
  std::uint32_t cycle_stride_ = 1;

  std::optional<Probe> probe_;
  std::vector<Relay> relays_;
  std::vector<Suspicion> suspicions_;
  std::vector<Dead> dead_;
  BroadcastQueue queue_;
  bool gossip_is_due_ = false;
  core::Instant next_gossip_{};
  std::vector<NodeIndex> contacts_;
  bool has_joined_ = false;
  bool is_leaving_ = false;
  std::vector<std::uint64_t> keys_;
};

}  // namespace nexus::sim
