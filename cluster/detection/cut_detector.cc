#include "cluster/detection/cut_detector.h"

#include <algorithm>

namespace nexus::cluster {

void CutDetector::begin(ViewPtr view) {
  view_ = std::move(view);
  subjects_.clear();
  ++change_count_;
}

bool CutDetector::on_alert(const Alert& alert, core::Instant now) {
  if (alert.subject >= view_->size() || alert.observer >= view_->size()) return false;
  if (alert.leaves()) {
    Subject& subject = subjects_[alert.subject];
    if (subject.leaves) return false;
    subject.leaves = true;
    ++change_count_;
    return true;
  }
  if (!view_->rings().observes(alert.observer, alert.subject)) return false;

  Subject& subject = subjects_[alert.subject];
  const auto known =
      std::find_if(subject.words.begin(), subject.words.end(),
                   [&](const Word& word) { return word.observer == alert.observer; });
  if (known == subject.words.end()) {
    subject.words.push_back(
        {.observer = alert.observer, .sequence = alert.sequence, .down = alert.down});
    subject.down_count += alert.down ? 1 : 0;
  } else {
    if (alert.sequence <= known->sequence) return false;
    subject.down_count += alert.down && !known->down ? 1 : 0;
    subject.down_count -= !alert.down && known->down ? 1 : 0;
    known->sequence = alert.sequence;
    known->down = alert.down;
  }
  ++change_count_;
  const bool doubt = subject.down_count >= marks(alert.subject).low;
  if (!doubt) {
    subject.since = core::Instant::max();
    subject.rechecked = false;
  } else if (subject.since == core::Instant::max()) {
    subject.since = now;
  }
  return true;
}

std::size_t CutDetector::implicit_count(MemberIndex member, const Subject& subject) const {
  std::size_t count = 0;
  for (const MemberIndex observer : view_->rings().observers(member)) {
    const auto doubtful = subjects_.find(observer);
    if (doubtful == subjects_.end() || doubtful->second.down_count < marks(observer).low) continue;
    const bool said_so =
        std::any_of(subject.words.begin(), subject.words.end(),
                    [&](const Word& word) { return word.observer == observer && word.down; });
    count += said_so ? 0 : 1;
  }
  return count;
}

bool CutDetector::is_failed(MemberIndex member, const Subject& subject) const {
  const Watermarks marks = this->marks(member);
  if (subject.down_count >= marks.high) return true;
  return subject.down_count >= marks.low &&
         subject.down_count + implicit_count(member, subject) >= marks.high;
}

CutDetector::Assessment CutDetector::assess(core::Instant now) const {
  Assessment result;
  bool held_up = false;
  for (const auto& [member, subject] : subjects_) {
    if (subject.leaves) {
      result.gone.push_back({.member = member, .why = Departure::left});
    } else if (is_failed(member, subject)) {
      result.gone.push_back({.member = member, .why = Departure::failed});
    } else if (subject.since != core::Instant::max() &&
               subject.words.size() < view_->rings().observers(member).size()) {
      const core::Instant end = subject.since + options_.doubt_max;
      if (now >= end) continue;
      held_up = true;
      result.again = std::min(result.again, end);
    }
  }
  result.ready = !result.gone.empty() && !held_up;
  return result;
}

std::vector<MemberIndex> CutDetector::take_rechecks(core::Instant now) {
  std::vector<MemberIndex> due;
  for (auto& [member, subject] : subjects_) {
    if (subject.rechecked || subject.since == core::Instant::max() ||
        now - subject.since < options_.recheck_after)
      continue;
    subject.rechecked = true;
    due.push_back(member);
  }
  return due;
}

core::Instant CutDetector::next_recheck() const {
  core::Instant next = core::Instant::max();
  for (const auto& [member, subject] : subjects_) {
    if (!subject.rechecked && subject.since != core::Instant::max())
      next = std::min(next, subject.since + options_.recheck_after);
  }
  return next;
}

bool CutDetector::in_doubt(MemberIndex member) const {
  const auto found = subjects_.find(member);
  return found != subjects_.end() &&
         (found->second.leaves || found->second.down_count >= marks(member).low);
}

std::vector<MemberIndex> CutDetector::doubtful() const {
  std::vector<MemberIndex> members;
  for (const auto& [member, subject] : subjects_) {
    if (in_doubt(member)) members.push_back(member);
  }
  return members;
}

bool CutDetector::leaves(MemberIndex member) const {
  const auto found = subjects_.find(member);
  return found != subjects_.end() && found->second.leaves;
}

std::vector<Alert> CutDetector::newest_alerts() const {
  std::vector<Alert> alerts;
  for (const auto& [member, subject] : subjects_) {
    if (subject.leaves)
      alerts.push_back({.subject = member, .observer = member, .sequence = 1, .down = true});
    for (const Word& word : subject.words) {
      alerts.push_back({.subject = member,
                        .observer = word.observer,
                        .sequence = word.sequence,
                        .down = word.down});
    }
  }
  return alerts;
}

}  // namespace nexus::cluster
