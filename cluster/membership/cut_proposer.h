// CutProposer: when a member should propose which cut. All members see the same alerts, so most of them could; those with a low rank go
// first, and the others only when nothing comes of it. Pure; owner only. Belongs to one view.
//
// Q1  Ranks follow from the view, so members agree on them without a word; members in doubt have none. Those who are new in the view come
//     last: they may not know it yet.
// Q2  A cut is proposed when nothing has changed it for `quiet`, or `gathering_max` after it was first there.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cluster/detection/cut_detector.h"
#include "cluster/membership/admission.h"
#include "cluster/options.h"
#include "cluster/view/view.h"

namespace nexus::cluster {

class CutProposer {
 public:
  // Ranks that are told apart; all other members come after these, together.
  static constexpr std::size_t kRanked = 8;
  // To these joiners are offered.
  static constexpr std::size_t kOffered = 3;

  explicit CutProposer(ProposerOptions options) : options_(options) {}

  void begin(ViewPtr view, MemberIndex self);

  // Looks at what there is to propose. The cut, once, when it is time.
  [[nodiscard]] CutPtr consider(const CutDetector::Assessment& assessment,
                                const Admission& admission, const CutDetector& detector,
                                core::Instant now);
  // When to consider() again though nothing was said.
  core::Instant next_time() const { return next_; }

  std::uint32_t rank(const CutDetector& detector) const;
  // Q1: those of the lowest ranks, at most kOffered.
  [[nodiscard]] std::vector<MemberIndex> first(const CutDetector& detector) const;

 private:
  const ProposerOptions options_;
  ViewPtr view_;
  MemberIndex self_ = 0;
  // The kRanked members that come first when nobody is in doubt.
  std::vector<MemberIndex> order_;
  std::uint64_t seen_ = 0;
  core::Instant since_ = core::Instant::max();
  core::Instant changed_ = core::Instant::max();
  core::Instant next_ = core::Instant::max();
  bool proposed_ = false;
};

}  // namespace nexus::cluster
