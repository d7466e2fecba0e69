#include "core/dispatch/worker.h"

#include <thread>

#include "core/actor_system.h"

namespace nexus::core {
namespace {

// A thread that was interrupted inside a section is not waited for.
constexpr int kSectionPatience = 1000;
// The places that are reserved for what is held are few of its limit.
constexpr std::uint32_t kHoldLimitMin = 4096;

Mailbox::Push push_held(Outbox::Chain& held) {
  Mailbox& mailbox = held.cell->mailbox();
  mailbox.give_back_places(Outbox::kCountMax - held.envelopes.count());
  return mailbox.push(held.envelopes);
}

}  // namespace

constinit thread_local Worker* Worker::t_current_ = nullptr;

Worker::Worker(OwnerId id, ActorSystem& system, ProcessRegistry& registry, DoorCounters& counters,
               OwnerId claims)
    : id_(id),
      claims_(claims),
      system_(system),
      registry_(registry),
      counters_(counters),
      sampler_(system.telemetry().rate(), id),
      telemetry_(system.telemetry().add_worker()) {}

void Worker::note_taken(Envelope& envelope, bool first_of_turn) {
  const Ticks now = TickClock::now();
  const Envelope::Times times = envelope.take_times();
  if (times.entered_at != 0) telemetry_.dwell.record(TickClock::between(times.entered_at, now));
  if (times.runnable_at == 0 || !first_of_turn) return;
  telemetry_.schedule_latency.record(TickClock::between(times.runnable_at, now));
  timed_turn_begun_at_ = now;
}

void Worker::record_turn() {
  const Ticks begun_at = std::exchange(timed_turn_begun_at_, 0);
  telemetry_.turn_time.record(TickClock::between(begun_at, TickClock::now()));
}

void Worker::wait_for_rescuer() {
  in_section_.store(false, std::memory_order_release);
  { MutexLock lock(rescue_mutex_); }
  in_section_.store(true, std::memory_order_relaxed);
  light_fence();
}

bool Worker::hold(ActorCell& cell, EnvelopePtr& envelope) {
  DCHECK(&cell.system() == &system_);
  if (holds_some() && hold_more(cell, envelope->target_generation(), envelope)) return true;
  Mailbox& mailbox = cell.mailbox();
  if (running_ == nullptr || mailbox.user_count_approx() < hold_from_ ||
      mailbox.user_count_max() < kHoldLimitMin) {
    return false;
  }
  Section section(*this);
  if (!outbox_.has_place(cell) || !mailbox.reserve_places(Outbox::kCountMax)) return false;
  if (sampler_.due()) [[unlikely]]
    envelope->note_entered(false);
  (void)outbox_.add(cell, std::move(envelope));
  return true;
}

bool Worker::hold_more(ActorCell& cell, std::uint32_t generation, EnvelopePtr& envelope) {
  Outbox::Chain leaving;
  bool held = false;
  {
    Section section(*this);
    if (!outbox_.has(cell)) return false;
    // What is for another actor of the cell has that one's limit and onlookers to pass.
    held = outbox_.has(cell, generation);
    if (held) [[likely]] {
      envelope->set_target_generation(generation);
      if (sampler_.due()) [[unlikely]]
        envelope->note_entered(false);
      if (outbox_.add(cell, std::move(envelope)) < Outbox::kCountMax) return true;
    }
    leaving = outbox_.take(cell);
  }
  send(std::move(leaving));
  return held;
}

void Worker::send_held(ActorCell& cell) {
  Outbox::Chain held;
  {
    Section section(*this);
    held = outbox_.take(cell);
  }
  if (held.cell != nullptr) send(std::move(held));
}

void Worker::send_all_held() {
  for (;;) {
    Outbox::Chain held;
    {
      Section section(*this);
      if (outbox_.empty()) return;
      held = outbox_.take_one();
    }
    send(std::move(held));
  }
}

// Outside of a section: it may take locks, and a dead letter may run anybody's code.
void Worker::send(Outbox::Chain held) {
  ActorCell& cell = *held.cell;
  switch (push_held(held)) {
    case Mailbox::Push::pushed:
      break;
    case Mailbox::Push::enqueue:
      cell.system().dispatcher_of(cell).schedule(cell);
      break;
    case Mailbox::Push::dead:
      registry_.turn_away(cell, std::move(held.envelopes));
  }
}

// The cell was claimed just now, so what is held for it goes to a mailbox of this worker.
void Worker::take_back(ActorCell& cell) {
  Outbox::Chain held = outbox_.take(cell);
  if (held.cell == nullptr) return;
  CHECK(push_held(held) == Mailbox::Push::pushed);
  cell.mailbox().take_pushed(id_);
}

bool Worker::rescue(Rescued& rescued) {
  MutexLock lock(rescue_mutex_);
  revoked_.store(true, std::memory_order_seq_cst);
  // Now the worker either sees the line above when it next enters, or is seen inside below.
  heavy_fence();
  int patience = kSectionPatience;
  // Acquire pairs with the release at a section's end.
  while (in_section_.load(std::memory_order_acquire) && patience > 0) {
    --patience;
    std::this_thread::yield();
  }
  const bool alone = patience > 0;
  if (alone) {
    if (next_ != nullptr) hand_out_one(*std::exchange(next_, nullptr), rescued.cells);
    while (ActorCell* cell = ring_.pop_front()) hand_out_one(*cell, rescued.cells);
    while (!outbox_.empty()) {
      Outbox::Chain& held = outbox_.first();
      switch (push_held(held)) {
        case Mailbox::Push::pushed:
          break;
        case Mailbox::Push::enqueue:
          rescued.cells.push_back(held.cell);
          break;
        case Mailbox::Push::dead:
          rescued.turned_away.push_back({held.cell, std::move(held.envelopes)});
      }
      outbox_.drop_first();
    }
  }
  revoked_.store(false, std::memory_order_release);
  return alone;
}

}  // namespace nexus::core
