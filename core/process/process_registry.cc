#include "core/process/process_registry.h"

#include "core/actor/actor_cell.h"
#include "core/actor/cell_table.h"
#include "core/actor/messages.h"
#include "core/actor_system.h"

namespace nexus::core {

ProcessRegistry::ProcessRegistry(std::string address, DeadLetters& dead_letters)
    : address_(std::move(address)), dead_letters_(dead_letters) {}

Delivered ProcessRegistry::send_user(const Pid& target, EnvelopePtr envelope) {
  accepted_.add();
  // An order to stop must get through to a flooded actor too.
  const Way way = envelope->is<PoisonPill>() ? Way::exempt : Way::user;
  return send(target, std::move(envelope), way);
}

void ProcessRegistry::send_system(const Pid& target, EnvelopePtr envelope) {
  (void)send(target, std::move(envelope), Way::system);
}

void ProcessRegistry::send_terminated(const Pid& target, EnvelopePtr envelope) {
  accepted_.add();
  (void)send(target, std::move(envelope), Way::exempt);
}

Delivered ProcessRegistry::send(const Pid& target, EnvelopePtr envelope, Way way) {
  const Lane lane = way == Way::system ? Lane::system : Lane::user;
  if (target.is_cell()) return send_to_cell(target, std::move(envelope), way);
  if (target.is_process()) {
    envelope->set_target(target);
    if (lane == Lane::user) taken_by_processes_.add();
    target.process()->deliver(std::move(envelope), lane);
    return Delivered::process;
  }
  if (target.empty()) {
    dead_letters_.take(target, std::move(envelope), lane, DeadLetterReason::no_such_actor);
    return Delivered::dead_letter;
  }
  const PidRecord& record = *target.record();
  if (record.address == address_) {
    const Pid found = find(record.id).with_request_id(target.request_id());
    if (found) return send(found, std::move(envelope), way);
    dead_letters_.take(target, std::move(envelope), lane, DeadLetterReason::no_such_actor);
    return Delivered::dead_letter;
  }
  // Acquire pairs with the release of set_foreign_route().
  ForeignRoute* route = foreign_route_.load(std::memory_order_acquire);
  if (route == nullptr) {
    dead_letters_.take(target, std::move(envelope), lane, DeadLetterReason::no_route);
    return Delivered::dead_letter;
  }
  if (lane == Lane::user) forwarded_.add();
  route->deliver_foreign(target, std::move(envelope), lane);
  return Delivered::foreign;
}

Delivered ProcessRegistry::send_to_cell(const Pid& target, EnvelopePtr envelope, Way way) {
  ActorCell& cell = *target.cell();
  const Lane lane = way == Way::system ? Lane::system : Lane::user;
  if (cell.generation() != target.generation()) {
    dead_letters_.take(target, std::move(envelope), lane, DeadLetterReason::stopped);
    return Delivered::dead_letter;
  }
  envelope->set_target(target);
  switch (way) {
    case Way::user:
      if (cell.push_user(envelope) == Mailbox::Push::full) {
        dead_letters_.take(target, std::move(envelope), lane, DeadLetterReason::mailbox_full);
        return Delivered::mailbox_full;
      }
      break;
    case Way::exempt:
      cell.push_exempt(std::move(envelope));
      break;
    case Way::system:
      cell.push_system(std::move(envelope));
      break;
  }
  if (cell.notify() == OnNotify::enqueue) cell.system().dispatcher().schedule(cell);
  return Delivered::mailbox;
}

const ProcessRegistry::Shard& ProcessRegistry::shard_of(std::string_view id) const {
  return shards_[std::hash<std::string_view>{}(id) % kShardCount];
}

bool ProcessRegistry::add(const std::string& id, const Pid& pid) {
  Shard& shard = shard_of(id);
  MutexLock lock(shard.mutex);
  return shard.pids.emplace(id, pid).second;
}

void ProcessRegistry::remove(const std::string& id, const Pid& pid) {
  Shard& shard = shard_of(id);
  MutexLock lock(shard.mutex);
  const auto found = shard.pids.find(id);
  // The name may already belong to the next actor. Handles compare without looking at names.
  if (found != shard.pids.end() && found->second == pid) shard.pids.erase(found);
}

Pid ProcessRegistry::find(std::string_view id) const {
  {
    const Shard& shard = shard_of(id);
    MutexLock lock(shard.mutex);
    const auto found = shard.pids.find(std::string(id));
    if (found != shard.pids.end()) return found->second;
  }
  return cells_ == nullptr ? Pid{} : cells_->find_anonymous(id);
}

Pid ProcessRegistry::resolve(std::string_view address, std::string_view id) const {
  if (address == address_) {
    if (const Pid found = find(id)) return found;
  }
  return Pid::of_name(std::string(address), std::string(id));
}

std::vector<std::pair<std::string, Pid>> ProcessRegistry::names() const {
  std::vector<std::pair<std::string, Pid>> all;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    all.insert(all.end(), shard.pids.begin(), shard.pids.end());
  }
  return all;
}

ProcessRegistry::Counters ProcessRegistry::counters() const {
  return {.accepted = accepted_.sum(),
          .processed = processed_.sum(),
          .dead_lettered = dead_letters_.door_count(),
          .taken_by_processes = taken_by_processes_.sum(),
          .forwarded = forwarded_.sum()};
}

}  // namespace nexus::core
