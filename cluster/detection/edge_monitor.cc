#include "cluster/detection/edge_monitor.h"

#include <algorithm>

#include "core/base/check.h"

namespace nexus::cluster {
namespace {

using core::Duration;
using core::Instant;

constexpr Instant kNever{};
// How much of the largest lateness an answer on time takes away: after a thousand of them a third is left.
constexpr int kFadingShift = 10;
// With fewer subjects than this, more than half of them may well be gone.
constexpr std::size_t kSubjectsToSuspectItself = 3;
constexpr std::uint32_t kManySilent = 3;

}  // namespace

void EdgeMonitor::watch(ViewPtr view, MemberIndex self, Instant now) {
  std::vector<Edge> before = std::move(edges_);
  std::sort(before.begin(), before.end(), [](const Edge& a, const Edge& b) { return a.id < b.id; });
  view_ = std::move(view);
  self_ = self;
  edges_.clear();
  const auto subjects = view_->rings().subjects(self);
  edges_.reserve(subjects.size());
  for (const MemberIndex subject : subjects) {
    const MemberId id = view_->member(subject).id;
    const auto known = std::lower_bound(before.begin(), before.end(), id,
                                        [](const Edge& e, const MemberId& i) { return e.id < i; });
    Edge edge;
    if (known != before.end() && known->id == id) {
      edge = *known;
    } else {
      edge.id = id;
      edge.proof = now;
      edge.traffic = now;
      edge.next_probe =
          now + Duration(random_.below(static_cast<std::uint64_t>(interval().count())));
    }
    edge.subject = subject;
    edge.heard = true;
    edge.doubted = kNever;
    edges_.push_back(edge);
  }
  note_due(now);
}

Duration EdgeMonitor::interval() const {
  return view_->size() <= options_.small_view_max ? options_.interval_small
                                                  : options_.interval_large;
}

Duration EdgeMonitor::timeout(const Edge& edge) const {
  const Duration wait = options_.missed * interval() + edge.lateness;
  return std::clamp(wait, options_.timeout_min, options_.timeout_max) * health_.factor();
}

Instant EdgeMonitor::ask_at(const Edge& edge) const {
  return edge.proof + timeout(edge) - options_.indirect_wait;
}

Instant EdgeMonitor::end_at(const Edge& edge) const {
  const Duration wait = timeout(edge);
  Instant end = std::max(edge.proof + wait, std::min(edge.traffic + wait, edge.proof + 2 * wait));
  if (edge.doubted != kNever) end = std::min(end, edge.doubted + 2 * options_.indirect_wait);
  return end;
}

EdgeMonitor::Edge* EdgeMonitor::find(MemberIndex subject) {
  const auto found =
      std::lower_bound(edges_.begin(), edges_.end(), subject,
                       [](const Edge& edge, MemberIndex s) { return edge.subject < s; });
  return found != edges_.end() && found->subject == subject ? &*found : nullptr;
}

void EdgeMonitor::prove(Edge& edge, Instant proof, Actions& actions) {
  if (proof <= edge.proof) return;
  edge.proof = proof;
  edge.asked = kNever;
  edge.refused = kNever;
  const bool answers_doubt = edge.doubted != kNever && proof >= edge.doubted;
  if (answers_doubt) edge.doubted = kNever;
  if (edge.heard && !answers_doubt) return;
  edge.heard = true;
  actions.emplace_back(Verdict{.subject = edge.subject, .heard = true});
}

void EdgeMonitor::on_ack(MemberIndex subject, Instant sent, Instant now, Actions& actions) {
  forgive_own_pause(now);
  Edge* const edge = find(subject);
  if (edge == nullptr || sent > now) return;
  // One that waited for this member to go on was not late.
  if (sent >= paused_) {
    edge->lateness =
        std::max(now - sent, edge->lateness - Duration(edge->lateness.count() >> kFadingShift));
  }
  prove(*edge, sent, actions);
  if (now - last_better_ >= interval()) {
    last_better_ = now;
    health_.better();
  }
  note_due(now);
}

void EdgeMonitor::on_indirect(MemberIndex subject, Instant asked, bool heard, Instant now,
                              Actions& actions) {
  forgive_own_pause(now);
  Edge* const edge = find(subject);
  if (edge == nullptr || asked == kNever || edge->asked != asked) return;
  ++edge->answers;
  if (!heard) return;
  // It is there, and this member does not hear it.
  health_.worse();
  prove(*edge, asked, actions);
  note_due(now);
}

void EdgeMonitor::on_traffic(MemberIndex subject, Instant now) {
  forgive_own_pause(now);
  if (Edge* const edge = find(subject)) edge->traffic = now;
  note_due(now);
}

void EdgeMonitor::on_refused(MemberIndex subject, Instant now, Actions& actions) {
  forgive_own_pause(now);
  Edge* const edge = find(subject);
  if (edge == nullptr || !edge->heard) return;
  if (edge->refused == kNever) {
    edge->refused = now;
    edge->next_probe = std::min(edge->next_probe, now + options_.refusal_gap);
  } else if (now - edge->refused >= options_.refusal_gap) {
    end(*edge, actions);
  }
  note_due(now);
}

void EdgeMonitor::on_lost(MemberIndex subject, Instant now) {
  forgive_own_pause(now);
  if (Edge* const edge = find(subject)) {
    // A link that ends as soon as it is made is not made again and again at that speed.
    const Instant soon =
        now + (edge->lost == kNever || now - edge->lost >= interval() ? Duration{}
                                                                      : options_.refusal_gap);
    edge->lost = now;
    edge->next_probe = std::min(edge->next_probe, soon);
  }
  note_due(now);
}

void EdgeMonitor::doubt(MemberIndex subject, Instant now, Actions& actions) {
  forgive_own_pause(now);
  Edge* const edge = find(subject);
  if (edge == nullptr || !edge->heard || edge->doubted != kNever) return;
  edge->doubted = now;
  probe(*edge, now, actions);
  if (edge->asked == kNever) ask(*edge, now, actions);
  note_due(now);
}

void EdgeMonitor::probe(Edge& edge, Instant now, Actions& actions) {
  edge.next_probe = now + random_.around(interval(), options_.jitter_percent);
  actions.emplace_back(SendProbe{.subject = edge.subject});
}

// Those are asked that this member hears itself, and so has connections to.
void EdgeMonitor::ask(Edge& edge, Instant now, Actions& actions) {
  edge.asked = now;
  edge.helpers = 0;
  edge.answers = 0;
  std::vector<MemberIndex> able;
  for (const Edge& other : edges_) {
    if (other.subject != edge.subject && other.heard && now < ask_at(other))
      able.push_back(other.subject);
  }
  AskOthers action{.subject = edge.subject, .asked = now, .helpers = {}};
  while (!able.empty() && action.helpers.size() < options_.indirect_count) {
    const std::size_t at = random_.below(able.size());
    action.helpers.push_back(able[at]);
    able.erase(able.begin() + static_cast<std::ptrdiff_t>(at));
  }
  edge.helpers = static_cast<std::uint8_t>(action.helpers.size());
  if (!action.helpers.empty()) actions.emplace_back(std::move(action));
}

void EdgeMonitor::end(Edge& edge, Actions& actions) {
  edge.heard = false;
  edge.doubted = kNever;
  // Those who were asked should have said at least that they hear nothing either.
  if (edge.asked != kNever && edge.helpers > 0 && edge.answers == 0) health_.worse();
  actions.emplace_back(Verdict{.subject = edge.subject, .heard = false});
}

void EdgeMonitor::forgive_own_pause(Instant now) {
  if (due_ >= now || now - due_ <= options_.lateness_max) return;
  const Duration late = now - due_;
  paused_ = now;
  health_.worse();
  for (Edge& edge : edges_) {
    edge.proof = std::min(now, edge.proof + late);
    edge.traffic = std::min(now, edge.traffic + late);
    // What was asked before is answered too late, or not at all.
    edge.asked = kNever;
    if (edge.doubted != kNever) edge.doubted = std::min(now, edge.doubted + late);
  }
  note_due(now);
}

void EdgeMonitor::suspect_itself(Instant now) {
  if (edges_.size() < kSubjectsToSuspectItself || now - last_worse_ < options_.timeout_max) return;
  const auto silent = std::count_if(edges_.begin(), edges_.end(), [&](const Edge& edge) {
    return edge.heard && edge.doubted == kNever && now >= ask_at(edge);
  });
  if (2 * static_cast<std::size_t>(silent) <= edges_.size()) return;
  last_worse_ = now;
  health_.worse(kManySilent);
}

void EdgeMonitor::on_time(Instant now, Actions& actions) {
  if (edges_.empty()) return;
  forgive_own_pause(now);
  suspect_itself(now);
  for (Edge& edge : edges_) {
    if (edge.next_probe <= now) probe(edge, now, actions);
    if (!edge.heard) continue;
    if (edge.asked == kNever && now >= ask_at(edge)) ask(edge, now, actions);
    if (now >= end_at(edge)) end(edge, actions);
  }
  note_due(now);
}

Instant EdgeMonitor::next_time() const {
  Instant next = Instant::max();
  for (const Edge& edge : edges_) {
    next = std::min(next, edge.next_probe);
    if (!edge.heard) continue;
    next = std::min(next, end_at(edge));
    if (edge.asked == kNever) next = std::min(next, ask_at(edge));
  }
  return next;
}

}  // namespace nexus::cluster
