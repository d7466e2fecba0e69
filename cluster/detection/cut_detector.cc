#include "cluster/detection/cut_detector.h"

#include <algorithm>

#include "cluster/view/member_set.h"

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

const CutDetector::Trial* CutDetector::find(const std::vector<Trial>& trials, MemberIndex member) {
  const auto found = std::ranges::lower_bound(trials, member, {}, &Trial::member);
  return found != trials.end() && found->member == member ? &*found : nullptr;
}

bool CutDetector::is_failed(const Trial& trial, const std::vector<Trial>& trials) const {
  const Watermarks marks = this->marks(trial.member);
  if (trial.down_count >= marks.high) return true;
  if (trial.down_count < marks.low) return false;
  std::size_t count = trial.down_count;
  for (const MemberIndex observer : view_->rings().observers(trial.member)) {
    const Trial* const doubtful = find(trials, observer);
    if (doubtful == nullptr) continue;
    if (!doubtful->failed && doubtful->down_count < this->marks(observer).low) continue;
    const bool has_counted =
        !doubtful->failed && std::ranges::any_of(trial.subject->words, [&](const Word& word) {
          return word.observer == observer && word.down;
        });
    count += has_counted ? 0 : 1;
  }
  return count >= marks.high;
}

std::vector<CutDetector::Trial> CutDetector::judge() const {
  std::vector<Trial> trials;
  trials.reserve(subjects_.size());
  for (const auto& [member, subject] : subjects_)
    trials.push_back({.member = member, .subject = &subject, .down_count = subject.down_count});
  std::vector<Trial*> failed;
  do {
    failed.clear();
    std::size_t most = 0;
    for (Trial& trial : trials) {
      if (trial.failed || trial.subject->down_count < most || !is_failed(trial, trials)) continue;
      if (trial.subject->down_count > most) failed.clear();
      most = trial.subject->down_count;
      failed.push_back(&trial);
    }
    MemberSet discredited(view_->size());
    for (Trial* const trial : failed) {
      trial->failed = true;
      discredited.add(trial->member);
    }
    for (Trial& other : trials) {
      if (other.failed || failed.empty()) continue;
      other.down_count -= static_cast<std::size_t>(std::ranges::count_if(
          other.subject->words,
          [&](const Word& word) { return word.down && discredited.contains(word.observer); }));
    }
  } while (!failed.empty());
  return trials;
}

CutDetector::Assessment CutDetector::assess(core::Instant now) const {
  Assessment result;
  bool held_up = false;
  for (const Trial& trial : judge()) {
    const Subject& subject = *trial.subject;
    if (subject.leaves) {
      result.gone.push_back({.member = trial.member, .why = Departure::left});
    } else if (trial.failed) {
      result.gone.push_back({.member = trial.member, .why = Departure::failed});
    } else if (subject.since != core::Instant::max() &&
               trial.down_count >= marks(trial.member).low &&
               subject.words.size() < view_->rings().observers(trial.member).size()) {
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
