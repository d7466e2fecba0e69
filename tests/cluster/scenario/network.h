// Network: what lies between the nodes of a scenario: messages take a millisecond and keep their order, unless the script says otherwise.
// Pure: no clock; owner only.
//
// The newest rule that fits a message counts. Parts of gossip (alerts, votes) can be ruled apart from the rest of it.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "cluster/messages.h"
#include "tests/cluster/scenario/message_kinds.h"

namespace nexus::cluster::scenario {

// Which messages: of these kinds, from one of these nodes to one of those.
struct Selector {
  KindSet kinds;
  // Sender and receiver, by the names of nodes.
  std::set<std::pair<std::string, std::string>> links;

  bool fits(const std::string& from, const std::string& to) const {
    return links.contains({from, to});
  }
};

// On its way, or held.
struct Letter {
  std::string from;
  std::string to;
  Peer peer;
  ControlMessagePtr message;
};

enum class Fate : std::uint8_t { delivered, cut, held };

class Network {
 public:
  void cut(Selector what) { rules_.push_front({.fate = Fate::cut, .what = std::move(what)}); }
  void hold(Selector what) { rules_.push_front({.fate = Fate::held, .what = std::move(what)}); }
  // Ends all rules; what is held stays so.
  void heal() { rules_.clear(); }

  // Of one kind, which may be a part of gossip.
  Fate fate(Kind kind, const std::string& from, const std::string& to) const;
  // Keeps what is held, and leaves in the letter what is to be delivered; its message is empty when that is nothing.
  void apply(Letter& letter);
  // What is held and fits, in the order in which it was sent; it is held no longer.
  [[nodiscard]] std::vector<Letter> take_held(const Selector& what);
  const std::deque<Letter>& held() const { return held_; }

 private:
  struct Rule {
    Fate fate;
    Selector what;
  };

  std::deque<Rule> rules_;
  std::deque<Letter> held_;
};

}  // namespace nexus::cluster::scenario
