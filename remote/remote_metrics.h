// RemoteMetrics: what the links of a node have counted since it began, together. LinkStats: one link at one moment.
//
//   all calls   any thread   no lock
//
// Counters only rise, also when a link is forgotten. What belongs to one link is asked of it: a node has up to peer_count_max of them,
// and whoever exports that decides how many names it wants. Dead letters of links are counted by reason in core::DeadLetters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/sharded_counter.h"
#include "remote/endpoint_state.h"
#include "remote/queue_pressure.h"

namespace nexus::remote {

struct RemoteMetrics {
  // Written to a stream; what is written again after a loss counts again. Bytes are those of frames.
  core::ShardedCounter sent_message_count;
  core::ShardedCounter sent_bytes;
  core::ShardedCounter sent_batch_count;
  // Handed on, from streams that peers opened; repeats are what a peer of ours sent again although it was here already.
  core::ShardedCounter received_message_count;
  core::ShardedCounter received_bytes;
  core::ShardedCounter received_batch_count;
  core::ShardedCounter repeated_batch_count;
  // Frames of peers that ended their stream: garbage, out of place, or not wanted.
  core::ShardedCounter refused_frame_count;

  // Handshakes that peers answered; of these, those of links that had been up before.
  core::ShardedCounter connect_count;
  core::ShardedCounter reconnect_count;
  // Streams that broke while the link was up.
  core::ShardedCounter loss_count;
  // Peers declared gone; of these, those that let more wait for them than may.
  core::ShardedCounter gone_count;
  core::ShardedCounter overrun_count;

  // Pairs of a watcher here and a watchee elsewhere: begun, asked for again while they held, ended by the watcher, ended by the
  // peer's Terminated, and ended by AddressTerminated. What was begun and has not ended holds.
  core::ShardedCounter watch_count;
  core::ShardedCounter watch_duplicate_count;
  core::ShardedCounter unwatch_count;
  core::ShardedCounter watch_terminated_count;
  core::ShardedCounter watch_address_terminated_count;

  // Watches of peers that nobody took: more than a link may have, of a watcher that no answer would reach, or that is named absurdly.
  core::ShardedCounter refused_watch_count;

  // Changes to a higher level of pressure.
  core::ShardedCounter pressure_rise_count;

  std::uint64_t watches_held() const {
    // Ends first: a watch that begins meanwhile must not make the difference negative.
    const std::uint64_t ended =
        unwatch_count.sum() + watch_terminated_count.sum() + watch_address_terminated_count.sum();
    const std::uint64_t begun = watch_count.sum();
    return begun > ended ? begun - ended : 0;
  }
};

struct LinkStats {
  std::string address;
  // Incarnation of the peer; empty while none is known.
  std::string member_id;
  EndpointState::Phase phase = EndpointState::Phase::idle;
  PressureLevel pressure = PressureLevel::normal;
  // What waits to be written.
  std::size_t queue_message_count = 0;
  std::size_t queue_bytes = 0;
  // What a peer of ours has not acknowledged.
  std::size_t unacknowledged_bytes = 0;
  // Pairs of a watcher here and a watchee there, and the other way round.
  std::size_t watch_count = 0;
  std::size_t inbound_watch_count = 0;
  // As in RemoteMetrics, since the link was made.
  std::uint64_t sent_message_count = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t sent_batch_count = 0;
  std::uint64_t connect_count = 0;
  std::uint64_t loss_count = 0;
};

}  // namespace nexus::remote
