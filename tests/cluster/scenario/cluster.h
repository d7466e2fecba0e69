// Cluster: the nodes of a scenario: the production classes over a virtual clock and a network that the script drives. What they do goes
// to a trace. One thread; the same calls give the same trace.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cluster/membership/membership.h"
#include "tests/cluster/scenario/describe.h"
#include "tests/cluster/scenario/network.h"
#include "tests/cluster/scenario/trace.h"

namespace nexus::cluster::scenario {

class Cluster {
 public:
  explicit Cluster(Trace& trace) : trace_(trace) { options_.compatibility.cluster = "shop"; }

  // Of the nodes that are started afterwards.
  MembershipOptions& options() { return options_; }
  void set_seeds(std::vector<std::string> names) { seeds_ = std::move(names); }
  // Kinds of messages that are traced when they are sent; what happens at a node always is.
  void show(KindSet kinds) { shown_ = kinds; }

  // They have founded a cluster, and nothing has happened since.
  void found(const std::vector<std::string>& names);
  // A process at the address of this node, which ends the one that is there.
  void start(const std::string& name);
  // The process ends; its host refuses connections, or says nothing any more.
  void crash(const std::string& name, bool silently);
  // It stands still, and what is sent to it waits.
  void pause(const std::string& name);
  void resume(const std::string& name);

  // Of a node that runs; nullptr otherwise.
  Membership* membership(const std::string& name);
  // Calls it and carries out what it wants done.
  void call(const std::string& name,
            const std::function<void(Membership&, core::Instant now, Membership::Output&)>& what);

  Network& network() { return network_; }
  // What is held and fits arrives in a moment.
  void deliver(const Selector& what);

  // Until `done` says so, looked at after each event, or for so long. False when that was not so.
  bool run(core::Duration time, const std::function<bool()>& done);

  std::vector<std::string> names() const;
  // These are together in one view, in which nobody else is, and none of them is frozen.
  bool agree(const std::vector<std::string>& names);
  bool is_frozen(const std::string& name) const;
  // Messages of this kind that the node has sent.
  std::size_t sent_count(const std::string& name, Kind kind) const;
  // "view 2 {n1 n2}, frozen", "joins", "out", "crashed".
  std::string standing(const std::string& name);

 private:
  struct Node {
    std::uint64_t number = 0;
    std::uint64_t incarnation = 0;
    // Counts the processes at its address.
    std::uint64_t process = 0;
    MembershipOptions options;
    // Empty when the process has ended.
    std::unique_ptr<Membership> membership;
    bool silent = false;
    bool paused = false;
    bool frozen = false;
    std::vector<std::function<void()>> waiting;
    std::map<Kind, std::size_t> sent;
    Membership::Output output;
  };

  Node& make_process(const std::string& name);
  core::Duration elapsed() const { return now_ - kBegin; }
  core::Instant next_time() const;
  void step(core::Instant at);
  void carry_out(const std::string& name);
  void note(const std::string& name, const Incarnation::Event& event);
  void send(const std::string& from, const Send& what);
  void trace_sent(const Letter& letter);
  void trace_said(const Letter& letter, const Gossip& gossip);
  void send_out(Letter letter);
  void arrive(const Letter& letter, std::uint64_t process);
  // At the node after the time of a message, if it is the same process then.
  void later(const std::string& name, std::function<void()> what);

  static constexpr core::Instant kBegin{std::chrono::seconds(1000)};
  static constexpr core::Duration kUnderWay = std::chrono::milliseconds(1);

  Trace& trace_;
  MembershipOptions options_;
  std::vector<std::string> seeds_;
  KindSet shown_;
  ViewMaker maker_;
  Network network_;
  core::Instant now_ = kBegin;
  // What happens when; at equal times in the order in which it was said.
  std::multimap<core::Instant, std::function<void()>> events_;
  std::map<std::string, Node> nodes_;
  ViewBook views_;
  CutBook cuts_;
  std::set<std::string> said_;
};

}  // namespace nexus::cluster::scenario
