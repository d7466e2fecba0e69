#include "tests/sim/sim_network.h"

#include <algorithm>
#include <utility>

namespace nexus::sim {
namespace {

std::uint64_t key_of(NodeIndex from, NodeIndex to) { return std::uint64_t{from} << 32 | to; }

}  // namespace

SimNetwork::SimNetwork(Options options, std::uint32_t node_count, std::uint64_t seed,
                       EventQueue& events, Hosts& hosts)
    : options_(options), events_(events), hosts_(hosts), rules_(node_count), random_(seed) {}

void SimNetwork::send(SimTime at, Identity from, NodeIndex to, PayloadPtr payload,
                      std::uint32_t bytes) {
  const std::uint32_t index = stream_of(at, from.node, to);
  Stream& stream = streams_[index];
  stream.last_used = at;
  const std::uint32_t message =
      take_message({std::move(payload), from, to, bytes, false, WhyDown::reset}, index, at);
  if (stream.queue_head != kNone || stream.phase == Phase::dialling) {
    enqueue(stream, message);
    return;
  }
  if (is_clean(stream)) {
    stream.unacked_since = kNever;
    deliver_at(at + one_way(), stream, message);
    return;
  }
  enqueue(stream, message);
  if (stream.unacked_since == kNever) stream.unacked_since = at;
  if (!transmit(at, stream)) retry_later(at, index);
}

void SimNetwork::send_datagram(SimTime at, Identity from, NodeIndex to, PayloadPtr payload,
                               std::uint32_t bytes) {
  core::Duration delay{};
  if (!rules_.is_clean(from.node, to)) {
    const LinkRules::Path path = rules_.path(from.node, to);
    if (random_.one_of_65536(path.loss)) return;
    delay = path.delay;
  }
  const std::uint32_t message =
      take_message({std::move(payload), from, to, bytes, true, WhyDown::reset}, kNone, at);
  events_.push(at + one_way() + delay, EventKind::arrive, message);
}

void SimNetwork::on_arrive(SimTime now, std::uint32_t message) {
  Arrival arrival = std::move(messages_[message].arrival);
  const std::uint32_t index = messages_[message].stream;
  const std::uint32_t life = messages_[message].life;
  const SimTime sent_at = messages_[message].sent_at;
  free_message(message);
  if (index == kNone) {
    if (hosts_.state(arrival.to) == HostState::listening &&
        hosts_.has_room(arrival.to, arrival.bytes)) {
      hosts_.arrived(std::move(arrival));
    }
    return;
  }
  Stream& stream = streams_[index];
  if (stream.life != life || stream.phase == Phase::free) return;
  const HostState state = hosts_.state(arrival.to);
  if (state == HostState::listening && hosts_.boot_count(arrival.to) == stream.boot) {
    hosts_.arrived(std::move(arrival));
    return;
  }
  // The host went down while this was under way: nobody acknowledges it.
  if (state != HostState::silent || stream.phase != Phase::open) return;
  if (stream.unacked_since == kNever) stream.unacked_since = sent_at;
  if (!stream.retry_is_due) retry_later(now, index);
}

void SimNetwork::on_retry(SimTime now, std::uint32_t index, std::uint32_t life) {
  Stream& stream = streams_[index];
  if (stream.life != life || stream.phase == Phase::free) return;
  stream.retry_is_due = false;
  if (stream.phase == Phase::draining || stream.unacked_since == kNever) return;
  if (now - stream.unacked_since >= options_.user_timeout) {
    give_up(now, index, WhyDown::timed_out);
    return;
  }
  const HostState state = hosts_.state(stream.to);
  const bool nobody_knows_it =
      state == HostState::refusing ||
      (state == HostState::listening && hosts_.boot_count(stream.to) != stream.boot);
  if (nobody_knows_it) {
    const bool was_dialling = stream.phase == Phase::dialling;
    if (was_dialling && state == HostState::listening) {
      stream.boot = hosts_.boot_count(stream.to);
    } else if (dial_passes(stream)) {
      give_up(now, index, was_dialling ? WhyDown::refused : WhyDown::reset);
      return;
    }
  }
  if (stream.phase == Phase::dialling && state == HostState::listening && dial_passes(stream)) {
    stream.phase = Phase::open;
    stream.attempt_count = 0;
    stream.ready_at = now + 2 * options_.round_trip;
    stream.unacked_since = stream.queue_head == kNone ? kNever : now;
  }
  if (stream.phase == Phase::open && transmit(now, stream)) return;
  retry_later(now, index);
}

void SimNetwork::on_stream_end(std::uint32_t notice) {
  const Notice told = notices_[notice];
  free_notices_.push_back(notice);
  if (hosts_.state(told.node) != HostState::listening ||
      hosts_.boot_count(told.node) != told.boot) {
    return;
  }
  hosts_.arrived({nullptr, {told.peer, 0}, told.node, 0, false, told.why});
}

void SimNetwork::end_of_process(SimTime now, NodeIndex node, bool is_silent) {
  for (std::uint32_t index = 0; index < streams_.size(); ++index) {
    Stream& stream = streams_[index];
    if (stream.phase == Phase::free || stream.phase == Phase::draining) continue;
    if (stream.from == node) {
      if (!is_silent && stream.phase == Phase::open && has_clean_paths(stream) &&
          hosts_.boot_count(stream.to) == stream.boot) {
        notify(std::max(stream.last_arrival, now + options_.round_trip / 2), stream.to, node,
               WhyDown::reset);
      }
      by_pair_.erase(key_of(stream.from, stream.to));
      // Its place stays taken until what is under way has arrived.
      stream.phase = Phase::draining;
    } else if (stream.to == node && !is_silent && has_clean_paths(stream)) {
      notify(now + options_.round_trip / 2, stream.from, node,
             stream.phase == Phase::dialling ? WhyDown::refused : WhyDown::reset);
      free_stream(index);
    }
  }
}

void SimNetwork::sweep(SimTime now) {
  for (std::uint32_t index = 0; index < streams_.size(); ++index) {
    const Stream& stream = streams_[index];
    if (stream.phase == Phase::free || now - stream.last_used < options_.idle_after) continue;
    if (stream.phase == Phase::draining || stream.unacked_since == kNever) free_stream(index);
  }
}

std::uint32_t SimNetwork::stream_of(SimTime at, NodeIndex from, NodeIndex to) {
  const std::uint32_t known = by_pair_.find(key_of(from, to));
  if (known != kNone) {
    const Stream& stream = streams_[known];
    const bool is_idle =
        stream.unacked_since == kNever && at - stream.last_used >= options_.idle_after;
    if (!is_idle) return known;
    free_stream(known);
  }
  std::uint32_t index = static_cast<std::uint32_t>(streams_.size());
  if (free_streams_.empty()) {
    streams_.emplace_back();
  } else {
    index = free_streams_.back();
    free_streams_.pop_back();
  }
  by_pair_.put(key_of(from, to), index);
  Stream& stream = streams_[index];
  stream = Stream{};
  stream.from = from;
  stream.to = to;
  stream.life = ++last_life_;
  stream.boot = hosts_.boot_count(to);
  if (is_clean(stream) && hosts_.state(to) == HostState::listening) {
    stream.phase = Phase::open;
    stream.ready_at = at + 2 * options_.round_trip;
    return index;
  }
  stream.phase = Phase::dialling;
  stream.unacked_since = at;
  stream.retry_is_due = true;
  events_.push(at + options_.round_trip, EventKind::retry, index, stream.life);
  return index;
}

std::uint32_t SimNetwork::take_message(Arrival arrival, std::uint32_t stream, SimTime at) {
  std::uint32_t index = static_cast<std::uint32_t>(messages_.size());
  if (free_messages_.empty()) {
    messages_.emplace_back();
  } else {
    index = free_messages_.back();
    free_messages_.pop_back();
  }
  Message& message = messages_[index];
  message.arrival = std::move(arrival);
  message.stream = stream;
  message.life = stream == kNone ? 0 : streams_[stream].life;
  message.next = kNone;
  message.sent_at = at;
  return index;
}

void SimNetwork::free_message(std::uint32_t message) {
  messages_[message].arrival.payload.reset();
  free_messages_.push_back(message);
}

void SimNetwork::enqueue(Stream& stream, std::uint32_t message) {
  if (stream.queue_tail == kNone) {
    stream.queue_head = message;
  } else {
    messages_[stream.queue_tail].next = message;
  }
  stream.queue_tail = message;
}

void SimNetwork::retry_later(SimTime now, std::uint32_t index) {
  Stream& stream = streams_[index];
  if (stream.retry_is_due) return;
  stream.retry_is_due = true;
  const core::Duration first =
      stream.phase == Phase::dialling ? options_.redial_after : options_.retransmit_after;
  const SimTime wait = first * (1 << std::min<std::uint32_t>(stream.attempt_count, 8));
  ++stream.attempt_count;
  const SimTime at = std::min(now + wait, stream.unacked_since + options_.user_timeout);
  events_.push(std::max(at, now), EventKind::retry, index, stream.life);
}

bool SimNetwork::has_clean_paths(const Stream& stream) const {
  return rules_.is_clean(stream.from, stream.to) && rules_.is_clean(stream.to, stream.from);
}

bool SimNetwork::is_clean(const Stream& stream) const {
  return has_clean_paths(stream) && hosts_.state(stream.to) == HostState::listening &&
         hosts_.boot_count(stream.to) == stream.boot && hosts_.has_room(stream.to, 0);
}

bool SimNetwork::dial_passes(const Stream& stream) {
  const std::uint32_t there = rules_.path(stream.from, stream.to).loss;
  const std::uint32_t back = rules_.path(stream.to, stream.from).loss;
  for (int round = 0; round < 2; ++round) {
    if (random_.one_of_65536(there) || random_.one_of_65536(back)) return false;
  }
  return true;
}

bool SimNetwork::transmit(SimTime now, Stream& stream) {
  const LinkRules::Path there = rules_.path(stream.from, stream.to);
  const LinkRules::Path back = rules_.path(stream.to, stream.from);
  for (;;) {
    const bool reaches = hosts_.state(stream.to) == HostState::listening &&
                         hosts_.boot_count(stream.to) == stream.boot &&
                         !random_.one_of_65536(there.loss) && hosts_.has_room(stream.to, 0);
    if (!reaches) return false;
    std::uint32_t room = options_.segment_bytes;
    bool is_first = true;
    while (stream.queue_head != kNone) {
      const std::uint32_t message = stream.queue_head;
      const std::uint32_t bytes = messages_[message].arrival.bytes;
      if (!is_first && bytes > room) break;
      is_first = false;
      room -= std::min(room, bytes);
      stream.queue_head = messages_[message].next;
      if (stream.queue_head == kNone) stream.queue_tail = kNone;
      deliver_at(now + one_way() + there.delay, stream, message);
    }
    if (random_.one_of_65536(back.loss)) return false;
    stream.attempt_count = 0;
    stream.unacked_since = stream.queue_head == kNone ? kNever : now;
    if (stream.queue_head == kNone) return true;
  }
}

void SimNetwork::deliver_at(SimTime at, Stream& stream, std::uint32_t message) {
  at = std::max({at, stream.last_arrival, stream.ready_at + options_.round_trip / 2});
  stream.last_arrival = at;
  messages_[message].next = kNone;
  events_.push(at, EventKind::arrive, message);
}

core::Duration SimNetwork::one_way() {
  const std::int64_t half = options_.round_trip.count() / 2;
  const auto extent = static_cast<std::uint32_t>(half * options_.jitter / 65'536);
  return core::Duration(half + (extent == 0 ? 0 : random_.below(extent)));
}

void SimNetwork::give_up(SimTime now, std::uint32_t index, WhyDown why) {
  const Stream stream = streams_[index];
  free_stream(index);
  notify(now, stream.from, stream.to, why);
  // Who was only dialled knows of no stream.
  if (stream.phase != Phase::open || hosts_.boot_count(stream.to) != stream.boot) return;
  const bool reset_arrives = !random_.one_of_65536(rules_.path(stream.from, stream.to).loss);
  notify(now + (reset_arrives ? options_.round_trip / 2 : options_.user_timeout), stream.to,
         stream.from, reset_arrives ? WhyDown::reset : WhyDown::timed_out);
}

void SimNetwork::free_stream(std::uint32_t index) {
  Stream& stream = streams_[index];
  while (stream.queue_head != kNone) {
    const std::uint32_t message = stream.queue_head;
    stream.queue_head = messages_[message].next;
    free_message(message);
  }
  if (stream.phase != Phase::draining) by_pair_.erase(key_of(stream.from, stream.to));
  stream = Stream{};
  free_streams_.push_back(index);
}

void SimNetwork::notify(SimTime at, NodeIndex node, NodeIndex peer, WhyDown why) {
  std::uint32_t index = static_cast<std::uint32_t>(notices_.size());
  if (free_notices_.empty()) {
    notices_.emplace_back();
  } else {
    index = free_notices_.back();
    free_notices_.pop_back();
  }
  notices_[index] = {node, peer, hosts_.boot_count(node), why};
  events_.push(at, EventKind::stream_end, index);
}

}  // namespace nexus::sim
