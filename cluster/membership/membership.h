// Membership: a node's part in its cluster, whatever happens to it: when the others have removed it, it joins again under a new id by
// itself. What drivers and simulations talk to. Pure: no sockets, no clock; chance from its seed, ids from `new_id`. Owner only.
//
//   start() or start_in()   once, first
//   everything else         afterwards, in any order, with times that do not go back
//
// M1  A removed id never comes back: each incarnation asks `new_id` for its own.
// M2  A node that was removed waits before it joins again, twice as long each time; one that heard nobody, alone, first listens until it
//     has heard the others for a while, the longer the larger the cluster (RejoinOptions). So a node whose link comes and goes does not
//     come and go with it.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/membership/incarnation.h"

namespace nexus::cluster {

class Membership {
 public:
  using Output = Incarnation::Output;

  // `options` and `maker` must outlive it. The id of `self` counts for the first incarnation.
  Membership(const MembershipOptions& options, Member self, ViewMaker& maker,
             std::function<MemberId()> new_id, std::uint64_t seed);

  void start(std::vector<std::string> seeds, core::Instant now, Output& out);
  void start_in(ViewPtr view, std::vector<std::string> seeds, core::Instant now, Output& out);
  void on_message(const Peer& from, const ControlMessagePtr& message, core::Instant now,
                  Output& out);
  void on_refused(const std::string& address, core::Instant now, Output& out);
  void on_link_lost(const std::string& address, core::Instant now);
  // See Incarnation; subjects are those of incarnation().
  void on_traffic(MemberIndex subject, core::Instant now);
  void on_time(core::Instant now, Output& out);
  core::Instant next_time() const;

  // Who the seeds are may change; what counts for the founding of a cluster are those that are known then.
  void set_seeds(std::vector<std::string> seeds);
  // An operator says where a cluster is. Of two clusters of one name the smaller one joins the larger.
  void join(const std::vector<std::string>& addresses, core::Instant now);

  // Incarnation::Out{left} follows; afterwards it does nothing any more.
  void leave(core::Instant now, Output& out);
  [[nodiscard]] core::Status put(std::string key, std::string value, core::Instant now,
                                 Output& out);
  [[nodiscard]] core::Status force(ViewId base, const std::vector<MemberId>& keep,
                                   core::Instant now, Output& out);

  // Of the incarnation that is, or was last.
  const Incarnation& incarnation() const { return *incarnation_; }
  // Of all incarnations; see StateTable.
  std::uint64_t dropped_state_count() const {
    return dropped_state_count_ + incarnation_->state().dropped_count();
  }
  bool is_out() const { return rejoin_.has_value() || ended_; }

 private:
  // Between two incarnations.
  struct Rejoin {
    std::vector<std::string> contacts;
    // Without word from others for too long, the wait begins anew.
    core::Duration settle;
    core::Instant begin;
    core::Instant heard;
    core::Instant ask_at;
    core::Duration wait;
    // It was removed: the others look at its link first.
    bool again;
  };

  std::unique_ptr<Incarnation> make_incarnation();
  // Sees to what comes after the events since `first`.
  void look_at(std::size_t first, core::Instant now, Output& out);
  // `other_cluster`: an address in it; empty when it gives way to none.
  void prepare_rejoin(const std::string& other_cluster, core::Instant now);
  void do_rejoin(core::Instant now, Output& out);
  // At the beginning and at the end of each event.
  void note_pause(core::Instant now);
  void note_due(core::Instant now) { due_ = std::max(next_time(), now); }

  const MembershipOptions& options_;
  Member self_;
  ViewMaker& maker_;
  const std::function<MemberId()> new_id_;
  Random random_;
  std::vector<std::string> seeds_;
  // By an operator, the last of them.
  std::vector<std::string> told_;
  // What this node says of itself, under whatever id.
  std::map<std::string, std::string> own_state_;

  std::uint64_t dropped_state_count_ = 0;
  std::unique_ptr<Incarnation> incarnation_;
  std::optional<Rejoin> rejoin_;
  std::uint32_t removed_count_ = 0;
  core::Instant member_since_{};
  // When another node was last heard, and when one was again after none had been for longer than a subject's timeout.
  core::Instant heard_{};
  // When on_time() was due after the last event.
  core::Instant due_ = core::Instant::max();
  core::Instant deaf_until_{};
  // This incarnation was together with others: before that there is nobody to hear.
  bool had_others_ = false;
  bool ended_ = false;
};

}  // namespace nexus::cluster
