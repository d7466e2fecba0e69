// What an incarnation does with each kind of message.
#include <algorithm>
#include <utility>

#include "cluster/membership/compatibility.h"
#include "cluster/membership/incarnation.h"

namespace nexus::cluster {

using core::Duration;
using core::Instant;

namespace {

// Offers of joiners that confirm at about the same time go together.
constexpr Duration kOfferWait = std::chrono::milliseconds(20);
constexpr Duration kAskPause = std::chrono::milliseconds(200);
constexpr std::size_t kEarlyMax = 256;
// Between two comparisons with others.
constexpr Duration kStatesSettle = std::chrono::seconds(1);

}  // namespace

void Incarnation::on_message(const Peer& from, const ControlMessagePtr& message, Instant now,
                             Output& out) {
  if (phase_ == Phase::out) return;
  Context context{.from = from, .index = std::nullopt, .message = message, .now = now, .out = out};
  if (view_) {
    // G2 binds the address.
    context.index = view_->index_of(from.id);
    if (context.index && view_->member(*context.index).address != from.address)
      context.index.reset();
    if (context.index && !std::holds_alternative<ProbeAck>(message->body))
      edges_.on_traffic(*context.index, now);
    context.same_view = context.index && message->view == view_->id();
    if (!context.same_view && message->epoch > 0) compare_views(context);
  } else if (message->epoch > 0 && now - asked_ >= kAskPause &&
             !std::holds_alternative<Snapshot>(message->body) &&
             !std::holds_alternative<JoinCheck>(message->body) &&
             !std::holds_alternative<JoinRefused>(message->body)) {
    // A member. When it takes this node for one too, the welcome was lost, and the answer is another.
    asked_ = now;
    if (!message->frozen) bootstrap_.on_member(now);
    bootstrap_.ask_also(from.address, out.sends);
  }
  std::visit([&](const auto& body) { handle(context, body); }, message->body);
  // Afterwards: what is new to this node may have been in the message itself.
  if (context.same_view && phase_ != Phase::out && message->view == view_->id())
    compare_states(context);
}

void Incarnation::compare_views(const Context& c) {
  const Epoch theirs = c.message->epoch;
  if (theirs > view_->epoch()) {
    if (c.index && theirs == view_->epoch() + 1 &&
        std::holds_alternative<Gossip>(c.message->body) && early_.size() < kEarlyMax) {
      early_.emplace_back(c.from, c.message);
    }
    if (c.now - asked_ >= kAskPause && !std::holds_alternative<ViewDelta>(c.message->body) &&
        !std::holds_alternative<Snapshot>(c.message->body) &&
        !std::holds_alternative<NotMember>(c.message->body)) {
      asked_ = c.now;
      asked_of_ = c.from.address;
      send(c.from.address, CatchUp{}, c.out);
    }
    return;
  }
  if (std::holds_alternative<NotMember>(c.message->body) || !may_tell(c.from.id, c.now)) return;
  if (c.index && theirs < view_->epoch()) {
    std::vector<CutPtr> missed = history_.since(c.message->view);
    std::size_t joined_count = 0;
    for (const CutPtr& cut : missed) joined_count += cut->joined.size();
    // Those who came and went meanwhile could take more room than all who are there.
    if (missed.empty() || joined_count > view_->size()) {
      c.out.sends.push_back({.address = c.from.address, .message = snapshot()});
    } else {
      send(c.from.address, ViewDelta{.cuts = std::move(missed)}, c.out);
    }
    return;
  }
  send(c.from.address, not_member(c.from.id), c.out);
}

NotMember Incarnation::not_member(const MemberId& about) const {
  return {.about = about,
          .lineage = view_->lineage(),
          .size = frozen_ ? 0 : view_->size(),
          .lowest = view_->member(0).id,
          .compatibility = options_.compatibility};
}

void Incarnation::compare_states(const Context& c) {
  if (c.message->state == state_.digest() || c.now - state_compared_ < kStatesSettle) return;
  state_compared_ = c.now;
  send(c.from.address, StateDigests{.buckets = state_.bucket_digests()}, c.out);
}

void Incarnation::handle(const Context& c, const Probe& probe) {
  // Who was removed is not told that it is heard; a node that has no view only wants to know whether its link works.
  if (view_ && !c.index && c.message->epoch > 0 && c.message->epoch <= view_->epoch()) return;
  send(c.from.address, ProbeAck{.sent = probe.sent}, c.out);
}

void Incarnation::handle(const Context& c, const ProbeAck& ack) {
  if (!c.index) return;
  edges_.on_ack(*c.index, ack.sent, c.now, edge_actions_);
  do_edges(c.now, c.out);
  for (const IndirectRelay::Answer& answer : relay_.on_ack(c.from.id, ack.sent)) {
    send(answer.asker_address,
         IndirectAck{.subject = answer.subject, .sent = answer.sent, .heard = answer.heard}, c.out);
  }
}

void Incarnation::handle(const Context& c, const IndirectProbe& probe) {
  if (!c.index) return;
  const auto subject = view_->index_of(probe.subject);
  if (!subject || !relay_.on_asked(c.from.address, probe.subject, probe.sent, c.now)) return;
  send(*subject, Probe{.sent = c.now}, c.out);
}

void Incarnation::handle(const Context& c, const IndirectAck& ack) {
  if (!c.index) return;
  const auto subject = view_->index_of(ack.subject);
  if (!subject) return;
  edges_.on_indirect(*subject, ack.sent, ack.heard, c.now, edge_actions_);
  do_edges(c.now, c.out);
}

void Incarnation::handle(const Context& c, const Gossip& gossip) {
  if (!view_ || !c.index) return;
  merge(gossip.entries, true, c.now, c.out);
  if (!c.same_view) return;
  for (const Alert& alert : gossip.alerts) spread(alert, c.now);
  if (is_silent()) return;
  for (const Proposal& proposal : gossip.proposals)
    agreement_->on_proposal(proposal, c.now, agreement_actions_);
  for (const Prepare& prepare : gossip.prepares)
    agreement_->on_prepare(prepare, c.now, agreement_actions_);
  for (const Tally& tally : gossip.tallies) agreement_->on_tally(tally, c.now, agreement_actions_);
  do_agreement(c.now, c.out);
}

void Incarnation::handle(const Context& c, const Promise& promise) {
  if (!c.same_view || is_silent()) return;
  agreement_->on_promise(*c.index, promise, c.now, agreement_actions_);
  do_agreement(c.now, c.out);
}

void Incarnation::handle(const Context& c, const CatchUp&) {
  // Who has a view was answered when the views were compared.
  if (!view_ || !c.index || c.message->epoch != 0) return;
  c.out.sends.push_back({.address = c.from.address, .message = snapshot()});
}

void Incarnation::handle(const Context& c, const ViewDelta& delta) {
  if (!c.index && c.from.address != asked_of_) return;
  for (const CutPtr& cut : delta.cuts) {
    if (!view_ || phase_ == Phase::out || cut->base != view_->id() || !view_->fits(*cut)) continue;
    flush(c.now, c.out);
    install(maker_.after(*view_, *cut), cut, c.now, c.out);
  }
}

void Incarnation::handle(const Context& c, const Snapshot& snapshot) {
  if (!view_) {
    if (!snapshot.view->index_of(self_->id)) return;
  } else if (snapshot.view->lineage() != view_->lineage()) {
    // Both have let it in: members of the other one take it for one of theirs that has missed something.
    if (snapshot.view->index_of(self_->id))
      give_way(c, c.message->frozen ? 0 : snapshot.view->size(), snapshot.view->member(0).id);
    return;
  } else if (snapshot.view->epoch() <= view_->epoch() ||
             (!c.index && c.from.address != asked_of_)) {
    return;
  } else {
    flush(c.now, c.out);
  }
  for (const MemberId& id : snapshot.removed) admission_.remember_removed(id);
  install(snapshot.view, nullptr, c.now, c.out);
  if (phase_ != Phase::out) merge(snapshot.state, false, c.now, c.out);
}

void Incarnation::handle(const Context& c, const NotMember& other) {
  if (!view_ || other.about != self_->id) return;
  // Under `none` both parts may have gone on: then their sizes count.
  const bool one_history = other.lineage == view_->lineage() &&
                           options_.agreement.policy.kind != PartitionPolicy::Kind::none;
  if (one_history && c.message->epoch != view_->epoch()) {
    if (c.message->epoch > view_->epoch())
      go_out(phase_ == Phase::leaving ? WhyOut::left : WhyOut::removed, c.out);
    return;
  }
  if (c.message->view == view_->id()) return;
  if (std::string why = why_not_together(options_.compatibility, other.compatibility);
      !why.empty()) {
    c.out.events.push_back(Stranger{.address = c.from.address, .why = std::move(why)});
    return;
  }
  give_way(c, other.size, other.lowest);
}

// Two clusters, or two views of one epoch: the smaller one gives way. `size` is 0 when the other one is frozen.
void Incarnation::give_way(const Context& c, std::uint64_t size, const MemberId& lowest) {
  const bool smaller =
      size > view_->size() || (size == view_->size() && lowest < view_->member(0).id);
  // Two that are frozen wait, each for its own.
  if (smaller || (frozen_ && size > 0)) {
    go_out(WhyOut::other_cluster, c.out, c.from.address);
  } else if (may_tell(c.from.id, c.now)) {
    send(c.from.address, not_member(c.from.id), c.out);
  }
}

void Incarnation::handle(const Context& c, const Join& join) {
  if (join.member->id != c.from.id || join.member->address != c.from.address) return;
  if (!view_) {
    std::string why = why_not_together(options_.compatibility, join.compatibility);
    if (why.empty()) return bootstrap_.on_join(join, c.now);
    return send(c.from.address, JoinRefused{.joiner = c.from.id, .why = std::move(why)}, c.out);
  }
  // A frozen member can let nobody in, and must not keep nodes from founding another cluster, which it will join.
  if (phase_ != Phase::member || frozen_) return;
  const Admission::Answer answer = admission_.on_join(join, *view_, c.now);
  if (const auto* refuse = std::get_if<Admission::Refuse>(&answer)) {
    send(c.from.address,
         JoinRefused{.joiner = c.from.id, .removed = refuse->removed, .why = refuse->why}, c.out);
  } else if (std::holds_alternative<Admission::Check>(answer)) {
    send(join.member->address, JoinCheck{.joiner = join.member->id, .sent = c.now}, c.out);
  } else if (std::holds_alternative<Admission::Welcome>(answer) && c.index &&
             may_tell(c.from.id, c.now)) {
    // At its own address: the view is large.
    c.out.sends.push_back({.address = join.member->address, .message = snapshot()});
  }
}

void Incarnation::handle(const Context& c, const JoinRefused& refused) {
  if (view_ || refused.joiner != self_->id) return;
  // It was let in and removed again before it knew.
  if (refused.removed) return go_out(WhyOut::removed, c.out);
  bootstrap_.on_refused(c.now);
  c.out.events.push_back(Refused{.address = c.from.address, .why = refused.why});
}

void Incarnation::handle(const Context& c, const JoinCheck& check) {
  if (view_ || check.joiner != self_->id) return;
  bootstrap_.on_check(c.now);
  send(c.from.address, JoinConfirm{.joiner = self_->id, .sent = check.sent}, c.out);
}

void Incarnation::handle(const Context& c, const JoinConfirm& confirm) {
  if (!view_ || phase_ != Phase::member) return;
  MemberPtr joiner = admission_.on_confirm(c.from, confirm, *view_, c.now);
  if (!joiner) return;
  unoffered_.push_back(std::move(joiner));
  if (offer_at_ == Instant::max()) offer_at_ = c.now + kOfferWait;
}

void Incarnation::handle(const Context& c, const JoinOffer& offer) {
  if (!view_ || !c.index) return;
  admission_.on_offer(offer.joiners, *view_);
  consider_at_ = c.now;
}

void Incarnation::handle(const Context& c, const Found& found) {
  if (!view_) bootstrap_.on_found(found, c.from, c.now, c.out.sends);
}

void Incarnation::handle(const Context& c, const FoundAck& ack) {
  if (view_) return;
  auto members = bootstrap_.on_found_ack(c.from, ack, c.now);
  if (!members) return;
  install(View::found(std::move(*members), options_.rings), nullptr, c.now, c.out);
  const ControlMessagePtr welcome = snapshot();
  for (MemberIndex i = 0; i < view_->size(); ++i) {
    if (i != index_)
      c.out.sends.push_back({.address = view_->member(i).address, .message = welcome});
  }
}

void Incarnation::handle(const Context& c, const StateDigests& digests) {
  if (!c.same_view) return;
  const auto mine = state_.bucket_digests();
  StateVersions versions;
  for (std::size_t b = 0; b < kStateBuckets; ++b) {
    if (mine[b] != digests.buckets[b]) versions.buckets |= std::uint32_t{1} << b;
  }
  if (versions.buckets == 0) return;
  versions.buckets = state_.part_of(versions.buckets);
  versions.versions = state_.versions_in(versions.buckets);
  send(c.from.address, std::move(versions), c.out);
}

void Incarnation::handle(const Context& c, const StateVersions& versions) {
  if (!c.same_view) return;
  Gossip gossip;
  gossip.entries = state_.newer_than(versions.versions, versions.buckets);
  if (!gossip.entries.empty()) send(c.from.address, std::move(gossip), c.out);
  StateWanted wanted{.versions = state_.older_than(versions.versions)};
  if (!wanted.versions.empty()) send(c.from.address, std::move(wanted), c.out);
}

void Incarnation::handle(const Context& c, const StateWanted& wanted) {
  if (!c.same_view) return;
  Gossip gossip;
  gossip.entries = state_.find(wanted.versions);
  if (!gossip.entries.empty()) send(c.from.address, std::move(gossip), c.out);
}

}  // namespace nexus::cluster
