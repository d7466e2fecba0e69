#include "cluster/membership/incarnation.h"

#include <algorithm>
#include <utility>

#include "cluster/view/digest.h"
#include "core/base/check.h"

namespace nexus::cluster {

using core::Duration;
using core::Instant;

Incarnation::Incarnation(const MembershipOptions& options, MemberPtr self, ViewMaker& maker,
                         std::unique_ptr<ViewAgreement> agreement, std::uint64_t seed)
    : options_(options),
      self_(std::move(self)),
      maker_(maker),
      history_(options.history_max),
      random_(scramble(seed + 2)),
      edges_(options.edges, scramble(seed)),
      relay_(options.relay),
      detector_(options.cut),
      agreement_(std::move(agreement)),
      proposer_(options.proposer),
      admission_(options.admission, options.compatibility),
      bootstrap_(options.bootstrap, self_, options.compatibility, scramble(seed + 1)),
      state_(options.state),
      bundle_(options.gossip) {}

void Incarnation::join(std::vector<std::string> seeds, std::vector<std::string> told,
                       std::vector<std::string> contacts, bool again, Instant now, Output& out) {
  bootstrap_.start(std::move(seeds), std::move(contacts), again, now);
  bootstrap_.set_told(std::move(told), now);
  waiting_told_at_ = now + options_.waiting_told;
  if (auto members = bootstrap_.found_alone())
    install(View::found(std::move(*members), options_.rings), nullptr, now, out);
}

void Incarnation::start_in(ViewPtr view, std::vector<std::string> seeds, Instant now, Output& out) {
  bootstrap_.set_seeds(std::move(seeds));
  CHECK(phase_ == Phase::joining && view->index_of(self_->id));
  install(std::move(view), nullptr, now, out);
}

ControlMessagePtr Incarnation::message(ControlBody body) const {
  return std::make_shared<const ControlMessage>(ControlMessage{.epoch = view_ ? view_->epoch() : 0,
                                                               .view = view_ ? view_->id() : 0,
                                                               .state = state_.digest(),
                                                               .frozen = frozen_,
                                                               .body = std::move(body)});
}

void Incarnation::send(const std::string& address, ControlBody body, Output& out) const {
  out.sends.push_back({.address = address, .message = message(std::move(body))});
}

ControlMessagePtr Incarnation::snapshot() const {
  return message(Snapshot{
      .view = view_, .state = state_.first_part(), .removed = admission_.newest_removed()});
}

void Incarnation::flush(Instant now, Output& out) {
  if (bundle_.empty()) return;
  const ControlMessagePtr gossip = message(bundle_.take(now));
  for (const MemberIndex subject : view_->rings().subjects(index_)) {
    out.sends.push_back({.address = view_->member(subject).address, .message = gossip});
  }
}

void Incarnation::set_frozen(bool frozen, Output& out) {
  if (frozen == frozen_) return;
  frozen_ = frozen;
  out.events.push_back(Frozen{.frozen = frozen});
}

void Incarnation::go_out(WhyOut why, Output& out, const std::string& other_cluster) {
  if (phase_ == Phase::out) return;
  phase_ = Phase::out;
  out.events.push_back(Out{.why = why, .other_cluster = other_cluster});
}

bool Incarnation::may_tell(const MemberId& id, Instant now) {
  constexpr Duration kPause = std::chrono::milliseconds(200);
  constexpr std::size_t kRemembered = 1024;
  if (told_.size() >= kRemembered && !told_.contains(id))
    std::erase_if(told_, [&](const auto& t) { return now - t.second > kPause; });
  Instant& told = told_[id];
  if (told != Instant{} && now - told < kPause) return false;
  told = now;
  return true;
}

void Incarnation::install(ViewPtr next, const CutPtr& cut, Instant now, Output& out) {
  const ViewPtr before = std::exchange(view_, std::move(next));
  if (cut != nullptr) {
    history_.add(cut);
    for (const Cut::Removal& removal : cut->removed)
      admission_.remember_removed(before->member(removal.member).id);
  } else {
    history_.clear();
    if (before) {
      for (const MemberPtr& member : before->members()) {
        if (!view_->index_of(member->id)) admission_.remember_removed(member->id);
      }
    }
  }
  out.events.push_back(ViewChanged{.before = before, .view = view_, .cut = cut});

  const auto index = view_->index_of(self_->id);
  if (!index) {
    WhyOut why = phase_ == Phase::leaving ? WhyOut::left : WhyOut::removed;
    if (cut != nullptr) {
      const auto self_removed =
          std::find_if(cut->removed.begin(), cut->removed.end(),
                       [this](const Cut::Removal& removal) { return removal.member == index_; });
      if (self_removed != cut->removed.end() && self_removed->why == Departure::replaced)
        why = WhyOut::replaced;
    }
    // Those who joined in this cut may wait for this member's welcome.
    if (cut != nullptr && phase_ == Phase::leaving) welcome(*before, *cut, out);
    go_out(why, out);
    return;
  }
  index_ = *index;
  if (phase_ == Phase::joining) {
    phase_ = Phase::member;
    greet_at_ = now + random_.around(greeting_wait(), 20);
  }

  detector_.begin(view_);
  agreement_->begin(view_, index_);
  proposer_.begin(view_, index_);
  admission_.begin(*view_);
  edges_.watch(view_, index_, now);
  state_.keep_only(*view_);
  alert_sequences_.clear();
  told_.clear();
  agreement_actions_.clear();
  unoffered_.clear();
  offer_at_ = Instant::max();
  reoffer_at_ = Instant::max();
  repeat_at_ = Instant::max();
  consider_at_ = now;
  silent_until_ = Instant{};
  thawing_ = false;
  set_frozen(false, out);

  if (cut != nullptr) welcome(*before, *cut, out);
  unoffered_ = admission_.to_offer(*view_);
  offer(now, out);
  if (phase_ == Phase::leaving)
    spread({.subject = index_, .observer = index_, .sequence = 1, .down = true}, now);

  const std::vector<std::pair<Peer, ControlMessagePtr>> early = std::exchange(early_, {});
  for (const auto& [from, message] : early) on_message(from, message, now, out);
}

// Each joiner gets the view from one member that was in the last one too, and not all from the same.
void Incarnation::welcome(const View& base, const Cut& cut, Output& out) {
  if (cut.joined.empty()) return;
  std::vector<MemberIndex> hosts;
  for (MemberIndex i = 0; i < base.size(); ++i) {
    if (!cut.removes(i)) hosts.push_back(i);
  }
  if (hosts.empty()) return;
  ControlMessagePtr welcome;
  for (const MemberPtr& joiner : cut.joined) {
    if (base.member(hosts[scramble(joiner->id.low()) % hosts.size()]).id != self_->id) continue;
    if (!welcome) welcome = snapshot();
    out.sends.push_back({.address = joiner->address, .message = welcome});
  }
}

void Incarnation::offer(Instant now, Output& out) {
  offer_at_ = Instant::max();
  if (unoffered_.empty()) return;
  const std::vector<MemberPtr> offers = std::exchange(unoffered_, {});
  for (const MemberIndex proposer : proposer_.first(detector_)) {
    if (proposer == index_) {
      admission_.on_offer(offers, *view_);
      consider_at_ = now;
    } else {
      send(proposer, JoinOffer{.joiners = offers}, out);
    }
  }
  // The offer may have come to a member that did not have this view yet, or no longer.
  reoffer_at_ = now + options_.reoffer;
}

void Incarnation::spread(const Alert& alert, Instant now) {
  if (!detector_.on_alert(alert, now)) return;
  bundle_.add(alert, now);
  consider_at_ = now;
  if (repeat_at_ == Instant::max()) {
    repeat_wait_ = options_.repeat_alerts;
    repeat_at_ = now + repeat_wait_;
  }
}

// An alert may have been lost with a connection, or come to a member before its view.
void Incarnation::repeat_alerts(Instant now) {
  repeat_wait_ = std::min(2 * repeat_wait_, options_.repeat_alerts_max);
  repeat_at_ = now + repeat_wait_;
  for (const Alert& alert : detector_.newest_alerts()) bundle_.add(alert, now);
}

// Seeds that have started again must hear of the others before they found a cluster anew; but not of all at once.
Duration Incarnation::greeting_wait() const {
  return std::min(options_.greet_seeds,
                  options_.greet_seeds_together * static_cast<std::int64_t>(view_->size()));
}

void Incarnation::greet_a_seed(Instant now, Output& out) {
  greet_at_ = now + random_.around(greeting_wait(), 20);
  std::vector<const std::string*> strange;
  for (const std::vector<std::string>* list : {&bootstrap_.seeds(), &bootstrap_.told()}) {
    for (const std::string& address : *list) {
      if (address != self_->address && !view_->index_at(address)) strange.push_back(&address);
    }
  }
  if (!strange.empty()) send(*strange[random_.below(strange.size())], Probe{.sent = now}, out);
}

void Incarnation::do_edges(Instant now, Output& out) {
  for (const EdgeMonitor::Action& action : std::exchange(edge_actions_, {})) {
    if (const auto* probe = std::get_if<EdgeMonitor::SendProbe>(&action)) {
      send(probe->subject, Probe{.sent = now}, out);
    } else if (const auto* ask = std::get_if<EdgeMonitor::AskOthers>(&action)) {
      for (const MemberIndex helper : ask->helpers) {
        send(helper, IndirectProbe{.subject = view_->member(ask->subject).id, .sent = ask->asked},
             out);
      }
    } else {
      const auto& verdict = std::get<EdgeMonitor::Verdict>(action);
      spread({.subject = verdict.subject,
              .observer = index_,
              .sequence = ++alert_sequences_[verdict.subject],
              .down = !verdict.heard},
             now);
    }
  }
}

void Incarnation::do_agreement(Instant now, Output& out) {
  CutPtr decided;
  for (const ViewAgreement::Action& action : std::exchange(agreement_actions_, {})) {
    if (const auto* spread = std::get_if<ViewAgreement::Spread>(&action)) {
      std::visit([&](const auto& what) { bundle_.add(what, now); }, *spread);
    } else if (const auto* tell = std::get_if<ViewAgreement::Tell>(&action)) {
      send(tell->to, tell->promise, out);
    } else {
      decided = std::get<ViewAgreement::Decided>(action).cut;
    }
  }
  if (!decided) return;
  // What decided it must reach the others of this view, while this member still counts itself to it.
  flush(now, out);
  install(maker_.after(*view_, *decided), decided, now, out);
}

void Incarnation::consider(Instant now, Output& out) {
  consider_at_ = Instant::max();
  for (const MemberIndex member : detector_.take_rechecks(now))
    edges_.doubt(member, now, edge_actions_);
  do_edges(now, out);

  const CutDetector::Assessment assessment = detector_.assess(now);
  MemberSet alive = MemberSet::all(view_->size());
  for (const Cut::Removal& removal : assessment.gone) {
    if (removal.why != Departure::left) alive.remove(removal.member);
  }
  const bool was_frozen = frozen_;
  set_frozen(!assessment.gone.empty() && !options_.agreement.policy.is_quorum(*view_, alive, alive),
             out);
  if (was_frozen && !frozen_) {
    silent_until_ = now + options_.thaw;
    thawing_ = true;
  }
  consider_at_ = std::min(assessment.again, detector_.next_recheck());
  if (frozen_) return;
  if (now < silent_until_) {
    consider_at_ = std::min(consider_at_, silent_until_);
    return;
  }
  if (std::exchange(thawing_, false)) {
    proposer_.begin(view_, index_);
    MemberSet gone(view_->size());
    for (const Cut::Removal& removal : assessment.gone) gone.add(removal.member);
    agreement_->withdraw(gone);
  }
  const CutPtr cut = proposer_.consider(assessment, admission_, detector_, now);
  consider_at_ = std::min(consider_at_, proposer_.next_time());
  if (!cut) return;
  agreement_->propose(cut, proposer_.rank(detector_), now, agreement_actions_);
  do_agreement(now, out);
}

void Incarnation::on_refused(const std::string& address, Instant now, Output& out) {
  if (!view_ || phase_ == Phase::out) return;
  for (const MemberIndex subject : view_->rings().subjects(index_)) {
    if (view_->member(subject).address == address) edges_.on_refused(subject, now, edge_actions_);
  }
  do_edges(now, out);
}

void Incarnation::on_link_lost(const std::string& address, Instant now) {
  if (!view_ || phase_ == Phase::out) return;
  // The next probe dials anew, and learns at once when nobody listens there.
  for (const MemberIndex subject : view_->rings().subjects(index_)) {
    if (view_->member(subject).address == address) edges_.on_lost(subject, now);
  }
}

void Incarnation::on_time(Instant now, Output& out) {
  if (phase_ == Phase::out) return;
  if (!view_) {
    if (now >= bootstrap_.next_time()) bootstrap_.on_time(now, out.sends);
    if (now >= waiting_told_at_) {
      waiting_told_at_ = Instant::max();
      out.events.push_back(Waiting{.what = bootstrap_.waits_for(now)});
    }
    return;
  }
  if (now >= edges_.next_time()) {
    edges_.on_time(now, edge_actions_);
    do_edges(now, out);
  }
  if (now >= relay_.next_time()) {
    for (const IndirectRelay::Answer& answer : relay_.on_time(now)) {
      send(answer.asker_address,
           IndirectAck{.subject = answer.subject, .sent = answer.sent, .heard = answer.heard}, out);
    }
  }
  if (now >= next_agreement()) {
    agreement_->on_time(now, agreement_actions_);
    do_agreement(now, out);
    if (phase_ == Phase::out) return;
  }
  if (now >= admission_.next_time()) {
    for (const MemberPtr& joiner : admission_.take_checks(now))
      send(joiner->address, JoinCheck{.joiner = joiner->id, .sent = now}, out);
  }
  if (now >= reoffer_at_) {
    reoffer_at_ = Instant::max();
    unoffered_ = admission_.to_offer(*view_);
    offer_at_ = now;
  }
  if (now >= offer_at_) offer(now, out);
  if (now >= repeat_at_) repeat_alerts(now);
  if (now >= greet_at_) greet_a_seed(now, out);
  if (now >= consider_at_) {
    consider(now, out);
    if (phase_ == Phase::out) return;
  }
  if (now >= bundle_.due()) flush(now, out);
}

Instant Incarnation::next_time() const {
  if (phase_ == Phase::out) return Instant::max();
  if (!view_) return std::min(bootstrap_.next_time(), waiting_told_at_);
  return std::min({edges_.next_time(), relay_.next_time(), admission_.next_time(), next_agreement(),
                   offer_at_, reoffer_at_, repeat_at_, greet_at_, consider_at_, bundle_.due()});
}

void Incarnation::set_seeds(std::vector<std::string> seeds) {
  bootstrap_.set_seeds(std::move(seeds));
}

void Incarnation::set_told(std::vector<std::string> addresses, Instant now) {
  bootstrap_.set_told(std::move(addresses), now);
  if (view_) greet_at_ = now;
}

void Incarnation::leave(Instant now, Output& out) {
  if (phase_ == Phase::out || phase_ == Phase::leaving) return;
  if (!view_) return go_out(WhyOut::left, out);
  phase_ = Phase::leaving;
  spread({.subject = index_, .observer = index_, .sequence = 1, .down = true}, now);
  flush(now, out);
}

core::Status Incarnation::put(std::string key, std::string value, Instant now, Output& out) {
  if (!view_ || phase_ == Phase::out) {
    return core::Error{.code = core::Errc::failed_precondition,
                       .detail = "this node is in no cluster yet"};
  }
  core::Result<StateEntry> entry = state_.put(self_->id, std::move(key), std::move(value));
  if (!entry) return entry.error();
  bundle_.add(*entry, now);
  out.events.push_back(StateChanged{.entry = std::move(*entry)});
  return core::Nothing{};
}

core::Status Incarnation::force(ViewId base, const std::vector<MemberId>& keep, Instant now,
                                Output& out) {
  if (!view_ || phase_ == Phase::out) {
    return core::Error{.code = core::Errc::failed_precondition,
                       .detail = "this node is in no cluster"};
  }
  if (base != view_->id()) {
    return core::Error{.code = core::Errc::aborted,
                       .detail = "the view has changed meanwhile; look at the members again",
                       .reason = "VIEW_CHANGED"};
  }
  Cut cut{.base = view_->id()};
  for (MemberIndex i = 0; i < view_->size(); ++i) {
    if (std::find(keep.begin(), keep.end(), view_->member(i).id) == keep.end())
      cut.removed.push_back({.member = i, .why = Departure::forced});
  }
  if (view_->size() - cut.removed.size() != keep.size()) {
    return core::Error{
        .code = core::Errc::invalid_argument,
        .detail = "not all of these are members of the view; list the members again"};
  }
  if (cut.removes(index_)) {
    return core::Error{.code = core::Errc::invalid_argument,
                       .detail = "the node that is asked must be among those that stay"};
  }
  const auto forced = std::make_shared<const Cut>(std::move(cut));
  // The others learn it as one that they have missed.
  const ControlMessagePtr delta = message(ViewDelta{.cuts = {forced}});
  for (MemberIndex i = 0; i < view_->size(); ++i) {
    if (i != index_ && !forced->removes(i))
      out.sends.push_back({.address = view_->member(i).address, .message = delta});
  }
  // What waits speaks of this view; under the next one's id it would mean others.
  flush(now, out);
  install(maker_.after(*view_, *forced), forced, now, out);
  return core::Nothing{};
}

void Incarnation::merge(const std::vector<StateEntry>& entries, bool tell_on, Instant now,
                        Output& out) {
  for (const StateEntry& entry : entries) {
    // Nobody else writes this member's keys.
    if (entry.owner == self_->id) continue;
    if (!view_->index_of(entry.owner) || !state_.merge(entry)) continue;
    if (tell_on) bundle_.add(entry, now);
    out.events.push_back(StateChanged{.entry = entry});
  }
}

std::size_t Incarnation::bytes() const {
  return sizeof(*this) + sizeof(FastPaxos) + edges_.bytes() + state_.bytes() +
         early_.capacity() * sizeof(early_[0]);
}

}  // namespace nexus::cluster
