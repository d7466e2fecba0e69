// FamilyGossip: the node's part in the gossip of a Proto.Actor cluster: what it says to which member when. Pure; one owner.
//
// FG1  With each beat the node's heartbeat goes to fan_out members, by turns: each is spoken to every ceil(members / fan_out) beats.
// FG2  A member that has not answered, or failed to, is not spoken to meanwhile: nothing piles up for one that is slow.
// FG3  A member that has never spoken is spoken to after first_word_after only: a Go node of 2024 ends the link over the first word of one
//      that does not know how it writes targets.
// FG4  leave() tells all members at once that the node leaves. From then on it has no heartbeat any more, and those that have not taken
//      it are told again with each beat.
// FG5  What was told of a member that is none is kept for keep_gone, to be passed on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/compat/gossip_table.h"
#include "cluster/compat/polled_members.h"
#include "core/base/clock.h"

namespace nexus::cluster {

class FamilyGossip {
 public:
  struct Options {
    std::string self_id;
    std::size_t fan_out = 3;
    core::Duration first_word_after = std::chrono::seconds(3);
    core::Duration keep_gone = std::chrono::seconds(60);
    GossipTable::Options table{};
  };
  // To be sent; then on_outcome() is called once.
  struct Send {
    std::string member;
    std::string address;
    GossipState state;
    std::uint64_t mark;
    bool says_left;
  };

  explicit FamilyGossip(Options options);

  void on_members(const std::vector<FamilyMember>& members, core::Instant now);
  std::vector<Send> on_beat(core::Instant now);
  // A request from `address`, or what an answer brought.
  std::vector<GossipTable::Change> on_state(std::string_view address, const GossipState& state,
                                            core::Instant now);
  void on_outcome(const Send& send, bool answered);

  std::vector<Send> leave();
  // After leave(): each member has taken it.
  bool all_told() const;
  // No answer is open.
  bool all_answered() const;

  const GossipTable& table() const { return table_; }

 private:
  struct Target {
    FamilyMember member;
    core::Instant listed_at{};
    bool has_spoken = false;
    std::uint32_t open_count = 0;
    // Of the last delta that it took.
    std::uint64_t mark = 0;
    bool told_left = false;
  };

  bool may_be_spoken_to(const Target& target, core::Instant now) const;
  Send send_to(Target& target);

  const Options options_;
  GossipTable table_;
  std::map<std::string, Target> targets_;
  // The member that was spoken to last.
  std::string turn_;
  bool leaves_ = false;
};

}  // namespace nexus::cluster
