// RuntimeTelemetry: how long messages wait and actors run in one ActorSystem, measured on samples and exact for each of them.
//
//   set_sampling(), sampling(), snapshot()   any thread
//   add_worker()                             any thread; for the constructor of Worker
//   choose()                                 threads that have no Sampler
//
// L3  Queue dwell of a message: from its entry into a mailbox, lane and sender whichever, until it is taken out for its turn. A
//     message that is stashed or laid aside and put back counts once: until it was first handed out.
// L4  Schedule latency: from a message that makes an idle actor runnable, or the end of a turn that leaves messages behind,
//     until the turn that follows. Turn time: of those turns. The turn after a spawn, and turns in which a system message
//     overtook the one that was chosen, are not sampled.
// L5  Waiting messages and actors are read while they change, so the numbers are about right; counts of drops are exact.
//
// What is measured belongs to the worker that runs the actor: one writer a histogram, merged by snapshot().
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "core/base/mutex.h"
#include "core/process/dead_letter_reason.h"
#include "core/telemetry/histogram.h"
#include "core/telemetry/sampler.h"

namespace nexus::core {

class ActorSystem;

// One worker's own.
struct WorkerTelemetry {
  Histogram dwell;
  Histogram schedule_latency;
  Histogram turn_time;
};

class RuntimeTelemetry {
 public:
  explicit RuntimeTelemetry(ActorSystem& system);

  // 1 in so many messages and turns; 0 = none, 1 = all. Threads follow within Sampler::kFollowMax messages.
  void set_sampling(std::uint32_t one_in) { rate_.set(one_in); }
  std::uint32_t sampling() const { return rate_.get(); }

  struct Snapshot {
    // Of what was sampled since the system began.
    HistogramSnapshot dwell;
    HistogramSnapshot schedule_latency;
    HistogramSnapshot turn_time;
    // User messages in mailboxes; actors that wait for a worker.
    std::uint64_t waiting_message_count = 0;
    std::uint64_t waiting_actor_count = 0;
    // By DeadLetterReason.
    std::array<std::uint64_t, kDeadLetterReasonCount> drop_counts{};

    std::uint64_t drop_count(DeadLetterReason reason) const {
      return drop_counts[static_cast<std::size_t>(reason)];
    }
  };
  Snapshot snapshot() const;

  const SamplingRate& rate() const { return rate_; }
  // Lives as long as the system.
  WorkerTelemetry& add_worker();
  // Whether the next message is measured.
  [[nodiscard]] bool choose() const;

 private:
  ActorSystem& system_;
  SamplingRate rate_;
  mutable Mutex workers_mutex_{"telemetry_workers"};
  std::deque<WorkerTelemetry> workers_ GUARDED_BY(workers_mutex_);
};

}  // namespace nexus::core
