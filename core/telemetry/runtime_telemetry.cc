#include "core/telemetry/runtime_telemetry.h"

#include "core/actor_system.h"
#include "core/base/tick_clock.h"

namespace nexus::core {

RuntimeTelemetry::RuntimeTelemetry(ActorSystem& system) : system_(system) { TickClock::prepare(); }

WorkerTelemetry& RuntimeTelemetry::add_worker() {
  MutexLock lock(workers_mutex_);
  return workers_.emplace_back();
}

bool RuntimeTelemetry::choose() const {
  const std::uint32_t one_in = rate_.get();
  if (one_in <= 1) return one_in == 1;
  // A Weyl sequence, mixed. Each thread has its own address of it to begin with.
  thread_local std::uint64_t place = reinterpret_cast<std::uintptr_t>(&place);
  place += 0x9e37'79b9'7f4a'7c15u;
  std::uint64_t mixed = (place ^ (place >> 32)) * 0xd6e8'feb8'6659'fd93u;
  mixed ^= mixed >> 32;
  return mixed % one_in == 0;
}

RuntimeTelemetry::Snapshot RuntimeTelemetry::snapshot() const {
  Snapshot taken;
  {
    MutexLock lock(workers_mutex_);
    for (const WorkerTelemetry& worker : workers_) {
      worker.dwell.add_to(taken.dwell);
      worker.schedule_latency.add_to(taken.schedule_latency);
      worker.turn_time.add_to(taken.turn_time);
    }
  }
  const ProcessRegistry::Counters counters = system_.registry().counters();
  const std::uint64_t ended = counters.processed + counters.dead_lettered +
                              counters.taken_by_processes + counters.forwarded;
  taken.waiting_message_count = counters.accepted > ended ? counters.accepted - ended : 0;
  taken.waiting_actor_count = system_.dispatcher().waiting_count();
  for (std::size_t i = 0; i < kDeadLetterReasonCount; ++i) {
    taken.drop_counts[i] = system_.dead_letters().count(static_cast<DeadLetterReason>(i));
  }
  return taken;
}

}  // namespace nexus::core
