// Cluster: a node's part in its cluster, for the rest of the node and for users: who is there, what has changed, and how to go.
//
//   observe_status(), add_to(), start()   once, in this order, the server being started before start()
//   view(), status(), member_id(), state_of(), traits_of(), doubts(), metrics()   any thread, after start(), without waiting; not from an observer
//   put(), set_kinds(), set_labels(), force(), join(), set_seeds()   the same, but these wait for the gossip thread; on it they are refused
//   subscribe(), unsubscribe() any thread
//   leave(), stop()            once, in this order, at the end; stop() before the server is shut down
//
// U1  Observers are called one at a time with each change in its order; the first call is the present view, if there is one.
// U2  When a view without a member is seen here, its process is blocked in Remote before observers are told: links to it end, and those
//     who watch its actors are told. A process that comes back is let in again before observers are told of that, and one that comes
//     in its place, at its address, can be reached.
// U3  Each change is also published on the system's event stream, as a ViewEvent.
// U4  The observer of the status is told each change of it, in its order; the first call is the first change from `joining`.
// U5  Observers, and functions that listen to ViewEvents, run on the gossip thread: while one runs, this node answers no probe, and soon
//     counts as gone. Observers run under the lock that subscribe() and unsubscribe() take; what they throw is logged. An actor
//     that listens to ViewEvents may do what it likes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/control_link_counts.h"
#include "cluster/membership/membership.h"
#include "cluster/options.h"
#include "cluster/state/member_traits.h"
#include "core/actor_system.h"
#include "core/base/result.h"

namespace grpc {
class ServerBuilder;
}

namespace nexus::remote {
class Remote;
class TlsIdentity;
}  // namespace nexus::remote

namespace nexus::cluster {

// The view of this node has changed. Copied freely: what it holds is shared and never changes.
struct ViewEvent {
  // Empty: the node is in no cluster now.
  ViewPtr view;
  // Empty: there was none.
  ViewPtr before;
  // How the one became the other; empty when it did not come of one cut: catching up, an operator's word.
  CutPtr cut;
};

class Cluster {
 public:
  // `joining`: in no cluster, though it wants to be. `leaving`: told to leave(), and the others have not agreed yet.
  enum class Status : std::uint8_t { joining, member, frozen, leaving, left };

  struct Options {
    MembershipOptions membership;
    // With its id, which must be that of `remote`.
    Member self;
    std::vector<std::string> seeds;
  };
  using Observer = std::function<void(const ViewEvent&)>;
  using SubscriptionId = std::uint64_t;

  // All must outlive it.
  Cluster(Options options, core::ActorSystem& system, remote::Remote& remote,
          std::shared_ptr<const remote::TlsIdentity> tls);
  ~Cluster();

  // Called on the gossip thread, and on that of leave(). The observer must not block, nor call this object.
  void observe_status(std::function<void(Status)> observer);
  void add_to(grpc::ServerBuilder& builder);
  void start();

  // Tells the others, and waits until they have agreed to go on without it. False when they had not by then.
  bool leave(core::Duration patience);
  void stop();

  ViewPtr view() const;
  Status status() const;
  // Of the present incarnation.
  MemberId member_id() const;
  const std::string& name() const;
  // Makes a value known to all members, under this one's name, also when the node has joined again under another id; see StateTable for the
  // limits. Errors: failed_precondition (in no cluster; U5), resource_exhausted, invalid_argument (a key that is not UTF-8, or begins with
  // "nexus.").
  [[nodiscard]] core::Status put(std::string key, std::string value);
  // The same of what others look for in this member, in place of what it joined with.
  [[nodiscard]] core::Status set_kinds(const std::vector<std::string>& kinds);
  [[nodiscard]] core::Status set_labels(const std::map<std::string, std::string>& labels);
  MemberTraits traits_of(const Member& member) const;
  std::vector<StateEntry> state_of(const MemberId& member) const;
  struct Doubt {
    MemberId member;
    // It has said that it goes; else some of its observers do not hear it.
    bool leaves;
  };
  std::vector<Doubt> doubts() const;
  // What was counted since the beginning.
  struct Metrics {
    ControlLinkCounts links;
    // Keys and values of other members that were over a limit; see StateTable.
    std::uint64_t dropped_state_count = 0;
  };
  Metrics metrics() const;
  // Of one frame on a control connection, which the server must be ready to read.
  static std::size_t frame_bytes_max();
  // See Incarnation::force().
  [[nodiscard]] core::Status force(ViewId base, const std::vector<MemberId>& keep);
  // Nodes to ask for the way into their cluster, besides the seeds, until the process ends. Of two clusters of one name the smaller
  // one joins the larger.
  [[nodiscard]] core::Status join(const std::vector<std::string>& addresses);
  // In place of those of the options.
  [[nodiscard]] core::Status set_seeds(std::vector<std::string> seeds);

  // The observer must not block, nor call this object; it is not called any more after the return of unsubscribe().
  SubscriptionId subscribe(Observer observer);
  void unsubscribe(SubscriptionId id);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::cluster
