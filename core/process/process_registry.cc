#include "core/process/process_registry.h"

#include "core/actor/actor_cell.h"
#include "core/actor/cell_table.h"
#include "core/actor/messages.h"
#include "core/actor_system.h"
#include "core/base/short_text.h"
#include "core/base/user_code.h"
#include "core/mailbox/mailbox_middleware.h"
#include "core/process/client_name.h"

namespace nexus::core {

ProcessRegistry::ProcessRegistry(std::string address, ActorSystem& system)
    : address_(std::move(address)), system_(system) {}

Delivered ProcessRegistry::send_user(const Pid& target, EnvelopePtr envelope) {
  if (Worker* worker = Worker::current_of(system_))
    return send_user_from(*worker, target, std::move(envelope));
  accepted_.add();
  return send_counted(target, std::move(envelope));
}

Delivered ProcessRegistry::send_counted(const Pid& target, EnvelopePtr&& envelope) {
  // An order to stop must get through to a flooded actor too.
  const Way way = envelope->is<PoisonPill>() ? Way::exempt : Way::user;
  return send(target, std::move(envelope), way);
}

void ProcessRegistry::deliver_to_future(const Pid& target, EnvelopePtr&& envelope) {
  system_.futures().deliver(target, std::move(envelope), Lane::user);
}

void ProcessRegistry::send_system(const Pid& target, EnvelopePtr envelope) {
  if (Worker* worker = Worker::current_of(system_)) {
    send_system_from(*worker, target, std::move(envelope));
  } else {
    (void)send(target, std::move(envelope), Way::system);
  }
}

void ProcessRegistry::send_terminated(const Pid& target, EnvelopePtr envelope) {
  if (Worker* worker = Worker::current_of(system_)) {
    worker->counters().accepted.add();
  } else {
    accepted_.add();
  }
  (void)send(target, std::move(envelope), Way::exempt);
}

void ProcessRegistry::bury(const Pid& actor, EnvelopePtr envelope) {
  if (Worker* worker = Worker::current_of(system_)) {
    worker->counters().accepted.add();
  } else {
    accepted_.add();
  }
  (void)turn_away(actor, std::move(envelope), Lane::user, DeadLetterReason::stopped);
}

Delivered ProcessRegistry::send(const Pid& target, EnvelopePtr&& envelope, Way way) {
  if (target.is_cell())
    return send_to_cell(Worker::current_of(system_), target, std::move(envelope), way);
  return send_elsewhere(target, std::move(envelope), way);
}

Delivered ProcessRegistry::turn_away(const Pid& target, EnvelopePtr envelope, Lane lane,
                                     DeadLetterReason reason) {
  system_.dead_letters().take(target, std::move(envelope), lane, reason);
  return reason == DeadLetterReason::mailbox_full ? Delivered::mailbox_full
                                                  : Delivered::dead_letter;
}

Delivered ProcessRegistry::send_to_cell(Worker* worker, const Pid& target, EnvelopePtr envelope,
                                        Way way) {
  ActorCell& cell = *target.cell();
  const Lane lane = way == Way::system ? Lane::system : Lane::user;
  if (cell.generation() != target.generation()) [[unlikely]] {
    return turn_away(target, std::move(envelope), lane, DeadLetterReason::stopped);
  }
  envelope->set_target_generation(target.generation());
  if (worker != nullptr && &cell.system() == &system_) [[likely]] {
    switch (worker->append(cell, envelope, lane, way == Way::exempt)) {
      case Worker::Append::appended:
        return Delivered::mailbox;
      case Worker::Append::full:
        return send_to_full(worker, cell, target, std::move(envelope));
      case Worker::Append::not_mine:
        break;
    }
  }
  return push_to_cell(worker, cell, target, std::move(envelope), way);
}

Delivered ProcessRegistry::push_to_cell(Worker* worker, ActorCell& cell, const Pid& target,
                                        EnvelopePtr envelope, Way way) {
  Mailbox& mailbox = cell.mailbox();
  // Who rescues the worker runs what was held for: those of another system are not its to run.
  if (worker != nullptr && &cell.system() == &system_) {
    if (way == Way::user && worker->hold(cell, envelope)) return Delivered::mailbox;
    if (way == Way::exempt) worker->send_held(cell);
  }
  if (way == Way::user && !mailbox.reserve_place()) {
    return send_to_full(worker, cell, target, std::move(envelope));
  }
  if (way == Way::exempt) mailbox.reserve_exempt_place();
  return push(cell, target, std::move(envelope), way == Way::system ? Lane::system : Lane::user);
}

void ProcessRegistry::turn_away(ActorCell& cell, EnvelopeChain held) {
  cell.mailbox().give_back_places(held.count());
  EnvelopeList envelopes = held.oldest_first();
  while (EnvelopePtr envelope = envelopes.pop_front()) {
    const Pid target = Pid::of_cell(cell, envelope->target_generation());
    (void)turn_away(target, std::move(envelope), Lane::user, DeadLetterReason::stopped);
  }
}

Delivered ProcessRegistry::send_to_full(Worker* worker, ActorCell& cell, const Pid& target,
                                        EnvelopePtr envelope) {
  constexpr auto kFull = DeadLetterReason::mailbox_full;
  Mailbox& mailbox = cell.mailbox();
  std::uint32_t count_max = mailbox.user_count_max();
  PropsPtr with_middleware;
  const auto push_it = [&] {
    if (with_middleware) tell_middleware(*with_middleware, target, *envelope);
    return push(cell, target, std::move(envelope), Lane::user);
  };
  if (count_max == 0) {
    with_middleware = cell.system().cells().props(target);
    if (!with_middleware) {
      return turn_away(target, std::move(envelope), Lane::user, DeadLetterReason::stopped);
    }
    count_max = cell.system().mailbox_limit(*with_middleware);
    if (mailbox.reserve_place_within(count_max)) return push_it();
  }
  const std::uint32_t beyond = Mailbox::beyond(count_max);
  switch (mailbox.overflow()) {
    case MailboxOverflow::reject:
      break;
    case MailboxOverflow::drop_oldest:
      if (mailbox.reserve_place_within(beyond)) return push_it();
      [[fallthrough]];
    case MailboxOverflow::drop_newest:
      system_.dead_letters().take(target, std::move(envelope), Lane::user, kFull,
                                  DeadLetters::Tell::nobody);
      return Delivered::dead_letter;
    case MailboxOverflow::slow_sender: {
      ActorCell* sender = worker == nullptr ? nullptr : worker->running();
      if (sender == nullptr || sender == &cell || !mailbox.reserve_place_within(beyond)) break;
      const Delivered delivered = push_it();
      if (delivered == Delivered::mailbox) sender->slow_down(target);
      return delivered;
    }
  }
  return turn_away(target, std::move(envelope), Lane::user, kFull);
}

void ProcessRegistry::tell_middleware(const Props& props, const Pid& target,
                                      const Envelope& envelope) {
  for (const auto& middleware : props.mailbox_middleware) {
    const auto thrown = failure_of([&] { middleware->message_posted(target, envelope); });
    if (thrown) system_.log().warn("mailbox middleware threw", {{"reason", *thrown}});
  }
}

Delivered ProcessRegistry::push(ActorCell& cell, const Pid& target, EnvelopePtr envelope,
                                Lane lane) {
  Mailbox& mailbox = cell.mailbox();
  Worker* worker = Worker::current_of(system_);
  if (worker != nullptr ? worker->sampler().due() : cell.system().telemetry().choose())
      [[unlikely]] {
    // Whether it makes the actor runnable is seen when it is pushed.
    envelope->note_entered(false);
  }
  switch (mailbox.push(envelope, lane)) {
    case Mailbox::Push::pushed:
      break;
    case Mailbox::Push::enqueue:
      cell.system().dispatcher_of(cell).schedule(cell);
      break;
    case Mailbox::Push::dead:
      if (lane == Lane::user) mailbox.give_back_place();
      return turn_away(target, std::move(envelope), lane, DeadLetterReason::stopped);
  }
  return Delivered::mailbox;
}

Delivered ProcessRegistry::send_elsewhere(const Pid& target, EnvelopePtr envelope, Way way) {
  const Lane lane = way == Way::system ? Lane::system : Lane::user;
  Worker* worker = Worker::current_of(system_);
  if (target.is_process() || target.is_future()) {
    if (lane == Lane::user) {
      if (worker != nullptr) {
        worker->counters().taken_by_processes.add();
      } else {
        taken_by_processes_.add();
      }
    }
    if (target.is_future()) {
      system_.futures().deliver(target, std::move(envelope), lane);
    } else {
      target.process()->deliver(target, std::move(envelope), lane);
    }
    return Delivered::process;
  }
  if (target.empty()) {
    return turn_away(target, std::move(envelope), lane, DeadLetterReason::no_such_actor);
  }
  const PidRecord& record = *target.record();
  if (same_text(record.address, address_) && client_of(record.id).empty()) {
    const Pid found = find(record.id).with_request_id(target.request_id());
    if (found) return send(found, std::move(envelope), way);
    return turn_away(target, std::move(envelope), lane, DeadLetterReason::no_such_actor);
  }
  // Acquire pairs with the release of set_foreign_route().
  ForeignRoute* route = foreign_route_.load(std::memory_order_acquire);
  if (route == nullptr) {
    return turn_away(target, std::move(envelope), lane, DeadLetterReason::no_route);
  }
  if (lane == Lane::user) {
    if (worker != nullptr) {
      worker->counters().forwarded.add();
    } else {
      forwarded_.add();
    }
  }
  route->deliver_foreign(target, std::move(envelope), lane);
  return Delivered::foreign;
}

bool ProcessRegistry::add_actor(const Pid& pid) {
  ActorCell& cell = *pid.cell();
  const std::string_view id = CellTable::name_of_live(cell);
  const NameHash hash = CellTable::name_hash_of_live(cell);
  Shard& shard = shard_of(hash);
  MutexLock lock(shard.mutex);
  if (shard.actors.find(system_.cells(), id, hash) != nullptr) return false;
  if (!shard.others.empty() && shard.others.contains(std::string(id))) return false;
  shard.actors.add(system_.cells(), cell.index(), hash);
  return true;
}

void ProcessRegistry::remove_actor(const Pid& pid) {
  const NameHash hash = CellTable::name_hash_of_live(*pid.cell());
  Shard& shard = shard_of(hash);
  MutexLock lock(shard.mutex);
  shard.actors.remove(pid.cell()->index(), hash);
}

bool ProcessRegistry::add(const std::string& id, const Pid& pid) {
  const NameHash hash(id);
  Shard& shard = shard_of(hash);
  MutexLock lock(shard.mutex);
  if (shard.actors.find(system_.cells(), id, hash) != nullptr) return false;
  return shard.others.emplace(id, pid).second;
}

void ProcessRegistry::remove(const std::string& id, const Pid& pid) {
  Shard& shard = shard_of(NameHash(id));
  MutexLock lock(shard.mutex);
  const auto found = shard.others.find(id);
  // The name may already belong to the next one. Handles compare without looking at names.
  if (found != shard.others.end() && found->second == pid) shard.others.erase(found);
}

Pid ProcessRegistry::find(std::string_view id) const {
  {
    const NameHash hash(id);
    const Shard& shard = shard_of(hash);
    MutexLock lock(shard.mutex);
    if (ActorCell* cell = shard.actors.find(system_.cells(), id, hash)) {
      return Pid::of_cell(*cell, cell->generation());
    }
    if (!shard.others.empty()) {
      const auto found = shard.others.find(std::string(id));
      if (found != shard.others.end()) return found->second;
    }
  }
  if (!id.starts_with('$')) return {};
  if (const Pid future = system_.futures().find(id)) return future;
  return system_.cells().find_anonymous(id);
}

Pid ProcessRegistry::resolve(std::string_view address, std::string_view id) const {
  // As a client calls its own actors.
  if (address.starts_with(kClientPrefix)) {
    return Pid::of_name(address_, std::string(address).append("/").append(id));
  }
  if (address == address_) {
    if (const Pid found = find(id)) return found;
  }
  return Pid::of_name(std::string(address), std::string(id));
}

std::vector<std::pair<std::string, Pid>> ProcessRegistry::names() const {
  std::vector<std::pair<std::string, Pid>> all;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    shard.actors.for_each([&](std::uint32_t index) {
      ActorCell& cell = system_.cells().at(index);
      all.emplace_back(CellTable::name_of_live(cell), Pid::of_cell(cell, cell.generation()));
    });
    all.insert(all.end(), shard.others.begin(), shard.others.end());
  }
  return all;
}

std::vector<std::pair<std::string, Pid>> ProcessRegistry::further_names() const {
  std::vector<std::pair<std::string, Pid>> all;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    all.insert(all.end(), shard.others.begin(), shard.others.end());
  }
  return all;
}

DoorCounters& ProcessRegistry::add_worker_counters() {
  MutexLock lock(worker_counters_mutex_);
  return worker_counters_.emplace_back();
}

ProcessRegistry::Counters ProcessRegistry::counters() const {
  Counters sum{.accepted = accepted_.sum(),
               .processed = 0,
               .dead_lettered = system_.dead_letters().door_count(),
               .taken_by_processes = taken_by_processes_.sum(),
               .forwarded = forwarded_.sum()};
  MutexLock lock(worker_counters_mutex_);
  for (const DoorCounters& worker : worker_counters_) {
    sum.accepted += worker.accepted.get();
    sum.processed += worker.processed.get();
    sum.taken_by_processes += worker.taken_by_processes.get();
    sum.forwarded += worker.forwarded.get();
  }
  return sum;
}

}  // namespace nexus::core
