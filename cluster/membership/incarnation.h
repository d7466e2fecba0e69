// Incarnation: a node under one member id, from its first attempt to join until it has left or was removed. Puts together what detects,
// agrees, spreads and admits. Pure: no sockets, no clock, chance only from its seed. Owner only.
//
//   join() or start_in()   once, first
//   everything else        afterwards, in any order, with times that do not go back
//
// I1  Views of an incarnation have rising epochs; each holds its own id.
// I2  After Out nothing is sent any more.
// I3  What somebody says who has a view that is not ahead, and is not in this member's, is answered with NotMember at most.
// I4  Of this member's own keys nothing is taken from others: it alone writes them, each id begins without any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "cluster/membership/cut_proposer.h"
#include "cluster/membership/view_history.h"
#include "cluster/messages.h"
#include "cluster/options.h"

namespace nexus::cluster {

class Incarnation {
 public:
  enum class Phase : std::uint8_t { joining, member, leaving, out };
  enum class WhyOut : std::uint8_t {
    // It has asked for it.
    left,
    // The others have removed it.
    removed,
    // Another run of the node has taken its address.
    replaced,
    // There is another, larger cluster of the same name.
    other_cluster
  };

  // `before` is empty for the first one, and `cut` where the view did not come of one.
  struct ViewChanged {
    ViewPtr before;
    ViewPtr view;
    CutPtr cut{};
  };
  struct Out {
    WhyOut why;
    // Of a member of the larger one.
    std::string other_cluster{};
  };
  // By the member at `address`, or the node there says so.
  struct Refused {
    std::string address;
    std::string why;
  };
  // At an address where this node looked for others of its cluster there is one that cannot be.
  struct Stranger {
    std::string address;
    std::string why;
  };
  struct StateChanged {
    StateEntry entry;
  };
  // Too few members are heard to install another view; or no longer so.
  struct Frozen {
    bool frozen;
  };
  // The node begins to join again under this id; Membership says so, and the events that follow are about it.
  struct Rejoining {
    MemberId id;
  };
  // It has been joining for long, and said once why that may be.
  struct Waiting {
    std::string what;
  };
  using Event =
      std::variant<ViewChanged, Out, Refused, Stranger, StateChanged, Frozen, Rejoining, Waiting>;

  struct Output {
    std::vector<Send> sends;
    std::vector<Event> events;
  };

  // `options` and `maker` must outlive it.
  Incarnation(const MembershipOptions& options, MemberPtr self, ViewMaker& maker,
              std::unique_ptr<ViewAgreement> agreement, std::uint64_t seed);

  // `told`: where an operator said that a cluster is.
  void join(std::vector<std::string> seeds, std::vector<std::string> told,
            std::vector<std::string> contacts, bool again, core::Instant now, Output& out);
  // The view holds this member; the others start in it too.
  void start_in(ViewPtr view, std::vector<std::string> seeds, core::Instant now, Output& out);

  void on_message(const Peer& from, const ControlMessagePtr& message, core::Instant now,
                  Output& out);
  // A connection to this address was refused.
  void on_refused(const std::string& address, core::Instant now, Output& out);
  // A connection to or from this address has ended.
  void on_link_lost(const std::string& address, core::Instant now);
  // Something came from a subject of this member on another connection than those of the cluster.
  void on_traffic(MemberIndex subject, core::Instant now) { edges_.on_traffic(subject, now); }
  void on_time(core::Instant now, Output& out);
  // When to call on_time(). Changes with each call.
  core::Instant next_time() const;

  // While joining the node asks there; a member greets those there, so that two clusters learn of each other.
  void set_seeds(std::vector<std::string> seeds);
  void set_told(std::vector<std::string> addresses, core::Instant now);

  // Says so to the others; Out{left} follows when they agreed.
  void leave(core::Instant now, Output& out);
  [[nodiscard]] core::Status put(std::string key, std::string value, core::Instant now,
                                 Output& out);
  // Goes on with only these members of the view `base`, this one among them, without asking anybody. For an operator who knows that the
  // others are gone: when they are not, there are two clusters.
  [[nodiscard]] core::Status force(ViewId base, const std::vector<MemberId>& keep,
                                   core::Instant now, Output& out);

  // Empty while joining.
  const ViewPtr& view() const { return view_; }
  // Whom this member observes.
  std::span<const MemberIndex> subjects() const {
    const bool is_in = view_ && phase_ != Phase::out;
    return is_in ? view_->rings().subjects(index_) : std::span<const MemberIndex>{};
  }
  const StateTable& state() const { return state_; }
  bool in_doubt(MemberIndex member) const { return detector_.in_doubt(member); }
  bool leaves(MemberIndex member) const { return detector_.leaves(member); }
  // See CutDetector.
  std::vector<MemberIndex> doubtful() const { return detector_.doubtful(); }
  std::uint64_t doubt_change_count() const { return detector_.change_count(); }
  // Besides the view.
  std::size_t bytes() const;

 private:
  // What a message is about: who sent it and what its header says.
  struct Context {
    const Peer& from;
    // In the view of this member.
    std::optional<MemberIndex> index;
    const ControlMessagePtr& message;
    core::Instant now;
    Output& out;
    // Of the same view.
    bool same_view = false;
  };

  void handle(const Context& c, const Probe& probe);
  void handle(const Context& c, const ProbeAck& ack);
  void handle(const Context& c, const IndirectProbe& probe);
  void handle(const Context& c, const IndirectAck& ack);
  void handle(const Context& c, const Gossip& gossip);
  void handle(const Context& c, const Promise& promise);
  void handle(const Context& c, const CatchUp&);
  void handle(const Context& c, const ViewDelta& delta);
  void handle(const Context& c, const Snapshot& snapshot);
  void handle(const Context& c, const NotMember& not_member);
  void give_way(const Context& c, std::uint64_t size, const MemberId& lowest);
  void handle(const Context& c, const Join& join);
  void handle(const Context& c, const JoinRefused& refused);
  void handle(const Context& c, const JoinCheck& check);
  void handle(const Context& c, const JoinConfirm& confirm);
  void handle(const Context& c, const JoinOffer& offer);
  void handle(const Context& c, const Found& found);
  void handle(const Context& c, const FoundAck& ack);
  void handle(const Context& c, const StateDigests& digests);
  void handle(const Context& c, const StateVersions& versions);
  void handle(const Context& c, const StateWanted& wanted);

  // Brings up to date whoever of the two lags behind.
  void compare_views(const Context& c);
  NotMember not_member(const MemberId& about) const;
  void compare_states(const Context& c);

  ControlMessagePtr message(ControlBody body) const;
  void send(const std::string& address, ControlBody body, Output& out) const;
  void send(MemberIndex to, ControlBody body, Output& out) const {
    send(view_->member(to).address, std::move(body), out);
  }
  void flush(core::Instant now, Output& out);
  void do_edges(core::Instant now, Output& out);
  void do_agreement(core::Instant now, Output& out);
  void spread(const Alert& alert, core::Instant now);
  // After alerts, joins or time have changed something.
  void consider(core::Instant now, Output& out);
  // A thaw ends in consider(), where what was voted for before is weighed again, and nowhere else.
  bool is_silent() const { return frozen_ || thawing_; }
  core::Instant next_agreement() const {
    return is_silent() ? core::Instant::max() : agreement_->next_time();
  }
  void offer(core::Instant now, Output& out);
  void repeat_alerts(core::Instant now);
  // Whoever is at a seed address and not in the view has another one, or none.
  core::Duration greeting_wait() const;
  void greet_a_seed(core::Instant now, Output& out);
  void install(ViewPtr next, const CutPtr& cut, core::Instant now, Output& out);
  void welcome(const View& base, const Cut& cut, Output& out);
  ControlMessagePtr snapshot() const;
  void go_out(WhyOut why, Output& out, const std::string& other_cluster = "");
  void set_frozen(bool frozen, Output& out);
  // What is new is told on, unless it came with a whole state, which the others have.
  void merge(const std::vector<StateEntry>& entries, bool tell_on, core::Instant now, Output& out);
  // At most one message of its kind to this member in a while.
  bool may_tell(const MemberId& id, core::Instant now);

  const MembershipOptions& options_;
  const MemberPtr self_;
  ViewMaker& maker_;
  Phase phase_ = Phase::joining;

  // When it says what it waits for.
  core::Instant waiting_told_at_ = core::Instant::max();
  ViewPtr view_;
  MemberIndex index_ = 0;
  ViewHistory history_;

  Random random_;
  EdgeMonitor edges_;
  IndirectRelay relay_;
  CutDetector detector_;
  const std::unique_ptr<ViewAgreement> agreement_;
  CutProposer proposer_;
  Admission admission_;
  Bootstrap bootstrap_;
  StateTable state_;
  GossipBundle bundle_;

  EdgeMonitor::Actions edge_actions_;
  ViewAgreement::Actions agreement_actions_;
  // What this member said last of each subject in this view.
  std::map<MemberIndex, std::uint32_t> alert_sequences_;
  // Gossip of the view after this one, which came first.
  std::vector<std::pair<Peer, ControlMessagePtr>> early_;
  // Who was told what they missed, and when this member asked for what it missed: not for each message again.
  std::map<MemberId, core::Instant> told_;
  core::Instant asked_{};
  // Whose answer counts though it is no member of this view.
  std::string asked_of_;
  core::Instant state_compared_{};
  core::Duration repeat_wait_{};
  core::Instant repeat_at_ = core::Instant::max();
  core::Instant consider_at_ = core::Instant::max();
  // Joiners that were confirmed since the last offer.
  std::vector<MemberPtr> unoffered_;
  core::Instant offer_at_ = core::Instant::max();
  core::Instant reoffer_at_ = core::Instant::max();
  core::Instant greet_at_ = core::Instant::max();
  bool frozen_ = false;
  // A member that is frozen, and until then one that was, says nothing about cuts.
  core::Instant silent_until_{};
  // It was frozen, and has not yet looked again at what it proposed or voted for before.
  bool thawing_ = false;
};

}  // namespace nexus::cluster
