#include "tests/sim/models/protoactor_model.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "tests/sim/models/timer_set.h"

namespace nexus::sim {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration kGossipInterval = 300ms;
constexpr std::uint32_t kFanout = 3;
constexpr std::uint32_t kMembersMax = 50;
constexpr core::Duration kExpiration = 20s;
constexpr core::Duration kJoinAgain = 1s;
// A member's id, key, sequence numbers, and a heartbeat packed as Any.
constexpr std::uint32_t kStateBytes = 150;
constexpr std::uint32_t kIdBytes = 24;
constexpr std::uint32_t kAckBytes = 40;
// An entry of the map of committed offsets: a string of two ids and a key, and a number.
constexpr std::size_t kOffsetBytes = 120;

struct Heartbeat {
  Identity member;
  std::uint32_t sequence = 0;
};

struct Message final : Payload {
  enum class Kind : std::uint8_t { gossip, ack, join, members, joined, left };

  Message(Kind kind_of, std::vector<Heartbeat> all, std::vector<Identity> blocked_ones,
          std::vector<std::uint64_t> all_keys)
      : kind(kind_of),
        states(std::move(all)),
        blocked(std::move(blocked_ones)),
        keys(std::move(all_keys)) {
    value_ = mix64(static_cast<std::uint64_t>(kind), blocked.size());
    for (const Heartbeat& state : states)
      value_ = mix64(value_ ^ state.member.node, state.sequence);
    for (const Identity& member : blocked) value_ = mix64(value_, member.node);
  }
  std::uint64_t digest() const override { return value_; }
  std::uint32_t bytes() const {
    return static_cast<std::uint32_t>(kAckBytes + states.size() * kStateBytes +
                                      blocked.size() * kIdBytes);
  }

  const Kind kind;
  const std::vector<Heartbeat> states;
  const std::vector<Identity> blocked;
  const std::vector<std::uint64_t> keys;

 private:
  std::uint64_t value_ = 0;
};

class ProtoActorProcess final : public Process {
 public:
  ProtoActorProcess(Env& env, std::uint32_t node_count_max)
      : env_(env), self_(env.self().node), timers_(env), members_(node_count_max) {}

  void start(std::span<const NodeIndex> contacts) override {
    contacts_.assign(contacts.begin(), contacts.end());
    std::erase(contacts_, self_);
    add(env_.self());
    timers_.set(env_.now() + kGossipInterval, gossip_tick);
    if (contacts_.empty()) {
      env_.standing_changed(Standing::member);
    } else {
      join();
    }
  }

  void start_settled(const std::shared_ptr<const std::vector<Identity>>& members,
                     std::span<const NodeIndex> contacts) override {
    contacts_.assign(contacts.begin(), contacts.end());
    for (const Identity member : *members) {
      members_[member.node] = {member.incarnation, 1, true, false, env_.now()};
      list_.push_back(member.node);
    }
    env_.view_changed({.added = *members});
    env_.standing_changed(Standing::member);
    has_joined_ = true;
    timers_.set(env_.now() + env_.random().between(0ns, kGossipInterval), gossip_tick);
  }

  void on_message(Identity from, const PayloadPtr& payload) override {
    if (is_out_) return;
    const auto& message = static_cast<const Message&>(*payload);
    // BlockList: frames of a blocked member are not read.
    if (members_[from.node].is_blocked && members_[from.node].run == from.incarnation) return;
    switch (message.kind) {
      case Message::Kind::join:
        return on_join(message.states.front().member);
      case Message::Kind::members:
        if (!has_joined_) env_.standing_changed(Standing::member);
        has_joined_ = true;
        for (const Heartbeat& state : message.states) add(state.member);
        return;
      case Message::Kind::joined:
        return add(message.states.front().member);
      case Message::Kind::left:
        return remove(message.states.front().member);
      case Message::Kind::gossip:
        on_gossip(message);
        if (!is_out_) send(from.node, Message::Kind::ack, {});
        return;
      case Message::Kind::ack:
        return;
    }
  }

  void on_link_down(NodeIndex, WhyDown) override {}

  void on_time() override {
    while (const auto timer = timers_.take(env_.now())) {
      if (is_out_) continue;
      if (timer->kind == leaving) return env_.left();
      if (timer->kind == gossip_tick) gossip();
      if (timer->kind == join_again && !has_joined_) join();
    }
  }

  void leave() override {
    for (const NodeIndex node : std::vector<NodeIndex>(list_)) {
      if (node != self_) send(node, Message::Kind::left, {{env_.self(), 0}});
    }
    timers_.set(env_.now() + 1s, leaving);
  }

  void put(std::uint64_t key, std::uint32_t) override { learn(key << 32 | self_); }

  bool believes(Identity member) const override {
    const Member& known = members_[member.node];
    return known.is_in && known.run == member.incarnation;
  }

  std::size_t memory_bytes() const override {
    return members_.capacity() * sizeof(Member) + list_.size() * list_.size() * kOffsetBytes;
  }

 private:
  enum Timer : std::uint32_t { gossip_tick, join_again, leaving };
  struct Member {
    std::uint32_t run = 0;
    std::uint32_t sequence = 0;
    bool is_in = false;
    bool is_blocked = false;
    // When its heartbeat last rose, by the clock here.
    core::Instant heard_at{};
  };

  void join() {
    for (const NodeIndex contact : contacts_)
      send(contact, Message::Kind::join, {{env_.self(), 0}});
    timers_.set(env_.now() + kJoinAgain, join_again);
  }

  // Plays the provider: tells the newcomer of all, and all of the newcomer.
  void on_join(Identity who) {
    if (!has_joined_ && !contacts_.empty()) return;
    const bool is_news = !believes(who);
    add(who);
    std::vector<Heartbeat> all;
    for (const NodeIndex node : list_)
      all.push_back({{node, members_[node].run}, members_[node].sequence});
    send(who.node, Message::Kind::members, std::move(all));
    if (!is_news) return;
    for (const NodeIndex node : list_) {
      if (node != self_ && node != who.node) send(node, Message::Kind::joined, {{who, 0}});
    }
  }

  void add(Identity who) {
    Member& member = members_[who.node];
    if (member.run > who.incarnation ||
        (member.run == who.incarnation && (member.is_in || member.is_blocked))) {
      return;
    }
    const Identity before{who.node, member.run};
    const bool was_in = member.is_in;
    member = {who.incarnation, 0, true, false, env_.now()};
    if (!was_in) list_.push_back(who.node);
    env_.view_changed({.added = {&who, 1},
                       .removed = was_in ? std::span(&before, 1) : std::span<const Identity>{}});
  }

  void remove(Identity who) {
    Member& member = members_[who.node];
    if (!member.is_in || member.run != who.incarnation) return;
    member.is_in = false;
    std::erase(list_, who.node);
    env_.view_changed({.removed = {&who, 1}});
  }

  void block(Identity who) {
    Member& member = members_[who.node];
    if (member.run != who.incarnation || member.is_blocked) return;
    if (who == env_.self()) {
      is_out_ = true;
      env_.standing_changed(Standing::out);
      return;
    }
    remove(who);
    member.is_blocked = true;
    blocked_.push_back(who);
  }

  void learn(std::uint64_t key) {
    if (std::find(keys_.begin(), keys_.end(), key) != keys_.end()) return;
    keys_.push_back(key);
    env_.learned(key >> 32);
  }

  void on_gossip(const Message& message) {
    for (const Heartbeat& state : message.states) {
      Member& member = members_[state.member.node];
      if (member.run != state.member.incarnation || member.sequence >= state.sequence) continue;
      member.sequence = state.sequence;
      member.heard_at = env_.now();
    }
    for (const std::uint64_t key : message.keys) learn(key);
    for (const Identity who : message.blocked) {
      if (!is_out_) block(who);
    }
  }

  void gossip() {
    timers_.set(env_.now() + kGossipInterval, gossip_tick);
    members_[self_].heard_at = env_.now();
    ++members_[self_].sequence;
    for (std::size_t i = 0; i < list_.size(); ++i) {
      const Identity member{list_[i], members_[list_[i]].run};
      if (env_.now() - members_[member.node].heard_at <= kExpiration) continue;
      block(member);
      --i;
    }
    const auto size = static_cast<std::uint32_t>(list_.size());
    for (std::uint32_t i = 0; i < kFanout && size > 1; ++i) {
      const NodeIndex peer = list_[env_.random().below(size)];
      if (peer != self_) send_states(peer);
    }
  }

  // One's own, and a run of a list in random order.
  void send_states(NodeIndex peer) {
    const auto size = static_cast<std::uint32_t>(list_.size());
    std::vector<Heartbeat> states{{env_.self(), members_[self_].sequence}};
    std::vector<std::uint64_t> keys;
    const std::uint32_t count = std::min(size, kMembersMax);
    // Floyd's sampling would need a set; a shuffle of the front does the same to a list that has no order.
    for (std::uint32_t i = 0; i < count; ++i) {
      std::swap(list_[i], list_[i + env_.random().below(size - i)]);
      if (list_[i] == self_) continue;
      states.push_back({{list_[i], members_[list_[i]].run}, members_[list_[i]].sequence});
    }
    if (states.size() > kMembersMax) states.pop_back();
    for (const std::uint64_t key : keys_) {
      const auto owner = static_cast<NodeIndex>(key);
      const bool is_sent =
          std::any_of(states.begin(), states.end(),
                      [owner](const Heartbeat& state) { return state.member.node == owner; });
      if (is_sent) keys.push_back(key);
    }
    auto message = std::make_shared<Message>(Message::Kind::gossip, std::move(states), blocked_,
                                             std::move(keys));
    const std::uint32_t bytes = message->bytes();
    env_.send(peer, std::move(message), bytes);
  }

  void send(NodeIndex to, Message::Kind kind, std::vector<Heartbeat> states) {
    auto message = std::make_shared<Message>(kind, std::move(states), std::vector<Identity>{},
                                             std::vector<std::uint64_t>{});
    const std::uint32_t bytes = message->bytes();
    env_.send(to, std::move(message), bytes);
  }

  Env& env_;
  const NodeIndex self_;
  TimerSet timers_;
  std::vector<Member> members_;
  // Those that are in.
  std::vector<NodeIndex> list_;
  std::vector<Identity> blocked_;
  std::vector<std::uint64_t> keys_;
  std::vector<NodeIndex> contacts_;
  bool has_joined_ = false;
  bool is_out_ = false;
};

class ProtoActorModel final : public Model {
 public:
  Traits traits() const override {
    return {.description = "a model of Proto.Actor's gossip, with the constants of the Go version"};
  }
  std::unique_ptr<Process> make(Env& env, std::uint32_t node_count_max) override {
    return std::make_unique<ProtoActorProcess>(env, node_count_max);
  }
};

}  // namespace

std::unique_ptr<Model> make_protoactor_model() { return std::make_unique<ProtoActorModel>(); }

}  // namespace nexus::sim
