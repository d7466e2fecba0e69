#include "remote/endpoint_state.h"

#include <algorithm>
#include <utility>

namespace nexus::remote {

EndpointState::Actions EndpointState::on_wanted(core::Instant now) {
  if (phase_ != Phase::idle) return {};
  phase_ = Phase::connecting;
  down_since_ = now;
  backoff_.reset();
  return {Dial{}};
}

EndpointState::Actions EndpointState::on_connected(const std::string& member_id) {
  if (phase_ != Phase::connecting) return {};
  Actions actions;
  const std::string before = change_member(member_id);
  if (!before.empty() && before != member_id) {
    actions.emplace_back(std::in_place_type<DeclareGone>, WhyGone::restarted, false, before);
  } else {
    actions.emplace_back(std::in_place_type<SendWatches>);
  }
  phase_ = Phase::connected;
  backoff_.reset();
  was_gone_ = false;
  return actions;
}

EndpointState::Actions EndpointState::on_lost(core::Instant now) {
  if (phase_ != Phase::connecting && phase_ != Phase::connected) return {};
  if (!is_dialled_) return become_gone(WhyGone::disconnected);
  if (phase_ == Phase::connected) down_since_ = now;
  if (was_gone_ || now - down_since_ >= options_.unreachable_after) {
    return become_gone(WhyGone::unreachable);
  }
  phase_ = Phase::waiting;
  // The last dial before the peer is given up comes at that moment, not after it.
  dial_at_ = std::min(now + backoff_.next(), down_since_ + options_.unreachable_after);
  return {WakeAt{dial_at_}};
}

EndpointState::Actions EndpointState::on_time(core::Instant now) {
  if (phase_ != Phase::waiting) return {};
  if (now < dial_at_) return {WakeAt{dial_at_}};
  phase_ = Phase::connecting;
  return {Dial{}};
}

EndpointState::Actions EndpointState::on_goodbye(WhyGone why) {
  if (phase_ != Phase::connecting && phase_ != Phase::connected) return {};
  return become_gone(why);
}

EndpointState::Actions EndpointState::on_overrun() {
  const bool has_link =
      phase_ == Phase::connecting || phase_ == Phase::connected || phase_ == Phase::waiting;
  return has_link ? become_gone(WhyGone::overrun) : Actions{};
}

EndpointState::Actions EndpointState::on_seen(const std::string& member_id) {
  if (phase_ == Phase::blocked) {
    // The watchers of the other one were told. Who is blocked is not seen: its streams are refused.
    phase_ = Phase::idle;
    (void)change_member(member_id);
    return {};
  }
  if (phase_ == Phase::closed || is_former(member_id)) return {};
  was_gone_ = false;
  if (member_id_.empty() || member_id_ == member_id) return {};
  const std::string before = change_member(member_id);
  const bool has_stream = phase_ == Phase::connecting || phase_ == Phase::connected;
  if (is_dialled_ && has_stream) phase_ = Phase::idle;
  return {DeclareGone{WhyGone::restarted, false, before}};
}

EndpointState::Actions EndpointState::on_blocked() {
  if (phase_ == Phase::closed || phase_ == Phase::blocked) return {};
  Actions actions = become_gone(WhyGone::blocked);
  phase_ = Phase::blocked;
  return actions;
}

void EndpointState::on_unblocked() {
  if (phase_ == Phase::blocked) phase_ = is_dialled_ ? Phase::idle : Phase::closed;
}

bool EndpointState::is_former(const std::string& member_id) const {
  return !member_id_.empty() &&
         std::find(former_ids_.begin(), former_ids_.end(), member_id) != former_ids_.end();
}

std::string EndpointState::change_member(const std::string& member_id) {
  std::string before = std::exchange(member_id_, member_id);
  if (before == member_id) return before;
  std::erase(former_ids_, member_id);
  if (!before.empty()) former_ids_.push_back(before);
  if (former_ids_.size() > kFormerCountMax) former_ids_.erase(former_ids_.begin());
  return before;
}

EndpointState::Actions EndpointState::become_gone(WhyGone why) {
  phase_ = is_dialled_ ? Phase::idle : Phase::closed;
  was_gone_ = true;
  return {DeclareGone{why, true, change_member({})}};
}

}  // namespace nexus::remote
