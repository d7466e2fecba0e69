#include "tests/sim/models/pekko_model.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>
#include <vector>

#include "tests/sim/models/pekko_gossip.h"
#include "tests/sim/models/timer_set.h"

namespace nexus::sim {
namespace {

using namespace std::chrono_literals;
using Status = PekkoGossip::Status;

constexpr core::Duration kTick = 1s;
constexpr std::uint32_t kMonitored = 9;
constexpr core::Duration kPause = 3s;
constexpr core::Duration kLeastDeviation = 100ms;
constexpr core::Duration kStableAfter = 20s;
constexpr core::Duration kUnstableFor = kStableAfter + 15s;
constexpr core::Duration kJoinAgain = 10s;
constexpr core::Duration kLeaveTimeout = 30s;
// Of 65,536: 0.8, falling to 0.2 between 400 and 1,200 members.
constexpr std::uint32_t kToUnseen = 52'429;
constexpr std::uint32_t kReduceFrom = 400;
constexpr std::uint32_t kHeartbeatBytes = 60;
constexpr std::uint32_t kStatusBytes = 160;
// Of a member in a full gossip, compressed.
constexpr std::uint32_t kMemberBytes = 24;
constexpr std::uint32_t kRecordBytes = 12;

struct Message final : Payload {
  enum class Kind : std::uint8_t { heartbeat, heartbeat_reply, status, gossip, join, welcome };

  Message(Kind kind_of, std::uint64_t content_of, std::uint64_t seen_of,
          std::shared_ptr<const PekkoGossip> state)
      : kind(kind_of), content(content_of), seen(seen_of), gossip(std::move(state)) {}
  std::uint64_t digest() const override {
    return mix64(static_cast<std::uint64_t>(kind) ^ seen, content);
  }

  const Kind kind;
  const std::uint64_t content;
  // A digest of who has seen it.
  const std::uint64_t seen;
  const std::shared_ptr<const PekkoGossip> gossip;
};

// When silence of a monitored node is too long.
struct Detector {
  NodeIndex node = 0;
  core::Instant last{};
  core::Duration mean = kTick;
  core::Duration deviation = kTick / 4;

  void heard(core::Instant now) {
    const core::Duration gap = now - last;
    last = now;
    mean += (gap - mean) / 16;
    const core::Duration error = gap > mean ? gap - mean : mean - gap;
    deviation += (error - deviation) / 16;
  }
  bool is_available(core::Instant now) const {
    return now - last <= mean + kPause + std::max(deviation, kLeastDeviation) * 56 / 10;
  }
};

class PekkoProcess final : public Process {
 public:
  PekkoProcess(Env& env, std::uint32_t node_count_max)
      : env_(env), self_(env.self().node), timers_(env) {
    gossip_.members.resize(node_count_max);
    gossip_.seen.resize(node_count_max, 0);
    shown_.resize(node_count_max);
  }

  void start(std::span<const NodeIndex> contacts) override {
    contacts_.assign(contacts.begin(), contacts.end());
    std::erase(contacts_, self_);
    if (contacts_.empty()) {
      gossip_.members[self_] = {env_.self().incarnation, Status::up};
      changed_alone();
      become_member();
    } else {
      join();
    }
  }

  void start_settled(const std::shared_ptr<const std::vector<Identity>>& members,
                     std::span<const NodeIndex> contacts) override {
    contacts_.assign(contacts.begin(), contacts.end());
    for (const Identity member : *members) {
      gossip_.members[member.node] = {member.incarnation, Status::up};
      gossip_.seen[member.node] = 1;
      shown_[member.node] = member.incarnation;
    }
    env_.view_changed({.added = *members});
    content_ = gossip_.content();
    rebuild_ring();
    become_member();
  }

  void on_message(Identity from, const PayloadPtr& payload) override {
    if (is_out_) return;
    const auto& message = static_cast<const Message&>(*payload);
    switch (message.kind) {
      case Message::Kind::heartbeat:
        return send(from.node, Message::Kind::heartbeat_reply, nullptr, kHeartbeatBytes);
      case Message::Kind::heartbeat_reply:
        for (Detector& detector : detectors_) {
          if (detector.node == from.node) detector.heard(env_.now());
        }
        return;
      case Message::Kind::status:
        if (!has_joined_) return;
        if (message.content == content_ && message.seen == seen_digest()) return;
        return gossip_to(from.node, true);
      case Message::Kind::gossip:
        if (has_joined_) on_gossip(from.node, *message.gossip);
        return;
      case Message::Kind::join:
        if (has_joined_) on_join(from);
        return;
      case Message::Kind::welcome:
        if (has_joined_) return;
        gossip_ = *message.gossip;
        gossip_.seen[self_] = 1;
        after_change();
        return become_member();
    }
  }

  void on_link_down(NodeIndex, WhyDown) override {}

  void on_time() override {
    while (const auto timer = timers_.take(env_.now())) {
      if (!is_out_) on_timer(timer->kind);
      if (is_leaving_ && is_out_) return env_.left();
    }
  }

  void leave() override {
    is_leaving_ = true;
    gossip_.members[self_].status = std::max(gossip_.members[self_].status, Status::leaving);
    changed_alone();
    timers_.set(env_.now() + kLeaveTimeout, leaving);
  }

  void put(std::uint64_t, std::uint32_t) override {}

  bool believes(Identity member) const override {
    return shown_[member.node] == member.incarnation;
  }

  std::size_t memory_bytes() const override {
    return gossip_.members.size() * (sizeof(PekkoGossip::Member) + 1 + sizeof(std::uint32_t)) +
           gossip_.records.size() * 64 + ring_.size() * sizeof(NodeIndex);
  }

 private:
  enum Timer : std::uint32_t {
    heartbeat_tick,
    gossip_tick,
    speedup_tick,
    leader_tick,
    reaper_tick,
    join_again,
    leaving
  };

  void on_timer(std::uint32_t kind) {
    switch (kind) {
      case heartbeat_tick:
        for (const Detector& detector : detectors_) {
          send(detector.node, Message::Kind::heartbeat, nullptr, kHeartbeatBytes);
        }
        return again(heartbeat_tick);
      case gossip_tick:
        gossip();
        if (2 * seen_count() < gossip_.member_count()) {
          timers_.set(env_.now() + kTick / 3, speedup_tick);
          timers_.set(env_.now() + kTick * 2 / 3, speedup_tick);
        }
        return again(gossip_tick);
      case speedup_tick:
        return gossip();
      case leader_tick:
        lead();
        return again(leader_tick);
      case reaper_tick:
        observe();
        resolve();
        return again(reaper_tick);
      case join_again:
        if (!has_joined_) join();
        return;
      case leaving:
        is_out_ = true;
        return;
      default:
        return;
    }
  }

  void again(Timer kind) { timers_.set(env_.now() + kTick, kind); }

  void join() {
    for (const NodeIndex contact : contacts_)
      send(contact, Message::Kind::join, nullptr, kStatusBytes);
    timers_.set(env_.now() + kJoinAgain, join_again);
  }

  void become_member() {
    has_joined_ = true;
    env_.standing_changed(Standing::member);
    for (const Timer kind : {heartbeat_tick, gossip_tick, leader_tick, reaper_tick}) {
      timers_.set(env_.now() + env_.random().between(0ns, kTick), kind);
    }
  }

  void on_join(Identity who) {
    PekkoGossip::Member& member = gossip_.members[who.node];
    if (gossip_.is_in(who.node) && member.run != who.incarnation) {
      // The old run must be gone before the new one is let in; it asks again.
      if (member.status == Status::down) return;
      member.status = Status::down;
      return changed_alone();
    }
    if (!gossip_.is_in(who.node)) {
      member = {who.incarnation, Status::joining};
      changed_alone();
    }
    send(who.node, Message::Kind::welcome, std::make_shared<PekkoGossip>(gossip_), gossip_bytes());
  }

  void on_gossip(NodeIndex from, const PekkoGossip& theirs) {
    const std::uint64_t their_content = theirs.content();
    const bool was_seen_here = theirs.seen[self_] != 0;
    if (their_content == content_) {
      for (NodeIndex node = 0; node < gossip_.seen.size(); ++node)
        gossip_.seen[node] |= theirs.seen[node];
      if (!was_seen_here) gossip_to(from, true);
      return;
    }
    PekkoGossip both = PekkoGossip::merged(gossip_, theirs);
    const std::uint64_t content = both.content();
    if (content == content_) return gossip_to(from, true);
    if (content == their_content) {
      both.seen = theirs.seen;
    } else {
      std::fill(both.seen.begin(), both.seen.end(), std::uint8_t{0});
    }
    gossip_ = std::move(both);
    gossip_.seen[self_] = 1;
    after_change();
    if (!is_out_ && (content != their_content || !was_seen_here))
      gossip_to(from, content != their_content);
  }

  // A change of this node's own making.
  void changed_alone() {
    gossip_.saw_alone(self_);
    after_change();
  }

  void after_change() {
    content_ = gossip_.content();
    show();
    const PekkoGossip::Member& self = gossip_.members[self_];
    if (self.run != env_.self().incarnation) return;
    if (self.status == Status::exiting && is_leaving_ && !is_exiting_) {
      // Others must hear of it from somebody, maybe from this very node.
      is_exiting_ = true;
      timers_.set(env_.now() + 2 * kTick, leaving);
    }
    if (self.status != Status::down && self.status != Status::removed) return;
    is_out_ = true;
    if (is_leaving_) {
      timers_.set(env_.now(), leaving);
    } else {
      env_.standing_changed(Standing::out);
    }
  }

  // Up and leaving ones are the view.
  void show() {
    std::vector<Identity> added;
    std::vector<Identity> removed;
    for (NodeIndex node = 0; node < shown_.size(); ++node) {
      const PekkoGossip::Member& member = gossip_.members[node];
      const bool is_shown = member.status == Status::up || member.status == Status::leaving;
      const std::uint32_t now = is_shown ? member.run : 0;
      if (now == shown_[node]) continue;
      if (shown_[node] != 0) removed.push_back({node, shown_[node]});
      if (now != 0) added.push_back({node, now});
      shown_[node] = now;
    }
    if (!added.empty() || !removed.empty()) env_.view_changed({.added = added, .removed = removed});
    rebuild_ring();
  }

  void rebuild_ring() {
    std::vector<std::pair<std::uint64_t, NodeIndex>> ring;
    std::uint64_t sum = 0;
    for (NodeIndex node = 0; node < shown_.size(); ++node) {
      if (!gossip_.is_in(node)) continue;
      sum += mix64(node, gossip_.members[node].run);
    }
    if (sum == ring_sum_) return;
    ring_sum_ = sum;
    for (NodeIndex node = 0; node < shown_.size(); ++node) {
      if (gossip_.is_in(node)) ring.emplace_back(mix64(node, gossip_.members[node].run), node);
    }
    std::sort(ring.begin(), ring.end());
    ring_.clear();
    for (const auto& [hash, node] : ring) ring_.push_back(node);
    const auto found = std::find(ring_.begin(), ring_.end(), self_);
    if (found == ring_.end()) return;
    const auto at = static_cast<std::size_t>(found - ring_.begin());
    std::vector<Detector> next;
    for (std::size_t i = 1; i <= std::min<std::size_t>(kMonitored, ring_.size() - 1); ++i) {
      const NodeIndex node = ring_[(at + i) % ring_.size()];
      const auto known = std::find_if(detectors_.begin(), detectors_.end(),
                                      [node](const Detector& one) { return one.node == node; });
      next.push_back(known != detectors_.end() ? *known : Detector{node, env_.now()});
    }
    detectors_ = std::move(next);
  }

  void observe() {
    bool has_changed = false;
    for (const Detector& detector : detectors_) {
      const auto found = gossip_.records.find({self_, detector.node});
      const std::uint32_t version = found == gossip_.records.end() ? 0 : found->second;
      const bool is_marked = version % 2 == 1;
      if (is_marked != detector.is_available(env_.now())) continue;
      gossip_.records[{self_, detector.node}] = version + 1;
      has_changed = true;
    }
    if (has_changed) changed_alone();
  }

  std::set<NodeIndex> unreachable() const {
    std::set<NodeIndex> found;
    for (const auto& [pair, version] : gossip_.records) {
      if (version % 2 == 1) found.insert(pair.second);
    }
    return found;
  }

  std::uint32_t seen_count() const {
    std::uint32_t count = 0;
    for (NodeIndex node = 0; node < shown_.size(); ++node)
      count += gossip_.is_in(node) && gossip_.seen[node] != 0 ? 1 : 0;
    return count;
  }

  bool is_counted(NodeIndex node) const {
    const Status status = gossip_.members[node].status;
    return status == Status::up || status == Status::leaving;
  }

  // The first by address of those reached.
  bool is_leader(const std::set<NodeIndex>& lost) const {
    for (NodeIndex node = 0; node < self_; ++node) {
      if (is_counted(node) && !lost.contains(node)) return false;
    }
    return is_counted(self_);
  }

  void lead() {
    const std::set<NodeIndex> lost = unreachable();
    if (!is_leader(lost)) return;
    for (NodeIndex node = 0; node < shown_.size(); ++node) {
      if (is_counted(node) && (lost.contains(node) || gossip_.seen[node] == 0)) return;
    }
    bool has_changed = false;
    for (NodeIndex node = 0; node < shown_.size(); ++node) {
      Status& status = gossip_.members[node].status;
      const Status before = status;
      if (status == Status::joining)
        status = Status::up;
      else if (status == Status::leaving)
        status = Status::exiting;
      else if (status == Status::down || status == Status::exiting)
        status = Status::removed;
      if (status == before) continue;
      has_changed = true;
      if (status == Status::removed) gossip_.forget_records_of(node);
    }
    if (has_changed) changed_alone();
  }

  // The split brain resolver, keep-majority.
  void resolve() {
    const std::set<NodeIndex> lost = unreachable();
    std::uint64_t situation = 0;
    for (const NodeIndex node : lost) situation += mix64(node, 7);
    for (NodeIndex node = 0; node < shown_.size(); ++node) {
      if (is_counted(node)) situation += mix64(node, gossip_.members[node].run);
    }
    if (situation != situation_) {
      situation_ = situation;
      stable_since_ = env_.now();
    }
    const bool is_open =
        std::any_of(lost.begin(), lost.end(), [this](NodeIndex node) { return is_counted(node); });
    if (!is_open) {
      troubled_since_ = env_.now();
      return;
    }
    if (!is_leader(lost)) return;
    if (env_.now() - stable_since_ >= kStableAfter) return down_smaller(lost);
    if (env_.now() - troubled_since_ >= kUnstableFor) down(lost, true, true);
  }

  void down_smaller(std::set<NodeIndex> lost) {
    // Indirectly connected: marked, and yet heard of, as observers or as having seen this state.
    for (const auto& [pair, version] : gossip_.records) {
      if (version % 2 == 1 && lost.contains(pair.first)) lost.insert(pair.second);
    }
    std::uint32_t here = 0;
    std::uint32_t there = 0;
    for (NodeIndex node = 0; node < shown_.size(); ++node) {
      if (is_counted(node)) ++(lost.contains(node) ? there : here);
    }
    const bool we_have_the_first = !lost.contains(first_counted());
    const bool we_stay = here > there || (here == there && we_have_the_first);
    down(lost, we_stay, !we_stay);
  }

  NodeIndex first_counted() const {
    NodeIndex node = 0;
    while (node + 1 < shown_.size() && !is_counted(node)) ++node;
    return node;
  }

  void down(const std::set<NodeIndex>& lost, bool those, bool us) {
    for (NodeIndex node = 0; node < shown_.size(); ++node) {
      if (is_counted(node) && (lost.contains(node) ? those : us))
        gossip_.members[node].status = Status::down;
    }
    gossip_.saw_alone(self_);
    if (us) {
      // The side that goes is told before its leader does.
      for (const NodeIndex node : ring_) {
        if (node != self_ && !lost.contains(node)) gossip_to(node, true);
      }
    }
    after_change();
  }

  std::uint32_t gossip_bytes() const {
    return static_cast<std::uint32_t>(100 + gossip_.member_count() * kMemberBytes +
                                      gossip_.records.size() * kRecordBytes);
  }

  void gossip() {
    if (ring_.size() < 2) return;
    const auto size = static_cast<std::uint32_t>(ring_.size());
    std::uint32_t chance = kToUnseen;
    if (size > kReduceFrom) {
      const std::uint32_t over = std::min(size - kReduceFrom, 2 * kReduceFrom);
      chance -= kToUnseen / 4 * 3 * over / (2 * kReduceFrom);
    }
    NodeIndex target = ring_[env_.random().below(size)];
    if (env_.random().one_of_65536(chance)) {
      std::vector<NodeIndex> unseen;
      for (const NodeIndex node : ring_) {
        if (gossip_.seen[node] == 0 && !gossip_.is_unreachable(node)) unseen.push_back(node);
      }
      if (!unseen.empty())
        target = unseen[env_.random().below(static_cast<std::uint32_t>(unseen.size()))];
    }
    if (target != self_ && !gossip_.is_unreachable(target))
      gossip_to(target, gossip_.seen[target] == 0);
  }

  void gossip_to(NodeIndex to, bool with_state) {
    if (!with_state) return send(to, Message::Kind::status, nullptr, kStatusBytes);
    send(to, Message::Kind::gossip, std::make_shared<PekkoGossip>(gossip_), gossip_bytes());
  }

  std::uint64_t seen_digest() const {
    std::uint64_t sum = 0;
    for (NodeIndex node = 0; node < gossip_.seen.size(); ++node) {
      if (gossip_.seen[node] != 0) sum += mix64(node);
    }
    return sum;
  }

  void send(NodeIndex to, Message::Kind kind, std::shared_ptr<const PekkoGossip> state,
            std::uint32_t bytes) {
    const bool is_heartbeat =
        kind == Message::Kind::heartbeat || kind == Message::Kind::heartbeat_reply;
    env_.send(to,
              std::make_shared<Message>(kind, content_, is_heartbeat ? 0 : seen_digest(),
                                        std::move(state)),
              bytes);
  }

  Env& env_;
  const NodeIndex self_;
  TimerSet timers_;
  PekkoGossip gossip_;
  std::uint64_t content_ = 0;
  // By node the run that is in the view; 0: none.
  std::vector<std::uint32_t> shown_;
  std::vector<NodeIndex> ring_;
  std::uint64_t ring_sum_ = 0;
  std::vector<Detector> detectors_;
  std::vector<NodeIndex> contacts_;
  std::uint64_t situation_ = 0;
  core::Instant stable_since_{};
  core::Instant troubled_since_{};
  bool has_joined_ = false;
  bool is_leaving_ = false;
  bool is_exiting_ = false;
  bool is_out_ = false;
};

class PekkoModel final : public Model {
 public:
  Traits traits() const override {
    return {.description = "a model of Pekko's cluster with keep-majority"};
  }
  std::unique_ptr<Process> make(Env& env, std::uint32_t node_count_max) override {
    return std::make_unique<PekkoProcess>(env, node_count_max);
  }
};

}  // namespace

std::unique_ptr<Model> make_pekko_model() { return std::make_unique<PekkoModel>(); }

}  // namespace nexus::sim
