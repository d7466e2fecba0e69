// Worker: one thread's share of a WorkStealingDispatcher: the cells that it owns, and the way of a message to them.
//
//   current()        any thread
//   append(), run_later(), spare_cells, counters, ..   code that runs on this worker
//   rescue()         any other thread
//
// K1  The mailbox of every cell in `next_` and `ring_`, and of the cell that runs, names this worker as owner; no other does.
// K2  A cell that becomes runnable takes the `next_` slot, so that its message is handled while it is in the cache; what it
//     pushes out goes to the ring. After kNextChainMax cells from the slot the ring has its turn.
// K3  `next_`, `ring_` and the lanes of the cells in them are touched inside a Section only. A section costs two plain stores:
//     the rescuer, who wants to be the only one, pays for both with a heavy fence.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "core/actor/actor_cell.h"
#include "core/base/asymmetric_fence.h"
#include "core/base/mutex.h"
#include "core/dispatch/cell_ring.h"
#include "core/mailbox/mailbox.h"
#include "core/process/door_counters.h"

namespace nexus::core {

class ActorSystem;
class FutureSlot;
class ProcessRegistry;

class alignas(64) Worker {
 public:
  Worker(OwnerId id, ActorSystem& system, ProcessRegistry& registry, DoorCounters& counters)
      : id_(id), system_(system), registry_(registry), counters_(counters) {}

  // The worker whose thread this is; null on other threads.
  static Worker* current() { return t_current_; }
  // By the thread itself, when it begins and (null) ends.
  static void set_current(Worker* worker) { t_current_ = worker; }

  OwnerId id() const { return id_; }
  ActorSystem& system() const { return system_; }
  ProcessRegistry& registry() const { return registry_; }
  DoorCounters& counters() { return counters_; }

  enum class Append : std::uint8_t { appended, full, not_mine };
  // The cheap way of a message: the cell belongs to this worker, or nobody, and then does now. On `full` and `not_mine` the
  // envelope stays with the caller.
  [[nodiscard, gnu::always_inline]] inline Append append(ActorCell& cell, EnvelopePtr& envelope,
                                                         Lane lane, bool exempt) {
    Section section(*this);
    Mailbox& mailbox = cell.mailbox();
    switch (mailbox.claim(id_)) {
      case Mailbox::Claim::own:
        break;
      case Mailbox::Claim::claimed:
        make_runnable(cell);
        break;
      case Mailbox::Claim::refused:
        return Append::not_mine;
    }
    if (lane == Lane::system) {
      mailbox.append_system(std::move(envelope));
      return Append::appended;
    }
    if (!exempt && !mailbox.has_room()) return Append::full;
    mailbox.append_user(std::move(envelope));
    return Append::appended;
  }
  // A cell that this worker owns takes its place at the end of the ring.
  void run_later(ActorCell& cell) {
    Section section(*this);
    ring_.push_back(cell);
  }
  // The next cell to run, null when there is none.
  ActorCell* take_next() {
    Section section(*this);
    turn_count_.store(turn_count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (next_ != nullptr) {
      ActorCell* cell = std::exchange(next_, nullptr);
      if (++next_chain_ < kNextChainMax || ring_.empty()) return cell;
      ring_.push_back(*cell);
    }
    next_chain_ = 0;
    return ring_.pop_front();
  }
  // Cells that wait here.
  std::size_t backlog() {
    Section section(*this);
    return ring_.size() + (next_ != nullptr ? 1 : 0);
  }
  // Moves up to `count` cells from the end of the ring to `cells`; they are `queued` then.
  void hand_out(std::size_t count, std::vector<ActorCell*>& cells) {
    Section section(*this);
    for (; count > 0 && !ring_.empty(); --count) hand_out_one(*ring_.pop_back(), cells);
  }

  // Set by the cell whose actor has ended: it may be somebody else's already.
  bool cell_is_gone = false;
  // Cells without an actor, kept for the next spawn; see CellTable.
  std::vector<ActorCell*> spare_cells;
  // Slots without a request, kept for the next; see FutureTable.
  std::vector<FutureSlot*> spare_futures;

  // Changes whenever a cell is taken; when it does not, the worker is idle or in a long turn.
  std::uint64_t turn_count() const { return turn_count_.load(std::memory_order_relaxed); }
  // Any other thread: takes all cells that wait here while the worker is in a long turn. False
  // when the worker was just touching them; try again later.
  bool rescue(std::vector<ActorCell*>& cells);

 private:
  static constexpr std::uint32_t kNextChainMax = 64;

  class Section {
   public:
    explicit Section(Worker& worker) : worker_(worker) { worker.enter_section(); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    // Release: the rescuer sees what was done here.
    ~Section() { worker_.in_section_.store(false, std::memory_order_release); }

   private:
    Worker& worker_;
  };
  void enter_section() {
    in_section_.store(true, std::memory_order_relaxed);
    light_fence();
    // Acquire: this worker sees what a rescuer did.
    while (revoked_.load(std::memory_order_acquire)) [[unlikely]] wait_for_rescuer();
  }
  void wait_for_rescuer();

  void make_runnable(ActorCell& cell) {
    ActorCell* pushed_out = std::exchange(next_, &cell);
    if (pushed_out != nullptr) ring_.push_back(*pushed_out);
  }
  void hand_out_one(ActorCell& cell, std::vector<ActorCell*>& cells) {
    cell.mailbox().hand_out(id_);
    cells.push_back(&cell);
  }

  static constinit thread_local Worker* t_current_;

  const OwnerId id_;
  ActorSystem& system_;
  ProcessRegistry& registry_;
  DoorCounters& counters_;

  std::atomic<bool> in_section_{false};
  ActorCell* next_ = nullptr;
  std::uint32_t next_chain_ = 0;
  CellRing ring_;
  std::atomic<std::uint64_t> turn_count_{0};

  // Written by rescuers.
  alignas(64) std::atomic<bool> revoked_{false};
  // Held by a rescuer while the sections are revoked.
  Mutex rescue_mutex_{"worker_rescue"};
};

}  // namespace nexus::core
