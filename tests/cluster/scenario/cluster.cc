#include "tests/cluster/scenario/cluster.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace nexus::cluster::scenario {

using core::Duration;
using core::Instant;

namespace {

std::vector<std::string> addresses_of(const std::vector<std::string>& names) {
  std::vector<std::string> addresses;
  for (const std::string& name : names) addresses.push_back(address_of(name));
  return addresses;
}

}  // namespace

Cluster::Node& Cluster::make_process(const std::string& name) {
  Node& node = nodes_[name];
  node.number = *number_of(name);
  ++node.process;
  node.options = options_;
  node.silent = node.paused = node.frozen = false;
  node.waiting.clear();
  const MemberId id = id_of(node.number, ++node.incarnation);
  node.membership = std::make_unique<Membership>(
      node.options, Member{.id = id, .process = id, .address = address_of(name), .version = "1"},
      maker_, [&node] { return id_of(node.number, ++node.incarnation); }, node.number);
  return node;
}

void Cluster::found(const std::vector<std::string>& names) {
  std::vector<MemberPtr> members;
  for (const std::string& name : names) {
    const MemberId id = id_of(*number_of(name), nodes_[name].incarnation + 1);
    members.push_back(std::make_shared<const Member>(
        Member{.id = id, .process = id, .address = address_of(name), .version = "1"}));
  }
  const ViewPtr view = View::found(std::move(members), options_.rings);
  for (const std::string& name : names) {
    Node& node = make_process(name);
    node.membership->start_in(view, addresses_of(seeds_), now_, node.output);
    carry_out(name);
  }
}

void Cluster::start(const std::string& name) {
  Node& node = make_process(name);
  node.membership->start(addresses_of(seeds_), now_, node.output);
  carry_out(name);
}

void Cluster::crash(const std::string& name, bool silently) {
  Node& node = nodes_.at(name);
  node.membership.reset();
  node.silent = silently;
  if (silently) return;
  for (auto& [other, its] : nodes_) {
    if (!its.membership) continue;
    later(other, [this, other = other, address = address_of(name)] {
      nodes_.at(other).membership->on_link_lost(address, now_);
    });
  }
}

void Cluster::pause(const std::string& name) { nodes_.at(name).paused = true; }

void Cluster::resume(const std::string& name) {
  Node& node = nodes_.at(name);
  node.paused = false;
  for (const auto& what : std::exchange(node.waiting, {})) what();
}

Membership* Cluster::membership(const std::string& name) {
  const auto node = nodes_.find(name);
  return node == nodes_.end() ? nullptr : node->second.membership.get();
}

void Cluster::call(const std::string& name,
                   const std::function<void(Membership&, Instant, Membership::Output&)>& what) {
  Node& node = nodes_.at(name);
  what(*node.membership, now_, node.output);
  carry_out(name);
}

void Cluster::later(const std::string& name, std::function<void()> what) {
  events_.emplace(now_ + kUnderWay,
                  [this, name, process = nodes_.at(name).process, what = std::move(what)] {
                    Node& node = nodes_.at(name);
                    if (!node.membership || node.process != process) return;
                    if (node.paused) {
                      node.waiting.push_back(what);
                    } else {
                      what();
                      carry_out(name);
                    }
                  });
}

Instant Cluster::next_time() const {
  Instant next = events_.empty() ? Instant::max() : events_.begin()->first;
  for (const auto& [name, node] : nodes_) {
    if (node.membership && !node.paused)
      next = std::min(next, std::max(now_, node.membership->next_time()));
  }
  return next;
}

void Cluster::step(Instant at) {
  now_ = at;
  if (!events_.empty() && events_.begin()->first <= now_) {
    const auto what = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    return what();
  }
  for (auto& [name, node] : nodes_) {
    if (!node.membership || node.paused || node.membership->next_time() > now_) continue;
    node.membership->on_time(now_, node.output);
    return carry_out(name);
  }
}

bool Cluster::run(Duration time, const std::function<bool()>& done) {
  const Instant end = now_ + time;
  while (!done()) {
    const Instant next = next_time();
    if (next > end) {
      now_ = end;
      return done();
    }
    step(next);
  }
  return true;
}

void Cluster::carry_out(const std::string& name) {
  Node& node = nodes_.at(name);
  const Membership::Output output = std::exchange(node.output, {});
  // What is sent comes before what it leads to, but not before the node has another id.
  const bool is_new = std::any_of(output.events.begin(), output.events.end(), [](const auto& e) {
    return std::holds_alternative<Incarnation::Rejoining>(e);
  });
  if (!is_new) {
    for (const Send& what : output.sends) send(name, what);
  }
  for (const Incarnation::Event& event : output.events) note(name, event);
  if (is_new) {
    for (const Send& what : output.sends) send(name, what);
  }
}

void Cluster::note(const std::string& name, const Incarnation::Event& event) {
  Node& node = nodes_.at(name);
  if (const auto* changed = std::get_if<Incarnation::ViewChanged>(&event)) {
    views_.emplace(changed->view->id(), changed->view);
  } else if (const auto* frozen = std::get_if<Incarnation::Frozen>(&event)) {
    node.frozen = frozen->frozen;
  } else if (std::holds_alternative<Incarnation::Out>(event)) {
    node.frozen = false;
  }
  trace_.add(elapsed(), name, text_of(event));
}

void Cluster::send(const std::string& from, const Send& what) {
  Node& node = nodes_.at(from);
  if (const auto* gossip = std::get_if<Gossip>(&what.message->body)) {
    for (auto k = static_cast<unsigned>(Kind::entry); k <= static_cast<unsigned>(Kind::prepare);
         ++k) {
      const auto kind = static_cast<Kind>(k);
      if (!is_empty(part_of(*gossip, [kind](Kind part) { return part == kind; })))
        ++node.sent[kind];
    }
  } else {
    ++node.sent[*kind_of(what.message->body)];
  }
  Letter letter{.from = from,
                .to = node_at(what.address),
                .peer = {.id = id_of(node.number, node.incarnation), .address = address_of(from)},
                .message = what.message};
  trace_sent(letter);
  network_.apply(letter);
  if (letter.message) send_out(std::move(letter));
}

void Cluster::trace_sent(const Letter& letter) {
  if (const auto* gossip = std::get_if<Gossip>(&letter.message->body))
    return trace_said(letter, *gossip);
  const Kind kind = *kind_of(letter.message->body);
  if (!shown_.contains(kind)) return;
  std::string text = text_of(*letter.message, views_);
  switch (network_.fate(kind, letter.from, letter.to)) {
    case Fate::delivered:
      break;
    case Fate::cut:
      text += " (lost)";
      break;
    case Fate::held:
      text += " (held)";
      break;
  }
  trace_.add(elapsed(), letter.from, text, letter.to);
}

void Cluster::trace_said(const Letter& letter, const Gossip& gossip) {
  const auto view = views_.find(letter.message->view);
  if (view == views_.end()) return;
  for (const Saying& saying : sayings_of(gossip, letter.peer.id, *view->second, cuts_)) {
    if (said_.insert(saying.key).second && shown_.contains(saying.kind))
      trace_.add(elapsed(), letter.from, saying.text);
  }
}

void Cluster::send_out(Letter letter) {
  const auto to = nodes_.find(letter.to);
  const std::uint64_t process = to == nodes_.end() ? 0 : to->second.process;
  events_.emplace(now_ + kUnderWay,
                  [this, letter = std::move(letter), process] { arrive(letter, process); });
}

void Cluster::arrive(const Letter& letter, std::uint64_t process) {
  const auto to = nodes_.find(letter.to);
  if (to != nodes_.end() && to->second.membership) {
    // What was under way to the process before has ended with its connections.
    if (to->second.process != process) return;
    const auto take = [this, letter] {
      Node& node = nodes_.at(letter.to);
      node.membership->on_message(letter.peer, letter.message, now_, node.output);
      carry_out(letter.to);
    };
    if (to->second.paused) {
      to->second.waiting.push_back(take);
    } else {
      take();
    }
    return;
  }
  if (to != nodes_.end() && to->second.silent) return;
  later(letter.from, [this, letter] {
    Node& node = nodes_.at(letter.from);
    node.membership->on_refused(address_of(letter.to), now_, node.output);
  });
}

void Cluster::deliver(const Selector& what) {
  for (Letter& letter : network_.take_held(what)) send_out(std::move(letter));
}

std::vector<std::string> Cluster::names() const {
  std::vector<std::string> names;
  for (const auto& [name, node] : nodes_) names.push_back(name);
  return names;
}

bool Cluster::agree(const std::vector<std::string>& names) {
  ViewPtr view;
  for (const std::string& name : names) {
    const Membership* const membership = this->membership(name);
    if (membership == nullptr || membership->is_out() || is_frozen(name)) return false;
    const ViewPtr& its = membership->incarnation().view();
    if (!its || its->size() != names.size() || !its->index_at(address_of(name)) ||
        (view && its->id() != view->id()))
      return false;
    view = its;
  }
  return true;
}

bool Cluster::is_frozen(const std::string& name) const {
  const auto node = nodes_.find(name);
  return node != nodes_.end() && node->second.frozen;
}

std::size_t Cluster::sent_count(const std::string& name, Kind kind) const {
  const auto node = nodes_.find(name);
  if (node == nodes_.end()) return 0;
  const auto count = node->second.sent.find(kind);
  return count == node->second.sent.end() ? 0 : count->second;
}

std::string Cluster::standing(const std::string& name) {
  const Membership* const membership = this->membership(name);
  if (membership == nullptr) return "crashed";
  if (membership->is_out()) return "out";
  const ViewPtr& view = membership->incarnation().view();
  if (!view) return "in no view";
  return text_of(*view) + (is_frozen(name) ? ", frozen" : "");
}

}  // namespace nexus::cluster::scenario
