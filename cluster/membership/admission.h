// Admission: lets nodes in. The member that a joiner asks checks that the address it gives leads to it, and offers it to those members
// that may propose; these put it into a cut. Pure; owner only.
//
// N1  A joiner of another cluster, of other settings or of no common protocol is refused, with words for its operator.
// N2  An id that this member has seen removed is refused.
// N3  A joiner is offered only after it has answered at the address that it gave.
//     One that was removed before is checked `checks_again` times in a row; an answer that is late begins the row anew.
// N4  A view takes in at most joins_base + joins_per_member * its size at once; the rest is offered again in the next view.
// N5  A joiner at the address of a member takes its place: the old id goes in the same cut.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "cluster/messages.h"

namespace nexus::cluster {

class Admission {
 public:
  struct Options {
    std::size_t joins_base = 32;
    std::size_t joins_per_member = 4;
    // Of all views; only a static quorum sets it.
    std::size_t view_size_max = SIZE_MAX;
    // Joiners that are checked or offered at a time; what is beyond is not answered and asks again.
    std::size_t pending_count_max = 4096;
    // A joiner that does not come back for so long is forgotten.
    core::Duration patience = std::chrono::seconds(10);
    // Of a node that was removed before.
    std::uint32_t checks_again = 10;
    core::Duration check_every = std::chrono::milliseconds(200);
    // An answer that takes longer is late.
    core::Duration check_late = std::chrono::milliseconds(500);
    // Removed ids that are remembered, the newest ones.
    std::size_t removed_count_max = 4096;
    std::size_t removed_told_max = 256;
  };
  struct Refuse {
    std::string why;
    // N2.
    bool removed = false;
  };
  struct Check {};
  // It is a member already: it has missed the snapshot.
  struct Welcome {};
  struct Ignore {};
  using Answer = std::variant<Refuse, Check, Welcome, Ignore>;

  Admission(Options options, Compatibility compatibility)
      : options_(options), compatibility_(std::move(compatibility)) {}

  void begin(const View& view);
  void remember_removed(const MemberId& id);
  // What others are told of them: the newest removed_told_max, oldest first.
  [[nodiscard]] std::vector<MemberId> newest_removed() const;

  [[nodiscard]] Answer on_join(const Join& join, const View& view, core::Instant now);
  // The one that is to be offered now; empty when it is not waited for.
  [[nodiscard]] MemberPtr on_confirm(const Peer& from, const JoinConfirm& confirm, const View& view,
                                     core::Instant now);
  // Those that are to be checked now.
  [[nodiscard]] std::vector<MemberPtr> take_checks(core::Instant now);
  core::Instant next_time() const;
  // Those that this member has checked and that are not members yet; at most so many as a view takes in.
  [[nodiscard]] std::vector<MemberPtr> to_offer(const View& view) const;

  // This member may propose these.
  void on_offer(const std::vector<MemberPtr>& joiners, const View& view);
  // The part of the cut that lets them in: at most what N4 allows, and their predecessors.
  void add_to(Cut& cut, const View& view) const;

 private:
  struct Pending {
    MemberPtr member;
    core::Instant seen;
    // Of the row; and in it, that are still to come. None: it is confirmed.
    std::uint32_t checks = 1;
    std::uint32_t checks_left = 1;
    // When the last one was sent, whether its answer is waited for, and when that is late or else the next one due.
    core::Instant checked{};
    bool waits = true;
    core::Instant check_at{};

    bool confirmed() const { return checks_left == 0; }
  };

  // How many a cut of this view may let in.
  std::size_t limit(const View& view) const;

  const Options options_;
  const Compatibility compatibility_;
  std::map<MemberId, Pending> pending_;
  std::map<MemberId, MemberPtr> offers_;
  std::set<MemberId> removed_;
  std::deque<MemberId> removed_in_order_;
};

}  // namespace nexus::cluster
