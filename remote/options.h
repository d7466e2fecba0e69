// Limits and intervals of the remote floor. docs/limits.md has the arithmetic.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace nexus::remote {

struct Options {
  // The body and the headers of one message. A larger one is a dead letter `too_large`.
  std::size_t message_bytes_max = 4 * 1024 * 1024;
  // Messages and bytes in one batch; a single message may exceed the bytes. Go peers refuse more than 4 MiB.
  std::size_t batch_count_max = 1000;
  std::size_t batch_bytes_max = 3'500'000;
  // What may wait for one peer; beyond it messages are dead letters `link_queue_full`.
  std::size_t queue_count_max = 100'000;
  std::size_t queue_bytes_max = 64 * 1024 * 1024;
  // What no full queue turns away (Terminated, PoisonPill, Stop, Unwatch) may come to so much more, and to one message for each watch
  // that is held. A peer that lets it come to more does not read: the link ends, and the peer is gone.
  std::size_t queue_reserve_count_max = 200'000;
  std::size_t queue_reserve_bytes_max = 64 * 1024 * 1024;
  // Pairs of a watcher at one peer and an actor here. At most queue_reserve_count_max, or the end of all those actors at once may
  // look as if the peer did not read. One more watch is answered with AddressTerminated.
  std::size_t inbound_watch_count_max = 100'000;
  // Shares of those limits, whichever is fuller, at which the pressure on a link is called high and critical; see
  // remote/queue_pressure.h.
  std::uint32_t pressure_high_percent = 60;
  std::uint32_t pressure_critical_percent = 85;
  // Links to nodes and clients at once; those that are down and hold nothing are forgotten first. A message to one more address is a dead
  // letter `link_down`, one more client is refused.
  std::size_t peer_count_max = 1024;
  // Of these, links that are there because a peer has named watchers at addresses other than its own, where nobody may be. Those that
  // are down and hold nothing are forgotten first; a watch of one more is refused.
  std::size_t hearsay_peer_count_max = 64;
  // Wait before a lost link is dialled again: doubles from min to max, with jitter.
  core::Duration reconnect_min = std::chrono::milliseconds(200);
  core::Duration reconnect_max = std::chrono::seconds(5);
  // A link that is down for so long means that the peer is gone: its watchers are told, what waits is a dead letter.
  core::Duration unreachable_after = std::chrono::seconds(3);
  // Between nodes of ours, which acknowledge what they receive: what may be on its way unacknowledged, and how long after it was
  // delivered a batch is acknowledged.
  std::size_t credit_bytes = 16 * 1024 * 1024;
  core::Duration ack_delay = std::chrono::milliseconds(10);
  // The same: a link on which nothing was heard for ping_interval is asked for a word; one that says nothing for ping_timeout is
  // broken off and dialled again.
  core::Duration ping_interval = std::chrono::seconds(1);
  core::Duration ping_timeout = std::chrono::seconds(5);
  // Ids in one answer to ListProcesses; 0 = diagnostics are refused.
  std::size_t diagnostics_count_max = 10'000;
  // Members that are blocked from the start, and how many may be: BlockList. More of the former than of the latter: the rest is
  // left out, and the log says so.
  std::vector<std::string> blocked_members{};
  std::size_t blocked_count_max = 1024;
  // Whether what a connecting peer has blocked is blocked here, too.
  bool accept_block_lists = false;
};

// Limit for frames that peers send: the largest batch, or one message of the largest size.
inline std::size_t frame_bytes_max(const Options& options) {
  // Table entries and tags come on top of what the limits count.
  constexpr std::size_t kSlack = 64 * 1024;
  return std::max(options.batch_bytes_max, options.message_bytes_max) * 2 + kSlack;
}

}  // namespace nexus::remote
