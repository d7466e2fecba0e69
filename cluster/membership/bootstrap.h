// Bootstrap: the way of a node into a cluster: asks its contacts to let it in, and when those at the seed addresses are in no cluster
// themselves, founds one with them. Pure: no sockets, no clock, chance only from its seed. Owner only.
//
// B1  A cluster is founded by at least `expect` nodes, among them those at more than half of the seed addresses, each of which has
//     agreed to this founding and to no other. So nodes that share a list of seeds do not found two.
// B2  A node without seeds, or whose only seed is itself, founds its cluster alone, unless more are expected.
// B3  Contacts are asked every `retry`, a few at a time, until one has it in hand, and then every `patience`.
// B5  Who was removed from a cluster, or has just heard a member of one that goes on, founds none, agrees to none, and is none to found
//     one with: the cluster is there, and only cannot be reached.
// B4  Who is told by an operator where a cluster is founds none alone.
// B6  The one with the lowest id at a seed address founds. Who has not answered its founding in time, being reached by nobody, is left out
//     of the next ones for a while, if enough others are there; and so is the lowest itself, when it founds nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/messages.h"
#include "cluster/random.h"

namespace nexus::cluster {

class Bootstrap {
 public:
  struct Options {
    // Nodes that a founding needs; 0: those at more than half of the seed addresses.
    std::size_t expect = 0;
    core::Duration retry = std::chrono::milliseconds(500);
    core::Duration patience = std::chrono::seconds(2);
    std::size_t asked_at_once = 5;
    // A node that has asked to be let in counts for a founding for so long, and for as long as it may take to ask all others meanwhile.
    core::Duration candidate_age_max = std::chrono::milliseconds(1500);
    // A founder that has not heard from all after so long starts again; what it was promised lasts twice as long.
    core::Duration founding_time = std::chrono::seconds(1);
    // B6: for so long.
    core::Duration left_out = std::chrono::seconds(10);
    // So long a founder waits for more nodes after enough are there.
    core::Duration gathering = std::chrono::milliseconds(200);
    std::size_t candidate_count_max = 1024;
    // A founded view has no more; nodes that are no seeds are left out first.
    std::size_t members_max = SIZE_MAX;
  };

  Bootstrap(Options options, MemberPtr self, Compatibility compatibility, std::uint64_t seed)
      : options_(options),
        self_(std::move(self)),
        compatibility_(std::move(compatibility)),
        random_(seed) {}

  // `seeds` decide about foundings (B1); `contacts` are other addresses to ask. Both may hold this node's own address.
  void start(std::vector<std::string> seeds, std::vector<std::string> contacts, bool again,
             core::Instant now);
  void set_seeds(std::vector<std::string> seeds);
  // Where an operator said that a cluster is: asked at once, and of no weight in foundings.
  void set_told(std::vector<std::string> addresses, core::Instant now);

  void on_time(core::Instant now, std::vector<Send>& sends);
  core::Instant next_time() const { return next_; }

  // Another node that is in no cluster yet asks to be let in.
  void on_join(const Join& join, core::Instant now);
  // Asks this member too.
  void ask_also(const std::string& address, std::vector<Send>& sends) const;
  const std::vector<std::string>& seeds() const { return seeds_; }
  const std::vector<std::string>& told() const { return told_; }
  // A member has it in hand.
  void on_check(core::Instant now);
  // There is a member of a cluster that goes on.
  void on_member(core::Instant now) { member_heard_ = now; }
  void on_refused(core::Instant now);
  void on_found(const Found& found, const Peer& from, core::Instant now, std::vector<Send>& sends);
  // The founding is done: the first view.
  [[nodiscard]] std::optional<std::vector<MemberPtr>> on_found_ack(const Peer& from,
                                                                   const FoundAck& ack,
                                                                   core::Instant now);
  // Why this node is in no cluster yet, and what there is to do; for an operator.
  [[nodiscard]] std::string waits_for(core::Instant now) const;
  // B2: at once, without asking anybody.
  [[nodiscard]] std::optional<std::vector<MemberPtr>> found_alone();

 private:
  struct Candidate {
    MemberPtr member;
    core::Instant seen{};
    // B6.
    core::Instant left_out_until{};
  };
  // Who could found a cluster now; this node is the first of the members.
  struct Group {
    std::vector<MemberPtr> members;
    // At a seed address.
    MemberId lowest;
    std::size_t seed_count = 1;
    bool is_enough = false;
  };
  struct Founding {
    std::uint64_t lineage;
    std::vector<MemberPtr> members;
    std::set<MemberId> missing;
    core::Instant end;
  };

  bool is_seed(const std::string& address) const;
  // B5.
  bool may_found(core::Instant now) const;
  // Whom to ask.
  std::vector<const std::string*> others() const;
  core::Duration candidate_age_max() const;
  std::size_t seeds_needed() const { return seeds_.size() / 2 + 1; }
  // Of those that are not left out, or of all.
  Group group(bool of_all, core::Instant now) const;
  // B6: `lowest` is to found.
  void wait_for(const MemberId& lowest, core::Instant now);
  void ask(core::Instant now, std::vector<Send>& sends);
  void try_to_found(core::Instant now, std::vector<Send>& sends);
  ControlMessagePtr message(ControlBody body) const;

  Join join() const { return {.member = self_, .compatibility = compatibility_, .again = again_}; }

  const Options options_;
  const MemberPtr self_;
  const Compatibility compatibility_;
  Random random_;
  // Without repetition.
  std::vector<std::string> seeds_;
  std::vector<std::string> told_;
  std::vector<std::string> contacts_;
  std::size_t next_contact_ = 0;
  bool again_ = false;
  core::Instant next_ = core::Instant::max();
  core::Instant ask_at_{};

  std::map<MemberId, Candidate> candidates_;
  core::Instant enough_since_ = core::Instant::max();
  std::optional<Founding> founding_;
  // Who is to found, as long as this node is not.
  MemberId awaited_;
  core::Instant awaited_since_{};
  // To whom this node has promised to be founded with it, and until when. A founder has one founding at a time.
  MemberId promised_to_;
  core::Instant promised_until_{};
  core::Instant in_hand_until_{};
  std::optional<core::Instant> member_heard_;
  std::optional<core::Instant> refused_at_;
  // Another node that B5 keeps from founding a cluster, and when it asked last.
  std::string removed_;
  core::Instant removed_heard_{};
};

}  // namespace nexus::cluster
