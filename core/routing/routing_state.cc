#include "core/routing/routing_state.h"

#include <algorithm>

#include "core/base/check.h"

namespace nexus::core {

std::size_t RoutingState::find(const Pid& pid) const {
  const auto found = std::find_if(routees_.begin(), routees_.end(),
                                  [&](const Routee& routee) { return routee.pid == pid; });
  return static_cast<std::size_t>(found - routees_.begin());
}

bool RoutingState::add(Routee routee) {
  if (contains(routee.pid)) return false;
  routees_.push_back(std::move(routee));
  return true;
}

bool RoutingState::remove(const Pid& pid) {
  const std::size_t index = find(pid);
  if (index == routees_.size()) return false;
  routees_.erase(routees_.begin() + static_cast<std::ptrdiff_t>(index));
  on_removed(index);
  return true;
}

bool RoutingState::replace(const Pid& pid, Pid next) {
  DCHECK(!contains(next));
  const std::size_t index = find(pid);
  if (index == routees_.size()) return false;
  routees_[index].pid = std::move(next);
  return true;
}

RoutingChoice RoundRobinState::choose(const Envelope&) {
  if (routees().empty()) return {};
  if (next_ >= routees().size()) next_ = 0;
  return {RoutingChoice::Who::one, next_++};
}

void RoundRobinState::on_removed(std::size_t index) {
  if (index < next_) --next_;
}

std::uint64_t RandomState::next() {
  state_ += 0x9e3779b97f4a7c15u;
  return mix64(state_);
}

RoutingChoice RandomState::choose(const Envelope&) {
  const std::uint64_t count = routees().size();
  if (count == 0) return {};
  // The upper half of 32 random bits times the count; a lower half below the threshold would favour some.
  const std::uint64_t threshold = (std::uint64_t{1} << 32) % count;
  std::uint64_t product = 0;
  do {
    product = (next() >> 32) * count;
  } while ((product & 0xffff'ffffu) < threshold);
  return {RoutingChoice::Who::one, static_cast<std::size_t>(product >> 32)};
}

RoutingChoice BroadcastState::choose(const Envelope&) {
  return {routees().empty() ? RoutingChoice::Who::nobody : RoutingChoice::Who::all, 0};
}

ConsistentHashState::ConsistentHashState(RoutingKey key) : key_(std::move(key)) {
  CHECK(key_ != nullptr);
}

RoutingChoice ConsistentHashState::choose(const Envelope& message) {
  if (routees().empty()) return {};
  const std::optional<std::uint64_t> key = key_(message);
  if (!key) return {RoutingChoice::Who::unknown, 0};
  return {RoutingChoice::Who::one, rendezvous(*key, routees())};
}

RoutingStateFactory round_robin_routing() {
  return [] { return std::make_unique<RoundRobinState>(); };
}

RoutingStateFactory random_routing(std::uint64_t seed) {
  return [seed] { return std::make_unique<RandomState>(seed); };
}

RoutingStateFactory broadcast_routing() {
  return [] { return std::make_unique<BroadcastState>(); };
}

RoutingStateFactory consistent_hash_routing(RoutingKey key) {
  return [key = std::move(key)] { return std::make_unique<ConsistentHashState>(key); };
}

}  // namespace nexus::core
