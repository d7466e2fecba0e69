// SimNetwork: ordered streams that stall and break as TCP's do, and datagrams.
//
//   send(), send_datagram()   when a process sends
//   on_arrive(), on_retry(), on_stream_end()   when the event of that kind, which only this class pushes, is due
//   end_of_process(), host_restarted()         when a node's process ends or begins
//   sweep()                   now and then
//
// A stream is one TCP connection with TLS, and carries one direction: data from the one that dialled, acknowledgements back.
//
// N1  What is sent on a stream arrives in the order sent, once, or not at all; then nothing sent after it on that stream arrives.
// N2  The first message waits for two round trips of dialling, for which both directions are needed.
// N3  A lost transmission is repeated after 200 ms, 400 ms, ... All that was sent meanwhile waits behind it, and travels with it as
//     far as it fits into one segment.
// N4  When the oldest unacknowledged message is so for the user timeout, the stream ends: timed_out here, reset at the other end, or
//     timed_out there as well, as much later, when the reset cannot arrive. What waited on it is lost.
// N5  A node whose process ended and whose host runs refuses dials and resets streams at once. A host without power is silent.
// N6  A full receive buffer takes nothing: to the sender that is a stream that stalls.
// N7  While no rule speaks of a path, a message is one event.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/sim/event_queue.h"
#include "tests/sim/flat_map.h"
#include "tests/sim/link_rules.h"
#include "tests/sim/process.h"

namespace nexus::sim {

enum class HostState : std::uint8_t { listening, refusing, silent };

// Something for a process: a message, or, without payload, the end of a stream.
struct Arrival {
  PayloadPtr payload;
  Identity from;
  NodeIndex to = 0;
  std::uint32_t bytes = 0;
  bool is_datagram = false;
  WhyDown why = WhyDown::reset;
};

class SimNetwork {
 public:
  struct Options {
    core::Duration round_trip = std::chrono::milliseconds(1);
    // Of one way, at most so many 65,536ths more.
    std::uint32_t jitter = 6'554;
    core::Duration retransmit_after = std::chrono::milliseconds(200);
    core::Duration redial_after = std::chrono::seconds(1);
    core::Duration user_timeout = std::chrono::seconds(3);
    core::Duration idle_after = std::chrono::seconds(60);
    std::uint32_t segment_bytes = 1'448;
  };

  // Where things arrive.
  class Hosts {
   public:
    Hosts() = default;
    Hosts(const Hosts&) = delete;
    Hosts& operator=(const Hosts&) = delete;
    virtual ~Hosts() = default;

    virtual HostState state(NodeIndex node) const = 0;
    // Counts the processes that began at this node.
    virtual std::uint32_t boot_count(NodeIndex node) const = 0;
    virtual bool has_room(NodeIndex node, std::uint32_t bytes) const = 0;
    virtual void arrived(Arrival arrival) = 0;
  };

  SimNetwork(Options options, std::uint32_t node_count, std::uint64_t seed, EventQueue& events,
             Hosts& hosts);

  LinkRules& rules() { return rules_; }

  // `at` is when it leaves, now or a little later.
  void send(SimTime at, Identity from, NodeIndex to, PayloadPtr payload, std::uint32_t bytes);
  void send_datagram(SimTime at, Identity from, NodeIndex to, PayloadPtr payload,
                     std::uint32_t bytes);

  void on_arrive(SimTime now, std::uint32_t message);
  void on_retry(SimTime now, std::uint32_t stream, std::uint32_t life);
  void on_stream_end(std::uint32_t notice);

  // All streams from and to that node end. What it had sent still arrives. Peers hear of it unless the host is silent.
  void end_of_process(SimTime now, NodeIndex node, bool is_silent);
  // Forgets streams that carried nothing for idle_after.
  void sweep(SimTime now);

  std::size_t stream_count() const { return by_pair_.size(); }

 private:
  static constexpr std::uint32_t kNone = FlatMap::kNone;

  struct Message {
    Arrival arrival;
    // kNone: a datagram.
    std::uint32_t stream = kNone;
    std::uint32_t life = 0;
    std::uint32_t next = kNone;
    SimTime sent_at{};
  };

  enum class Phase : std::uint8_t { free, dialling, open, draining };

  struct Stream {
    NodeIndex from = 0;
    NodeIndex to = 0;
    // Events and messages of an earlier stream in the same place are known by it.
    std::uint32_t life = 0;
    std::uint32_t boot = 0;
    Phase phase = Phase::free;
    std::uint8_t attempt_count = 0;
    bool retry_is_due = false;
    SimTime ready_at{};
    SimTime last_arrival{};
    SimTime last_used{};
    // Of the oldest message without acknowledgement; kNever when there is none.
    SimTime unacked_since = kNever;
    // What has not yet reached the other host.
    std::uint32_t queue_head = kNone;
    std::uint32_t queue_tail = kNone;
  };

  struct Notice {
    NodeIndex node;
    NodeIndex peer;
    std::uint32_t boot;
    WhyDown why;
  };

  std::uint32_t stream_of(SimTime at, NodeIndex from, NodeIndex to);
  std::uint32_t take_message(Arrival arrival, std::uint32_t stream, SimTime at);
  void free_message(std::uint32_t message);
  void enqueue(Stream& stream, std::uint32_t message);
  void retry_later(SimTime now, std::uint32_t index);

  bool has_clean_paths(const Stream& stream) const;
  // A message can be delivered without asking chance.
  bool is_clean(const Stream& stream) const;
  bool dial_passes(const Stream& stream);
  // Sends what fits of the queue, as often as it is acknowledged at once; true when nothing is left to repeat.
  bool transmit(SimTime now, Stream& stream);
  void carry(SimTime now, const Stream& stream, std::uint32_t message, core::Duration delay);
  void deliver_at(SimTime at, Stream& stream, std::uint32_t message);
  core::Duration one_way();

  void give_up(SimTime now, std::uint32_t index, WhyDown why);
  void free_stream(std::uint32_t index);
  void notify(SimTime at, NodeIndex node, NodeIndex peer, WhyDown why);

  const Options options_;
  EventQueue& events_;
  Hosts& hosts_;
  LinkRules rules_;
  Random random_;

  std::vector<Message> messages_;
  std::vector<std::uint32_t> free_messages_;
  std::vector<Stream> streams_;
  std::vector<std::uint32_t> free_streams_;
  FlatMap by_pair_;
  std::vector<Notice> notices_;
  std::vector<std::uint32_t> free_notices_;
  std::uint32_t last_life_ = 0;
};

}  // namespace nexus::sim
