#include "tests/sim/models/swim_process.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "tests/sim/models/fixed_math.h"

namespace nexus::sim {
namespace {

using namespace std::chrono_literals;
using Kind = SwimMessage::Kind;

// memberlist's DefaultLANConfig.
constexpr core::Duration kProbeInterval = 1s;
constexpr core::Duration kProbeTimeout = 500ms;
constexpr std::uint32_t kIndirectChecks = 3;
constexpr std::uint32_t kSuspicionMult = 4;
constexpr std::uint32_t kSuspicionMaxMult = 6;
constexpr core::Duration kGossipInterval = 200ms;
constexpr std::uint32_t kGossipNodes = 3;
constexpr std::uint32_t kRetransmitMult = 4;
constexpr core::Duration kPushPullInterval = 30s;
constexpr std::uint32_t kPushPullScaleFrom = 32;
constexpr std::uint32_t kAwarenessMax = 8;
constexpr core::Duration kGossipToTheDead = 30s;
constexpr std::uint32_t kPacketBytes = 1'400;
// Of one member's state in a push/pull: 90 bytes that LZW, which is on by default, brings down to about a third.
constexpr std::uint32_t kStateBytes = 30;
// Of an application that could not join.
constexpr core::Duration kJoinAgain = 1s;
constexpr core::Duration kLeaveTimeout = 5s;

SwimUpdate update_of(SwimUpdate::Kind kind, NodeIndex node, std::uint32_t incarnation,
                     NodeIndex from) {
  return {kind, node, 0, incarnation, from};
}

// suspicion.go: max - log(c + 1) / log(k + 1) * (max - min), for k = 2: 0, 0.6309, 1.
core::Duration suspicion_wait(core::Duration least, core::Duration most, std::uint32_t confirmed,
                              std::uint32_t expected) {
  if (expected == 0 || confirmed >= expected) return least;
  if (confirmed == 0) return most;
  return most - (most - least) / 10'000 * 6'309;
}

}  // namespace

SwimProcess::SwimProcess(Env& env, std::uint32_t node_count_max)
    : env_(env), self_(env.self().node), timers_(env), members_(node_count_max) {}

void SwimProcess::start(std::span<const NodeIndex> contacts) {
  for (const NodeIndex contact : contacts) {
    if (contact != self_) contacts_.push_back(contact);
  }
  members_[self_] = {incarnation_, static_cast<std::uint16_t>(env_.self().incarnation),
                     State::alive};
  known_.push_back(self_);
  alive_count_ = 1;
  const Identity self = env_.self();
  report({&self, 1}, {});
  broadcast(about_self());
  start_timers();
  if (contacts_.empty()) {
    has_joined_ = true;
    env_.standing_changed(Standing::member);
  } else {
    join();
  }
}

void SwimProcess::start_settled(const std::shared_ptr<const std::vector<Identity>>& members,
                                std::span<const NodeIndex> contacts) {
  contacts_.assign(contacts.begin(), contacts.end());
  known_.reserve(members->size());
  for (const Identity member : *members) {
    members_[member.node] = {1, static_cast<std::uint16_t>(member.incarnation), State::alive};
    known_.push_back(member.node);
  }
  alive_count_ = static_cast<std::uint32_t>(members->size());
  has_joined_ = true;
  report(*members, {});
  env_.standing_changed(Standing::member);
  start_timers();
}

void SwimProcess::start_timers() {
  timers_.set(env_.now() + env_.random().between(0ns, kProbeInterval), probe_tick);
  // Of a settled cluster it comes any time; a newcomer first lets a stagger pass, and then the interval for whom it knows by then.
  timers_.set(env_.now() + env_.random().between(
                               0ns, has_joined_ ? push_pull_interval() : kPushPullInterval),
              push_pull_tick, has_joined_ ? 1 : 0);
  next_gossip_ = env_.now() + env_.random().between(0ns, kGossipInterval);
}

void SwimProcess::on_time() {
  while (const auto timer = timers_.take(env_.now())) on_timer(*timer);
}

void SwimProcess::on_timer(const TimerSet::Timer& timer) {
  switch (timer.kind) {
    case probe_tick:
      timers_.set(timer.at + kProbeInterval > env_.now() ? timer.at + kProbeInterval
                                                         : env_.now() + kProbeInterval,
                  probe_tick);
      // A ticker drops what comes while the last probe still waits.
      if (!probe_) begin_probe();
      return;
    case probe_timeout:
      return on_probe_timeout(timer.subject);
    case probe_deadline:
      return on_probe_deadline(timer.subject);
    case gossip_tick:
      return gossip();
    case push_pull_tick:
      timers_.set(env_.now() + push_pull_interval(), push_pull_tick, 1);
      if (timer.subject == 0) return;
      for (const NodeIndex peer : random_members(1, self_, false)) push_pull(peer, Kind::push_pull);
      return;
    case suspicion:
      return on_suspicion(timer.subject, timer.tag);
    case relay:
      return on_relay_timeout(timer.subject);
    case join_again:
      if (!has_joined_) join();
      return;
    case leaving:
      env_.left();
      return;
    default:
      return;
  }
}

void SwimProcess::on_message(Identity from, const PayloadPtr& payload) {
  const auto& message = static_cast<const SwimMessage&>(*payload);
  if (message.kind == Kind::push_pull) push_pull(from.node, Kind::push_pull_reply);
  for (const SwimUpdate& update : message.updates) on_update(update);
  switch (message.kind) {
    case Kind::ping:
      return send_packet(from.node, Kind::ack, message.sequence);
    case Kind::fallback_ping:
      return send_reliably(from.node, Kind::fallback_ack, message.sequence);
    case Kind::ping_request:
      return on_ping_request(from.node, message);
    case Kind::ack:
      return on_ack(message.sequence);
    case Kind::nack:
      return on_nack(message.sequence);
    case Kind::fallback_ack:
      if (probe_ && probe_->sequence == message.sequence) probe_->was_reached = true;
      return;
    case Kind::push_pull_reply:
      if (has_joined_) return;
      has_joined_ = true;
      env_.standing_changed(Standing::member);
      return;
    default:
      return;
  }
}

void SwimProcess::on_link_down(NodeIndex peer, WhyDown why) {
  (void)peer;
  (void)why;
  if (!has_joined_) timers_.set(env_.now() + kJoinAgain, join_again);
}

void SwimProcess::leave() {
  is_leaving_ = true;
  broadcast(update_of(SwimUpdate::Kind::left, self_, incarnation_, self_));
  timers_.set(env_.now() + kLeaveTimeout, leaving);
}

void SwimProcess::put(std::uint64_t key, std::uint32_t bytes) {
  on_update({SwimUpdate::Kind::user, static_cast<NodeIndex>(key), bytes, 0, 0});
}

bool SwimProcess::believes(Identity member) const {
  const Member& known = members_[member.node];
  return (known.state == State::alive || known.state == State::suspect) &&
         known.run == member.incarnation;
}

std::size_t SwimProcess::memory_bytes() const {
  return members_.capacity() * sizeof(Member) + known_.capacity() * sizeof(NodeIndex) +
         queue_.memory_bytes() + timers_.size() * sizeof(TimerSet::Timer);
}

void SwimProcess::on_update(const SwimUpdate& update) {
  switch (update.kind) {
    case SwimUpdate::Kind::alive:
      return on_alive(update);
    case SwimUpdate::Kind::suspect:
      return on_suspect(update);
    case SwimUpdate::Kind::dead:
    case SwimUpdate::Kind::left:
      return on_dead(update);
    case SwimUpdate::Kind::user:
      if (std::find(keys_.begin(), keys_.end(), update.node) != keys_.end()) return;
      keys_.push_back(update.node);
      env_.learned(update.node);
      return broadcast(update);
  }
}

void SwimProcess::on_alive(const SwimUpdate& update) {
  Member& member = members_[update.node];
  if (update.node == self_) {
    const bool is_other_run = update.run != env_.self().incarnation;
    if (update.incarnation > incarnation_ || (is_other_run && update.incarnation == incarnation_)) {
      refute(update.incarnation);
    }
    return;
  }
  const bool is_new = member.state == State::unknown;
  if (!is_new && update.incarnation <= member.incarnation) return;
  const Member before = member;
  member = {update.incarnation, static_cast<std::uint16_t>(update.run), State::alive};
  if (is_new) known_.push_back(update.node);
  forget_suspicion(update.node);
  broadcast(update);
  const Identity now{update.node, update.run};
  const Identity then{update.node, before.run};
  const bool was_in = before.state == State::alive || before.state == State::suspect;
  if (was_in && now == then) return;
  if (!was_in) ++alive_count_;
  report({&now, 1}, was_in ? std::span(&then, 1) : std::span<const Identity>{});
}

void SwimProcess::on_suspect(const SwimUpdate& update) {
  Member& member = members_[update.node];
  if (member.state == State::unknown || update.incarnation < member.incarnation) return;
  if (update.node == self_) {
    if (!is_leaving_) refute(update.incarnation);
    return;
  }
  if (Suspicion* known = suspicion_of(update.node)) {
    const bool is_news =
        known->from.size() <= known->expected &&
        std::find(known->from.begin(), known->from.end(), update.from) == known->from.end();
    if (!is_news) return;
    known->from.push_back(update.from);
    arm(*known);
    return broadcast(update);
  }
  if (member.state != State::alive) return;
  member.incarnation = update.incarnation;
  broadcast(update);
  suspect(update.node, update.from);
}

void SwimProcess::on_dead(const SwimUpdate& update) {
  Member& member = members_[update.node];
  if (member.state == State::unknown || update.incarnation < member.incarnation) return;
  if (member.state == State::dead || member.state == State::left) return;
  if (update.node == self_) {
    if (!is_leaving_) refute(update.incarnation);
    return;
  }
  member.incarnation = update.incarnation;
  member.state = update.kind == SwimUpdate::Kind::left ? State::left : State::dead;
  forget_suspicion(update.node);
  dead_.push_back({update.node, env_.now()});
  broadcast(update);
  --alive_count_;
  const Identity gone{update.node, member.run};
  report({}, {&gone, 1});
}

void SwimProcess::refute(std::uint32_t incarnation) {
  incarnation_ = std::max(incarnation_, incarnation) + 1;
  members_[self_].incarnation = incarnation_;
  adjust_awareness(1);
  broadcast(about_self());
}

SwimUpdate SwimProcess::about_self() const {
  return {SwimUpdate::Kind::alive, self_, env_.self().incarnation, incarnation_, self_};
}

void SwimProcess::broadcast(const SwimUpdate& update) {
  queue_.push(update);
  if (gossip_is_due_) return;
  gossip_is_due_ = true;
  const auto late = env_.now() - next_gossip_;
  if (late >= 0ns) next_gossip_ += kGossipInterval * (late / kGossipInterval + 1);
  timers_.set(next_gossip_, gossip_tick);
}

void SwimProcess::report(std::span<const Identity> added, std::span<const Identity> removed) {
  env_.view_changed({.added = added, .removed = removed});
}

void SwimProcess::suspect(NodeIndex node, NodeIndex from) {
  members_[node].state = State::suspect;
  const std::uint32_t scale = std::max(65'536u, log10_65536(std::max(1u, alive_count_)));
  const core::Duration least = kProbeInterval * kSuspicionMult * scale / 65'536;
  std::uint32_t expected = kSuspicionMult - 2;
  // Nobody is there to confirm.
  if (known_.size() < expected + 2) expected = 0;
  suspicions_.push_back({node, env_.now(), least, least * kSuspicionMaxMult, expected, {from}, 0});
  arm(suspicions_.back());
}

void SwimProcess::arm(Suspicion& armed) {
  const auto confirmed = static_cast<std::uint32_t>(armed.from.size() - 1);
  const core::Duration wait = suspicion_wait(armed.least, armed.most, confirmed, armed.expected);
  armed.tag = ++tag_;
  timers_.set(std::max(armed.began + wait, env_.now()), Timer::suspicion, armed.node, tag_);
}

void SwimProcess::on_suspicion(NodeIndex node, std::uint32_t tag) {
  const Suspicion* known = suspicion_of(node);
  if (known == nullptr || known->tag != tag) return;
  on_dead(update_of(SwimUpdate::Kind::dead, node, members_[node].incarnation, self_));
}

SwimProcess::Suspicion* SwimProcess::suspicion_of(NodeIndex node) {
  const auto found = std::find_if(suspicions_.begin(), suspicions_.end(),
                                  [node](const Suspicion& one) { return one.node == node; });
  return found == suspicions_.end() ? nullptr : &*found;
}

void SwimProcess::forget_suspicion(NodeIndex node) {
  if (suspicions_.empty()) return;
  std::erase_if(suspicions_, [node](const Suspicion& one) { return one.node == node; });
}

void SwimProcess::begin_probe() {
  const auto target = next_to_probe();
  if (!target) return;
  probe_ = Probe{*target, ++sequence_};
  const Member& member = members_[*target];
  // The buddy system: whom I suspect hears of it first.
  const SwimUpdate rumour =
      update_of(SwimUpdate::Kind::suspect, *target, member.incarnation, self_);
  send_packet(*target, Kind::ping, sequence_, 0,
              member.state == State::suspect ? &rumour : nullptr);
  timers_.set(env_.now() + kProbeTimeout, probe_timeout, sequence_);
  timers_.set(env_.now() + kProbeInterval * (awareness_ + 1), probe_deadline, sequence_);
}

void SwimProcess::on_probe_timeout(std::uint32_t sequence) {
  if (!probe_ || probe_->sequence != sequence) return;
  for (const NodeIndex peer : random_members(kIndirectChecks, probe_->target, false)) {
    ++probe_->expected_nacks;
    send_packet(peer, Kind::ping_request, sequence, probe_->target);
  }
  send_reliably(probe_->target, Kind::fallback_ping, sequence);
}

void SwimProcess::on_probe_deadline(std::uint32_t sequence) {
  if (!probe_ || probe_->sequence != sequence) return;
  const Probe probe = *probe_;
  probe_.reset();
  if (probe.was_reached) return adjust_awareness(-1);
  if (probe.expected_nacks == 0) {
    adjust_awareness(1);
  } else if (probe.nacks < probe.expected_nacks) {
    adjust_awareness(static_cast<int>(probe.expected_nacks - probe.nacks));
  }
  on_suspect(update_of(SwimUpdate::Kind::suspect, probe.target, members_[probe.target].incarnation,
                       self_));
}

void SwimProcess::on_ack(std::uint32_t sequence) {
  if (probe_ && probe_->sequence == sequence) {
    probe_.reset();
    return adjust_awareness(-1);
  }
  const auto found = std::find_if(relays_.begin(), relays_.end(), [sequence](const Relay& one) {
    return one.sequence == sequence;
  });
  if (found == relays_.end()) return;
  const Relay answered = *found;
  relays_.erase(found);
  send_packet(answered.origin, Kind::ack, answered.origin_sequence);
}

void SwimProcess::on_nack(std::uint32_t sequence) {
  if (probe_ && probe_->sequence == sequence) ++probe_->nacks;
}

void SwimProcess::on_ping_request(NodeIndex from, const SwimMessage& message) {
  relays_.push_back({++sequence_, from, message.sequence});
  timers_.set(env_.now() + kProbeTimeout, relay, sequence_);
  send_packet(message.target, Kind::ping, sequence_);
}

void SwimProcess::on_relay_timeout(std::uint32_t sequence) {
  const auto found = std::find_if(relays_.begin(), relays_.end(), [sequence](const Relay& one) {
    return one.sequence == sequence;
  });
  if (found == relays_.end()) return;
  send_packet(found->origin, Kind::nack, found->origin_sequence);
  relays_.erase(found);
}

std::optional<NodeIndex> SwimProcess::next_to_probe() {
  for (std::size_t tries = 0; tries < known_.size(); ++tries) {
    if (cycle_step_ >= known_.size()) {
      reap();
      const auto size = static_cast<std::uint32_t>(known_.size());
      cycle_step_ = 0;
      cycle_start_ = env_.random().below(size);
      do {
        cycle_stride_ = 1 + env_.random().below(size);
      } while (std::gcd(cycle_stride_, size) != 1);
    }
    const std::uint64_t at = cycle_start_ + std::uint64_t{cycle_step_++} * cycle_stride_;
    const NodeIndex node = known_[at % known_.size()];
    const State state = members_[node].state;
    if (node != self_ && (state == State::alive || state == State::suspect)) return node;
  }
  return std::nullopt;
}

void SwimProcess::adjust_awareness(int by) {
  const int score = static_cast<int>(awareness_) + by;
  awareness_ =
      static_cast<std::uint32_t>(std::clamp(score, 0, static_cast<int>(kAwarenessMax) - 1));
}

void SwimProcess::gossip() {
  gossip_is_due_ = false;
  for (const NodeIndex peer : random_members(kGossipNodes, self_, true)) {
    if (queue_.empty()) break;
    send_packet(peer, Kind::gossip, 0);
  }
  next_gossip_ += kGossipInterval;
  if (queue_.empty()) return;
  gossip_is_due_ = true;
  if (next_gossip_ <= env_.now()) next_gossip_ = env_.now() + kGossipInterval;
  timers_.set(next_gossip_, gossip_tick);
}

void SwimProcess::push_pull(NodeIndex to, Kind kind) {
  std::vector<SwimUpdate> all;
  all.reserve(known_.size());
  for (const NodeIndex node : known_) {
    const Member& member = members_[node];
    // A dead one is only suspected by who hears of it this way.
    SwimUpdate::Kind state = SwimUpdate::Kind::alive;
    if (member.state == State::suspect || member.state == State::dead)
      state = SwimUpdate::Kind::suspect;
    if (member.state == State::left) state = SwimUpdate::Kind::left;
    all.push_back({state, node, member.run, member.incarnation, self_});
  }
  const auto bytes = static_cast<std::uint32_t>(all.size() * kStateBytes);
  env_.send(to, std::make_shared<SwimMessage>(kind, 0, 0, std::move(all)), bytes);
}

void SwimProcess::join() {
  for (const NodeIndex contact : contacts_) push_pull(contact, Kind::push_pull);
}

void SwimProcess::send_packet(NodeIndex to, Kind kind, std::uint32_t sequence, NodeIndex target,
                              const SwimUpdate* with) {
  std::uint32_t bytes = SwimMessage::bytes_of(kind);
  const std::uint32_t used =
      bytes + SwimMessage::kCompoundBytes + (with == nullptr ? 0 : with->bytes());
  std::vector<SwimUpdate> updates =
      queue_.empty() ? std::vector<SwimUpdate>{}
                     : queue_.take(kPacketBytes - used, SwimMessage::kPartBytes, transmit_max());
  if (with != nullptr) updates.push_back(*with);
  if (kind == Kind::gossip && updates.empty()) return;
  std::uint32_t rumour_bytes = 0;
  for (const SwimUpdate& update : updates) rumour_bytes += update.bytes() + SwimMessage::kPartBytes;
  // LZW finds the names of fields again, once there are some.
  bytes += updates.size() > 3 ? rumour_bytes * 6 / 10 : rumour_bytes;
  if (!updates.empty()) bytes += SwimMessage::kCompoundBytes;
  env_.send_datagram(to, std::make_shared<SwimMessage>(kind, sequence, target, std::move(updates)),
                     bytes);
}

void SwimProcess::send_reliably(NodeIndex to, Kind kind, std::uint32_t sequence) {
  env_.send(to, std::make_shared<SwimMessage>(kind, sequence, 0, std::vector<SwimUpdate>{}),
            SwimMessage::bytes_of(kind));
}

std::vector<NodeIndex> SwimProcess::random_members(std::uint32_t count, NodeIndex but,
                                                   bool with_lately_dead) {
  std::vector<NodeIndex> chosen;
  const auto size = static_cast<std::uint32_t>(known_.size());
  // util.go kRandomNodes: at most three tries for each member there is.
  for (std::uint32_t tries = 0; tries < 3 * size && chosen.size() < count; ++tries) {
    const NodeIndex node = known_[env_.random().below(size)];
    if (node == self_ || node == but) continue;
    const State state = members_[node].state;
    const bool is_in = state == State::alive || state == State::suspect;
    if (!is_in && !(with_lately_dead && is_lately_dead(node))) continue;
    if (std::find(chosen.begin(), chosen.end(), node) == chosen.end()) chosen.push_back(node);
  }
  return chosen;
}

bool SwimProcess::is_lately_dead(NodeIndex node) const {
  return std::any_of(dead_.begin(), dead_.end(), [&](const Dead& dead) {
    return dead.node == node && env_.now() - dead.at < kGossipToTheDead;
  });
}

void SwimProcess::reap() {
  if (dead_.empty()) return;
  std::erase_if(dead_, [&](const Dead& dead) {
    const State state = members_[dead.node].state;
    const bool is_back = state != State::dead && state != State::left;
    if (is_back || env_.now() - dead.at < kGossipToTheDead) return is_back;
    members_[dead.node] = {};
    return true;
  });
  std::erase_if(known_, [&](NodeIndex node) { return members_[node].state == State::unknown; });
}

core::Duration SwimProcess::push_pull_interval() const {
  const auto size = static_cast<std::uint32_t>(known_.size());
  if (size <= kPushPullScaleFrom) return kPushPullInterval;
  return kPushPullInterval * (ceil_log2(size) - ceil_log2(kPushPullScaleFrom) + 1);
}

std::uint32_t SwimProcess::transmit_max() const {
  return kRetransmitMult * ceil_log10(static_cast<std::uint32_t>(known_.size()) + 1);
}

}  // namespace nexus::sim
