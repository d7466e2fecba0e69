#include "core/dispatch/guest_workers.h"

#include "core/actor_system.h"

namespace nexus::core {

Worker* GuestWorkers::lend() {
  MutexLock lock(mutex_);
  if (closed_) return nullptr;
  if (spare_.empty()) {
    const OwnerId id = system_.take_worker_id();
    workers_.push_back(std::make_unique<Worker>(id, system_, system_.registry(),
                                                system_.registry().add_worker_counters(), id));
    return workers_.back().get();
  }
  Worker* worker = spare_.back();
  spare_.pop_back();
  return worker;
}

void GuestWorkers::take_back(Worker& worker) {
  MutexLock lock(mutex_);
  spare_.push_back(&worker);
  if (closed_) returned_.notify_all();
}

GuestWorkers::Turn GuestWorkers::run(ActorCell& cell, std::uint32_t throughput) {
  Worker* worker = lend();
  if (worker == nullptr) return Turn::closed;
  // The thread may be in a turn of another system.
  Worker* before = Worker::current();
  Worker::set_current(worker);
  cell.mailbox().adopt(worker->id());
  cell.run(*worker, throughput);
  Turn turn = worker->cell_is_gone ? Turn::ended : Turn::done;
  // It owns no other cell than the one it ran.
  if (ActorCell* again = worker->take_next()) {
    DCHECK(again == &cell);
    again->mailbox().hand_out(worker->id());
    turn = Turn::more;
  }
  Worker::set_current(before);
  take_back(*worker);
  return turn;
}

bool GuestWorkers::close(Instant deadline) {
  MutexLock lock(mutex_);
  closed_ = true;
  while (spare_.size() < workers_.size()) {
    if (clock_.now() >= deadline) return false;
    returned_.wait_until(mutex_, deadline);
  }
  return true;
}

}  // namespace nexus::core
