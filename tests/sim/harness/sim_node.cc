#include "tests/sim/harness/sim_node.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>

namespace nexus::sim {
namespace {

// No two nodes' clocks have one origin: who compares their readings is found out.
core::Instant origin_of(std::uint64_t seed) {
  return core::Instant(std::chrono::seconds(1000 + mix64(seed) % 100'000));
}

std::string name_of(Identity identity) {
  return std::to_string(identity.node) + "#" + std::to_string(identity.incarnation);
}

}  // namespace

SimNode::SimNode(World& world, NodeIndex index, std::uint64_t seed)
    : world_(world), index_(index), identity_{index, 0}, random_(seed), clock_(origin_of(seed)) {}

void SimNode::prepare_start() {
  if (process_ != nullptr) end(false);
  host().state = HostState::listening;
  ++host().boot_count;
  ++identity_.incarnation;
  has_left_ = false;
  wake_at_ = kNever;
  world_.observer->on_start(world_.now, identity_);
}

void SimNode::end(bool is_silent) {
  if (process_ == nullptr) return;
  world_.network->end_of_process(world_.now, index_, is_silent);
  world_.observer->on_end(world_.now, index_);
  process_.reset();
  host().state = is_silent ? HostState::silent : HostState::refusing;
  has_left_ = false;
  wake_at_ = kNever;
  inbox_.clear();
  host().inbox_bytes = 0;
}

void SimNode::arrived(Arrival arrival) {
  if (process_ == nullptr) return;
  if (inbox_.empty() && cpu_.is_free(world_.now) && wake_at_ > world_.now) {
    handle(arrival);
    return;
  }
  host().inbox_bytes += arrival.bytes;
  inbox_.push_back({std::move(arrival), world_.now});
  work();
}

void SimNode::on_run() {
  run_is_due_ = false;
  work();
}

void SimNode::on_wake() {
  if (wake_event_at_ != world_.now) return;
  wake_event_at_ = kNever;
  work();
  arm_timer();
}

void SimNode::work() {
  if (process_ == nullptr || cpu_.is_stopped()) return;
  const bool timer_is_due = wake_at_ <= world_.now;
  if (!timer_is_due && inbox_.empty()) return;
  if (!cpu_.is_free(world_.now)) {
    run_later();
    return;
  }
  if (timer_is_due && (inbox_.empty() || wake_at_ < inbox_.front().at)) {
    wake_at_ = kNever;
    cpu_.work(world_.now, SimCpu::kPerTimer);
    trace(1);
    call([this] { process_->on_time(); });
  } else {
    const Due due = std::move(inbox_.front());
    inbox_.pop_front();
    host().inbox_bytes -= due.arrival.bytes;
    handle(due.arrival);
  }
  if (!inbox_.empty() || wake_at_ <= world_.now) run_later();
}

void SimNode::run_later() {
  if (run_is_due_ || cpu_.is_stopped()) return;
  run_is_due_ = true;
  world_.events.push(std::max(world_.now, cpu_.busy_until()), EventKind::run, index_);
}

void SimNode::handle(const Arrival& arrival) {
  cpu_.work(world_.now, SimCpu::cost(SimCpu::kPerMessage, arrival.bytes));
  trace(mix64(arrival.from.node, arrival.from.incarnation));
  if (arrival.payload == nullptr) {
    trace(static_cast<std::uint64_t>(arrival.why));
    call([&] { process_->on_link_down(arrival.from.node, arrival.why); });
    return;
  }
  trace(arrival.payload->digest());
  world_.observer->on_received(
      index_, arrival.bytes + (arrival.is_datagram ? kDatagramFraming : kStreamFraming));
  call([&] { process_->on_message(arrival.from, arrival.payload); });
}

void SimNode::send(NodeIndex to, PayloadPtr payload, std::uint32_t bytes) {
  cpu_.work(world_.now, SimCpu::cost(SimCpu::kPerSend, bytes));
  world_.observer->on_sent(index_, bytes + kStreamFraming);
  world_.network->send(cpu_.busy_until(), identity_, to, std::move(payload), bytes);
}

void SimNode::send_datagram(NodeIndex to, PayloadPtr payload, std::uint32_t bytes) {
  cpu_.work(world_.now, SimCpu::cost(SimCpu::kPerSend, bytes));
  world_.observer->on_sent(index_, bytes + kDatagramFraming);
  world_.network->send_datagram(cpu_.busy_until(), identity_, to, std::move(payload), bytes);
}

void SimNode::wake_at(core::Instant at) {
  wake_at_ = std::min(wake_at_, std::max(clock_.when(at), world_.now));
}

void SimNode::arm_timer() {
  // What is due waits for the CPU, not for a time.
  if (wake_at_ <= world_.now) return run_later();
  if (wake_at_ >= wake_event_at_) return;
  wake_event_at_ = wake_at_;
  world_.events.push(wake_at_, EventKind::wake, index_);
}

Identity SimNode::renew_identity() {
  ++identity_.incarnation;
  world_.observer->on_renewed(world_.now, identity_);
  return identity_;
}

void SimNode::view_changed(const ViewChange& change) {
  if (world_.story != nullptr) {
    tell() << "epoch " << change.epoch << " id " << std::hex << change.id << std::dec;
    for (const Identity& added : change.added) *world_.story << " +" << name_of(added);
    for (const Identity& removed : change.removed) *world_.story << " -" << name_of(removed);
    *world_.story << "\n";
  }
  has_new_view_ = true;
  world_.observer->on_view(world_.now, index_, change);
}

void SimNode::standing_changed(Standing standing) {
  static constexpr std::array kNames{"joining", "member", "frozen", "out"};
  if (world_.story != nullptr) tell() << kNames[static_cast<std::size_t>(standing)] << "\n";
  world_.observer->on_standing(world_.now, index_, standing);
}

std::ostream& SimNode::tell() {
  std::array<char, 32> time{};
  std::snprintf(time.data(), time.size(), "%.6f s ", static_cast<double>(world_.now.count()) / 1e9);
  return *world_.story << time.data() << name_of(identity_) << " ";
}

void SimNode::learned(std::uint64_t key) {
  (void)key;
  world_.observer->on_learned(world_.now, index_);
}

void SimNode::trace(std::uint64_t what) {
  world_.trace_hash =
      mix64(world_.trace_hash ^ static_cast<std::uint64_t>(world_.now.count()), what ^ index_);
}

}  // namespace nexus::sim
