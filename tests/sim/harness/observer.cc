#include "tests/sim/harness/observer.h"

#include <algorithm>

namespace nexus::sim {
namespace {

std::uint64_t content_of(Identity identity) { return mix64(key_of(identity)); }

}  // namespace

Observer::Observer(std::uint32_t node_count, const Model::Traits& traits)
    : has_epochs_(traits.has_epochs),
      seen_(node_count),
      traffic_(node_count),
      is_in_truth_(node_count, 0),
      is_size_seen_(node_count + 1, 0),
      rules_(traits.has_one_view_an_epoch) {
  for (NodeIndex node = 0; node < node_count; ++node) seen_[node].identity = {node, 0};
}

void Observer::on_first_event(SimTime now) {
  first_event_ = now;
  traffic_.assign(traffic_.size(), {});
  for (Seen& seen : seen_) {
    seen.change_count = 0;
    if (seen.is_live) note_size(seen.size);
  }
}

void Observer::on_start(SimTime now, Identity identity) {
  Seen& seen = seen_[identity.node];
  seen.identity = identity;
  seen.is_live = true;
  seen.is_leaving = false;
  seen.has_learned = false;
  seen.standing = Standing::joining;
  seen.view = {};
  seen.size = 0;
  seen.last_change = now;
  set_truth(identity.node, true);
}

void Observer::on_end(SimTime now, NodeIndex node) {
  Seen& seen = seen_[node];
  if (!seen.is_live) return;
  if (has_epochs_ && counts(seen)) rules_.on_member_drops(now, seen.view.epoch);
  seen.is_live = false;
  set_truth(node, false);
}

void Observer::on_renewed(SimTime now, Identity identity) {
  (void)now;
  Seen& seen = seen_[identity.node];
  const bool was_in = is_in_truth_[identity.node] != 0;
  set_truth(identity.node, false);
  seen.identity = identity;
  set_truth(identity.node, was_in);
}

void Observer::on_view(SimTime now, NodeIndex node, const ViewChange& change) {
  Seen& seen = seen_[node];
  const ViewRules::View before = seen.view;
  // What the first view of an identity lacks, the node has not removed.
  const bool is_first = before.of != seen.identity;
  seen.view.of = seen.identity;
  seen.view.epoch = change.epoch;
  seen.view.id = change.id;
  for (const Identity added : change.added) seen.view.content += content_of(added);
  for (const Identity removed : change.removed) {
    seen.view.content -= content_of(removed);
    on_missing(now, node, removed);
    if (!is_first) on_removed(now, node, removed);
  }
  seen.size += static_cast<std::uint32_t>(change.added.size());
  seen.size -= static_cast<std::uint32_t>(change.removed.size());
  seen.last_change = now;
  if (!has_epochs_) return;
  rules_.on_change(now, before, seen.view, change);
  if (counts(seen)) {
    rules_.on_member_holds(now, seen.view.epoch);
    rules_.on_member_drops(now, before.epoch);
  }
}

void Observer::on_view_done(NodeIndex node) {
  ++seen_[node].change_count;
  if (first_event_ != kNever && is_healthy(node)) note_size(seen_[node].size);
}

void Observer::on_standing(SimTime now, NodeIndex node, Standing standing) {
  Seen& seen = seen_[node];
  if (has_epochs_ && counts(seen)) rules_.on_member_drops(now, seen.view.epoch);
  seen.standing = standing;
  if (has_epochs_ && counts(seen)) rules_.on_member_holds(now, seen.view.epoch);
}

void Observer::on_learned(SimTime now, NodeIndex node) {
  if (seen_[node].has_learned || put_at_ == kNever) return;
  seen_[node].has_learned = true;
  learned_.push_back(now - put_at_);
}

void Observer::on_health(NodeIndex node, Health health) {
  if (seen_[node].health == Health::well) ++sick_count_;
  seen_[node].health = health;
  if (health == Health::well) --sick_count_;
}

void Observer::on_must_go(SimTime now, NodeIndex node, bool must_go) {
  seen_[node].must_go = must_go;
  if (must_go && seen_[node].is_live) add_subject(now, seen_[node].identity);
  set_truth(node, seen_[node].is_live);
}

void Observer::on_leaving(NodeIndex node) {
  set_truth(node, false);
  seen_[node].is_leaving = true;
}

void Observer::on_crash(SimTime now, NodeIndex node) {
  if (seen_[node].is_live) add_subject(now, seen_[node].identity);
}

bool Observer::is_settled() const {
  for (NodeIndex node = 0; node < seen_.size(); ++node) {
    if (is_asked(node) && seen_[node].view.content != truth_) return false;
  }
  return true;
}

std::vector<NodeIndex> Observer::unsettled() const {
  std::vector<NodeIndex> found;
  for (NodeIndex node = 0; node < seen_.size(); ++node) {
    const Seen& seen = seen_[node];
    if (!seen.is_live || seen.is_leaving || seen.must_go) continue;
    const bool stands = !has_epochs_ || seen.standing == Standing::member;
    if (!stands || seen.view.content != truth_) found.push_back(node);
  }
  return found;
}

bool Observer::is_learned() const {
  return std::all_of(seen_.begin(), seen_.end(),
                     [](const Seen& seen) { return !seen.is_live || seen.has_learned; });
}

std::vector<Identity> Observer::subjects() const {
  std::vector<Identity> found;
  for (const Subject& subject : subjects_) found.push_back(subject.identity);
  return found;
}

SeedResult Observer::result(SimTime now) const {
  SeedResult result;
  for (const Subject& subject : subjects_) {
    for (NodeIndex node = 0; node < seen_.size(); ++node) {
      if (is_healthy(node) && subject.removed_at[node] != kNever) {
        result.detection.push_back(subject.removed_at[node] - subject.at);
      }
    }
  }
  const SimTime begin = healed_at_ == kNever ? first_event_ : healed_at_;
  SimTime last = begin;
  for (NodeIndex node = 0; node < seen_.size(); ++node) {
    const Seen& seen = seen_[node];
    if (seen.is_live) result.traffic.push_back(traffic_[node]);
    if (!is_asked(node)) continue;
    last = std::max(last, seen.last_change);
    result.view_change_count = std::max(result.view_change_count, seen.change_count);
  }
  result.learned = learned_;
  if (put_at_ != kNever) {
    if (is_learned()) result.convergence = *std::max_element(learned_.begin(), learned_.end());
  } else if (is_settled() && begin != kNever) {
    result.convergence = last - begin;
  }
  result.healthy_removed = static_cast<std::uint32_t>(falsely_removed_.size());
  result.false_removal_count = false_removal_count_;
  result.distinct_size_count = static_cast<std::uint32_t>(
      std::count(is_size_seen_.begin(), is_size_seen_.end(), std::uint8_t{1}));
  result.traffic_window = first_event_ == kNever ? now : now - first_event_;
  result.violations = rules_.violations();
  return result;
}

void Observer::add_subject(SimTime now, Identity identity) {
  if (subject_of_.find(key_of(identity)) != FlatMap::kNone) return;
  subject_of_.put(key_of(identity), static_cast<std::uint32_t>(subjects_.size()));
  subjects_.push_back({identity, now, std::vector<SimTime>(seen_.size(), kNever)});
}

void Observer::on_missing(SimTime now, NodeIndex node, Identity missing) {
  const std::uint32_t subject = subject_of_.find(key_of(missing));
  if (subject != FlatMap::kNone && subjects_[subject].removed_at[node] == kNever) {
    subjects_[subject].removed_at[node] = now;
  }
}

void Observer::on_removed(SimTime now, NodeIndex node, Identity removed) {
  const Seen& seen = seen_[removed.node];
  const bool is_right = !seen.is_live || seen.health != Health::well || seen.identity != removed ||
                        removed.node == node || !is_healthy(node);
  if (is_right || is_in_truth_[removed.node] == 0) return;
  ++false_removal_count_;
  falsely_removed_.put(key_of(removed), 0);
  if (has_epochs_ && sick_count_ <= (seen_.size() + 9) / 10) {
    rules_.on_healthy_removed(now, seen_[node].identity, removed);
  }
}

void Observer::set_truth(NodeIndex node, bool is_part) {
  is_part = is_part && !seen_[node].must_go && !seen_[node].is_leaving;
  if ((is_in_truth_[node] != 0) == is_part) return;
  is_in_truth_[node] = is_part ? 1 : 0;
  const std::uint64_t content = content_of(seen_[node].identity);
  truth_ += is_part ? content : 0 - content;
}

void Observer::note_size(std::uint32_t size) {
  is_size_seen_[std::min<std::size_t>(size, is_size_seen_.size() - 1)] = 1;
}

}  // namespace nexus::sim
