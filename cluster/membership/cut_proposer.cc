#include "cluster/membership/cut_proposer.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "cluster/view/digest.h"

namespace nexus::cluster {

using core::Instant;

void CutProposer::begin(ViewPtr view, MemberIndex self) {
  view_ = std::move(view);
  self_ = self;
  std::vector<std::tuple<bool, std::uint64_t, MemberIndex>> keys;
  keys.reserve(view_->size());
  for (MemberIndex i = 0; i < view_->size(); ++i) {
    const bool is_new = view_->epoch() > 1 && view_->since(i) == view_->epoch();
    keys.emplace_back(is_new, Digest().add(view_->id()).add(view_->member(i).id).value(), i);
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(kRanked, keys.size()));
  std::partial_sort(keys.begin(), keys.begin() + count, keys.end());
  order_.clear();
  for (std::ptrdiff_t i = 0; i < count; ++i)
    order_.push_back(std::get<MemberIndex>(keys[static_cast<std::size_t>(i)]));
  seen_ = 0;
  since_ = changed_ = next_ = Instant::max();
  proposed_ = false;
}

std::uint32_t CutProposer::rank(const CutDetector& detector) const {
  std::uint32_t rank = 0;
  for (const MemberIndex member : order_) {
    if (member == self_) return rank;
    rank += detector.in_doubt(member) ? 0 : 1;
  }
  return rank;
}

std::vector<MemberIndex> CutProposer::first(const CutDetector& detector) const {
  std::vector<MemberIndex> first;
  for (const MemberIndex member : order_) {
    if (first.size() == kOffered) break;
    if (!detector.in_doubt(member)) first.push_back(member);
  }
  return first;
}

CutPtr CutProposer::consider(const CutDetector::Assessment& assessment, const Admission& admission,
                             const CutDetector& detector, Instant now) {
  next_ = assessment.again;
  if (proposed_) return nullptr;
  Cut cut{.base = view_->id()};
  if (assessment.ready) cut.removed = assessment.gone;
  // Who is in doubt holds up joins no longer than failures: `again` is over then.
  if (assessment.ready || assessment.again == Instant::max()) admission.add_to(cut, *view_);
  if (cut.empty()) {
    since_ = Instant::max();
    return nullptr;
  }
  const std::uint64_t digest = cut.digest();
  if (since_ == Instant::max()) since_ = now;
  if (digest != seen_) {
    seen_ = digest;
    changed_ = now;
  }
  const bool only_leaves =
      cut.joined.empty() &&
      std::all_of(cut.removed.begin(), cut.removed.end(),
                  [](const Cut::Removal& removal) { return removal.why == Departure::left; });
  const core::Duration quiet = only_leaves ? options_.quiet_for_leave : options_.quiet;
  const Instant at = std::min(changed_ + quiet, since_ + options_.gathering_max) +
                     rank(detector) * options_.rank_wait;
  if (now < at) {
    next_ = std::min(next_, at);
    return nullptr;
  }
  proposed_ = true;
  return std::make_shared<const Cut>(std::move(cut));
}

}  // namespace nexus::cluster
