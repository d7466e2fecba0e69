// CutDetector: from the alerts of observers, who is gone. Pure: no clock. Owner only. Belongs to one view.
//
// C1  With k observers a member is failed when H = ceil(0.7 k) of them do not hear it, and in doubt when L = max(1, floor(0.3 k)) do.
// C2  An observer that is in doubt itself counts as one that does not hear the members in doubt which it observes: so whole racks
//     reach H.
// C3  A cut is ready when somebody is failed and nobody is in doubt, or those in doubt have been so for `doubt_max`, or all their
//     observers have spoken.
// C4  Only observers of a member are believed about it, and the newest word of each; a member is believed about itself.
// C5  Who has failed is no witness: its words do not count against others. Where members accuse each other, those that the most observers
//     do not hear fail first, and those of as many together. So a node that accused all others before it died does not keep them frozen.
//
// Source: Suresh et al., "Stable and Consistent Membership at Scale with Rapid", USENIX ATC 2018, section 4.2.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "cluster/detection/alert.h"
#include "cluster/view/view.h"
#include "core/base/clock.h"

namespace nexus::cluster {

struct Watermarks {
  std::size_t high;
  std::size_t low;
  // C1; observers >= 1.
  static constexpr Watermarks of(std::size_t observers) {
    return {.high = (observers * 7 + 9) / 10,
            .low = observers * 3 / 10 > 0 ? observers * 3 / 10 : 1};
  }
};

class CutDetector {
 public:
  struct Options {
    // A member that has been in doubt for so long is checked again by its other observers.
    core::Duration recheck_after = std::chrono::milliseconds(1000);
    // It holds up the others no longer than this.
    core::Duration doubt_max = std::chrono::seconds(3);
  };
  struct Assessment {
    // Failed and leaving, ascending.
    std::vector<Cut::Removal> gone;
    // C3.
    bool ready = false;
    // When to assess again though nothing was said; Instant::max() when there is no need.
    core::Instant again = core::Instant::max();
  };

  explicit CutDetector(Options options) : options_(options) {}

  void begin(ViewPtr view);

  // True when it says something new, and is to be flooded on.
  bool on_alert(const Alert& alert, core::Instant now);
  [[nodiscard]] Assessment assess(core::Instant now) const;
  // Those in doubt since `recheck_after`, each at most once per view and doubt.
  [[nodiscard]] std::vector<MemberIndex> take_rechecks(core::Instant now);
  // When take_rechecks() will have something.
  core::Instant next_recheck() const;

  // At least L observers do not hear it, or it leaves.
  bool in_doubt(MemberIndex member) const;
  bool leaves(MemberIndex member) const;
  // The newest word of each observer that has spoken, also that it hears the member again: whoever missed that would go by an old one.
  [[nodiscard]] std::vector<Alert> newest_alerts() const;
  bool empty() const { return subjects_.empty(); }
  // All that in_doubt() is true of, ascending.
  [[nodiscard]] std::vector<MemberIndex> doubtful() const;
  // Rises whenever doubtful(), or who of them leaves, may have changed.
  std::uint64_t change_count() const { return change_count_; }

 private:
  struct Word {
    MemberIndex observer;
    std::uint32_t sequence;
    bool down;
  };
  struct Subject {
    std::vector<Word> words;
    std::size_t down_count = 0;
    bool leaves = false;
    // When it came into doubt; max when it is not.
    core::Instant since = core::Instant::max();
    bool rechecked = false;
  };

  Watermarks marks(MemberIndex member) const {
    return Watermarks::of(view_->rings().observers(member).size());
  }
  // A member about whom something was said. What counts against it: the words of those that have not failed themselves.
  struct Trial {
    MemberIndex member;
    const Subject* subject;
    std::size_t down_count;
    bool failed = false;
  };
  // Ascending.
  std::vector<Trial> judge() const;
  // C2.
  bool is_failed(const Trial& trial, const std::vector<Trial>& trials) const;
  static const Trial* find(const std::vector<Trial>& trials, MemberIndex member);

  const Options options_;
  ViewPtr view_;
  std::map<MemberIndex, Subject> subjects_;
  std::uint64_t change_count_ = 0;
};

}  // namespace nexus::cluster
