#include "remote/inbound_gate.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

#include "core/base/check.h"

namespace nexus::remote {

std::optional<InboundGate::Frame> InboundGate::begin_frame() {
  core::MutexLock lock(mutex_);
  if (closed_) return std::nullopt;
  ++begun_count_;
  return ++last_;
}

void InboundGate::end_frame(Frame frame) {
  std::vector<Waiter> done;
  {
    core::MutexLock lock(mutex_);
    CHECK(begun_count_ > 0);
    --begun_count_;
    if (waiters_.empty()) return;
    for (Waiter& waiter : waiters_) {
      if (frame <= waiter.last) --waiter.left;
    }
    const auto first_done = std::stable_partition(
        waiters_.begin(), waiters_.end(), [](const Waiter& waiter) { return waiter.left > 0; });
    std::move(first_done, waiters_.end(), std::back_inserter(done));
    waiters_.erase(first_done, waiters_.end());
  }
  for (const Waiter& waiter : done) waiter.then();
}

void InboundGate::enter(std::weak_ptr<Stream> stream) {
  core::MutexLock lock(mutex_);
  std::erase_if(streams_, [](const std::weak_ptr<Stream>& other) { return other.expired(); });
  streams_.push_back(std::move(stream));
}

void InboundGate::close(core::Duration patience) {
  std::vector<std::weak_ptr<Stream>> streams;
  {
    core::MutexLock lock(mutex_);
    closed_ = true;
    is_of_dead_ = patience > core::Duration::zero();
    streams.swap(streams_);
  }
  for (const auto& stream : streams) {
    if (const auto alive = stream.lock()) alive->on_gate_closed(patience);
  }
}

void InboundGate::await(Then then) {
  {
    core::MutexLock lock(mutex_);
    if (begun_count_ > 0) {
      waiters_.push_back({.last = last_, .left = begun_count_, .then = std::move(then)});
      return;
    }
  }
  then();
}

std::shared_ptr<InboundGate> InboundGates::enter(const Peer& peer,
                                                 std::weak_ptr<InboundGate::Stream> stream) {
  core::MutexLock lock(mutex_);
  const auto same_id = entries_.equal_range(peer.member_id);
  const auto found = std::find_if(same_id.first, same_id.second, [&](const auto& entry) {
    return entry.second.peer.address == peer.address;
  });
  std::shared_ptr<InboundGate> gate;
  if (found != same_id.second) {
    gate = found->second.gate.lock();
    if (gate == nullptr) entries_.erase(found);
  }
  if (gate == nullptr) {
    if (entries_.size() >= full_count_) {
      std::erase_if(entries_, [](const auto& entry) { return entry.second.gate.expired(); });
      full_count_ = std::max(full_count_, entries_.size() * 2);
    }
    gate = std::make_shared<InboundGate>();
    entries_.emplace(peer.member_id, Entry{.peer = peer, .gate = gate});
  }
  // Under the lock of both: who closes the gate finds the stream in it.
  gate->enter(std::move(stream));
  return gate;
}

void InboundGates::close(const std::string& address, const std::string& member_id,
                         core::Duration patience, InboundGate::Then then) {
  const Gates gates = find(address, member_id, true);
  for (const auto& gate : gates) gate->close(patience);
  await_all(gates, std::move(then));
}

void InboundGates::close_all(const std::string& member_id) {
  Gates gates;
  {
    core::MutexLock lock(mutex_);
    const auto same_id = entries_.equal_range(member_id);
    for (auto entry = same_id.first; entry != same_id.second; ++entry) {
      if (auto gate = entry->second.gate.lock()) gates.push_back(std::move(gate));
    }
    entries_.erase(same_id.first, same_id.second);
  }
  for (const auto& gate : gates) gate->close(core::Duration::zero());
}

void InboundGates::await(const std::string& address, const std::string& member_id,
                         InboundGate::Then then) {
  await_all(find(address, member_id, false), std::move(then));
}

void InboundGates::await_all(const Gates& gates, InboundGate::Then then) {
  if (gates.empty()) return then();
  if (gates.size() == 1) return gates.front()->await(std::move(then));
  const auto left = std::make_shared<std::atomic<std::size_t>>(gates.size());
  for (const auto& gate : gates) {
    gate->await([left, then] {
      if (left->fetch_sub(1) == 1) then();
    });
  }
}

InboundGates::Gates InboundGates::find(const std::string& address, const std::string& member_id,
                                       bool takes) {
  Gates gates;
  core::MutexLock lock(mutex_);
  const auto take = [&](auto entry) {
    if (auto gate = entry->second.gate.lock()) gates.push_back(std::move(gate));
    return takes ? entries_.erase(entry) : std::next(entry);
  };
  if (!member_id.empty()) {
    const auto same_id = entries_.equal_range(member_id);
    for (auto entry = same_id.first; entry != same_id.second;) {
      entry = entry->second.peer.may_be_at(address) ? take(entry) : std::next(entry);
    }
    return gates;
  }
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry = entry->second.peer.address == address ? take(entry) : std::next(entry);
  }
  return gates;
}

std::uint64_t InboundGates::frame_count(const std::string& address,
                                        const std::string& member_id) const {
  std::uint64_t frame_count = 0;
  core::MutexLock lock(mutex_);
  const auto same_id = entries_.equal_range(member_id);
  for (auto entry = same_id.first; entry != same_id.second; ++entry) {
    if (entry->second.peer.address != address) continue;
    if (const auto gate = entry->second.gate.lock()) frame_count += gate->frame_count();
  }
  return frame_count;
}

std::size_t InboundGates::count() const {
  core::MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace nexus::remote
