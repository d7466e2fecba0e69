#include "core/dispatch/worker.h"

#include <thread>

#include "core/actor_system.h"

namespace nexus::core {
namespace {

// A thread that was interrupted inside a section is not waited for.
constexpr int kSectionPatience = 1000;

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

bool Worker::rescue(std::vector<ActorCell*>& cells) {
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
    if (next_ != nullptr) hand_out_one(*std::exchange(next_, nullptr), cells);
    while (ActorCell* cell = ring_.pop_front()) hand_out_one(*cell, cells);
  }
  revoked_.store(false, std::memory_order_release);
  return alone;
}

}  // namespace nexus::core
