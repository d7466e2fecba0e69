// Worker: what a thread that runs actors has of its own: the cells that it owns, and the way of a message to them.
//
//   current()        any thread
//   append(), hold(), run_later(), spare_cells, counters, ..   code that runs on this worker
//   rescue()         any other thread
//
// K1  The mailbox of every cell in `next_` and `ring_`, and of the cell that runs, names this worker as owner; no other does.
// K2  A cell that becomes runnable takes the `next_` slot, so that its message is handled while it is in the cache; what it
//     pushes out goes to the ring. Of kNextChainMax cells in a row one comes from the ring: so many, so that a ring of short turns is
//     through before its cells would be shared with another worker (docs/design/0013-outbox.md).
// K3  `next_`, `ring_`, `outbox_` and the lanes of the cells in them are touched inside a Section only. A section costs two plain stores:
//     the rescuer, who wants to be the only one, pays for both with a heavy fence.
// K4  What a worker holds for a mailbox enters it before anything else that the worker sends there, before the turn ends that
//     sent it, and when the worker is rescued. It is held only for mailboxes of its own system that are far behind.
// K5  A worker follows only the idle cells of its own dispatcher, and only where that is the system's; a cell that is bound to
//     another runs on that one's threads, whoever sends to it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/actor/actor_cell.h"
#include "core/base/asymmetric_fence.h"
#include "core/base/atomic.h"
#include "core/base/mutex.h"
#include "core/dispatch/cell_ring.h"
#include "core/dispatch/outbox.h"
#include "core/mailbox/mailbox.h"
#include "core/process/door_counters.h"
#include "core/telemetry/sampler.h"

namespace nexus::core {

class ActorSystem;
class FutureSlot;
class ProcessRegistry;
struct WorkerTelemetry;

class alignas(64) Worker {
 public:
  // `claims`: the idle cells that it may make its own, kIdle or, for none, its own id.
  Worker(OwnerId id, ActorSystem& system, ProcessRegistry& registry, DoorCounters& counters,
         OwnerId claims = kIdle);

  // The worker whose thread this is; null on other threads.
  static Worker* current() { return t_current_; }
  // The same, when it is one of `system`; else null.
  static Worker* current_of(const ActorSystem& system) {
    return t_current_ != nullptr && &t_current_->system_ == &system ? t_current_ : nullptr;
  }
  // By the thread itself, when it begins and (null) ends.
  static void set_current(Worker* worker) { t_current_ = worker; }

  OwnerId id() const { return id_; }
  // New actors of the system's own dispatcher may begin here.
  bool may_claim() const { return claims_ == kIdle; }
  ActorSystem& system() const { return system_; }
  ProcessRegistry& registry() const { return registry_; }
  DoorCounters& counters() { return counters_; }
  // Of the messages that this worker sends, and of the turns that it puts off.
  Sampler& sampler() { return sampler_; }

  enum class Append : std::uint8_t { appended, full, not_mine };
  // The cheap way of a message: the cell belongs to this worker, or nobody, and then does now. On `full` and `not_mine` the
  // envelope stays with the caller.
  [[nodiscard, gnu::always_inline]] inline Append append(ActorCell& cell, EnvelopePtr& envelope,
                                                         Lane lane, bool exempt) {
    Section section(*this);
    Mailbox& mailbox = cell.mailbox();
    const Mailbox::Claim claim = mailbox.claim(id_, claims_);
    switch (claim) {
      case Mailbox::Claim::own:
        break;
      case Mailbox::Claim::claimed:
        if (!outbox_.empty()) [[unlikely]]
          take_back(cell);
        make_runnable(cell);
        break;
      case Mailbox::Claim::refused:
        return Append::not_mine;
    }
    if (lane == Lane::user && !exempt && !mailbox.has_room()) return Append::full;
    if (sampler_.due()) [[unlikely]]
      envelope->note_entered(claim == Mailbox::Claim::claimed);
    if (lane == Lane::system) {
      mailbox.append_system(std::move(envelope));
      return Append::appended;
    }
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
  // See CellRing::begin().
  std::size_t ring_begin() const { return ring_.begin(); }
  // The same as backlog(), but for the newest; any thread, while it changes.
  std::size_t backlog_approx() const { return ring_.size_approx(); }
  // Moves up to `count` cells from the end of the ring to `cells`; they are `queued` then.
  void hand_out(std::size_t count, std::vector<ActorCell*>& cells) {
    Section section(*this);
    for (; count > 0 && !ring_.empty(); --count) hand_out_one(*ring_.pop_back(), cells);
  }

  // By the cell that runs: a timed message is taken out, the first of this turn or a later one.
  void note_taken(Envelope& envelope, bool first_of_turn);

  // Keeps a user message for a cell of another worker of this system until the turn ends, or sooner (K4). False when it is not to be
  // kept: what was kept for the cell has left then.
  [[nodiscard]] bool hold(ActorCell& cell, EnvelopePtr& envelope);
  // The same, when it is sure already that nobody else must look at the cell: some is held for it, and for the same actor.
  [[nodiscard]] bool hold_more(ActorCell& cell, std::uint32_t generation, EnvelopePtr& envelope);
  bool holds_some() const { return !outbox_.empty(); }
  // Sends all that is held, or what is held for one cell.
  void send_held() {
    if (holds_some()) [[unlikely]]
      send_all_held();
  }
  void send_held(ActorCell& cell);

  // The cell whose turn this is; null between turns.
  ActorCell* running() const { return running_; }
  // By the cell that runs, around its turn.
  void begin_turn(ActorCell& cell) {
    cell_is_gone = false;
    running_ = &cell;
  }
  // By a dispatcher that ran other cells within a turn; null when it was in none.
  void resume_turn(ActorCell* cell) { running_ = cell; }
  void end_turn() {
    send_held();
    running_ = nullptr;
    if (timed_turn_begun_at_ != 0) [[unlikely]]
      record_turn();
  }
  // Set by the cell whose actor has ended: it may be somebody else's already.
  bool cell_is_gone = false;
  // Cells without an actor, kept for the next spawn; see CellTable.
  std::vector<ActorCell*> spare_cells;
  // Cells whose names rest, on their way to the others; see CellTable.
  std::vector<ActorCell*> resting_cells;
  // Slots without a request, kept for the next; see FutureTable.
  std::vector<FutureSlot*> spare_futures;

  // Changes whenever a cell is taken; when it does not, the worker is idle or in a long turn.
  std::uint64_t turn_count() const { return turn_count_.load(std::memory_order_relaxed); }
  struct Rescued {
    // They are `queued`, of any dispatcher.
    std::vector<ActorCell*> cells;
    // What was held for actors that have ended.
    std::vector<Outbox::Chain> turned_away;
  };
  // Any other thread: takes all cells that wait here while the worker is in a long turn, and sends what it holds. False when
  // the worker was just touching them; try again later.
  bool rescue(Rescued& rescued);
  // By its dispatcher, before it runs, when somebody rescues it: from now on it may hold messages for mailboxes in which `count`
  // wait already.
  void hold_from(std::uint32_t count) { hold_from_ = count; }

 private:
  static constexpr std::uint32_t kNextChainMax = 2;

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
  void record_turn();
  void send_all_held();
  void send(Outbox::Chain held);
  void take_back(ActorCell& cell);

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
  const OwnerId claims_;
  ActorSystem& system_;
  ProcessRegistry& registry_;
  DoorCounters& counters_;

  Sampler sampler_;
  // 0 while no turn, or one that is not measured, goes on.
  Ticks timed_turn_begun_at_ = 0;
  WorkerTelemetry& telemetry_;

  Atomic<bool> in_section_{false};
  ActorCell* next_ = nullptr;
  std::uint32_t next_chain_ = 0;
  CellRing ring_;
  Atomic<std::uint64_t> turn_count_{0};
  ActorCell* running_ = nullptr;
  std::uint32_t hold_from_ = UINT32_MAX;
  Outbox outbox_;

  // Written by rescuers.
  alignas(64) Atomic<bool> revoked_{false};
  // Held by a rescuer while the sections are revoked.
  Mutex rescue_mutex_{"worker_rescue"};
};

}  // namespace nexus::core
