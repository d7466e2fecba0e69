// DeadLetters: where every message ends that nobody handles. Counts by reason, tells the sender of a request, publishes a
// DeadLetter on the event stream and logs, throttled.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "core/actor/envelope.h"
#include "core/actor/throttler.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mutex.h"
#include "core/base/sharded_counter.h"
#include "core/process/dead_letter_reason.h"
#include "core/process/process.h"

namespace nexus::core {

class EventStream;
class ActorSystem;

// Published on the event stream.
struct DeadLetter {
  Pid target;
  Pid sender;
  std::string message_name;
  DeadLetterReason reason;
};

class DeadLetters {
 public:
  struct Options {
    // So many are logged within the window, the rest are summed up.
    std::uint32_t logged_count_max = 10;
    Duration log_window = std::chrono::seconds(1);
  };

  DeadLetters(Options options, ActorSystem& system, EventStream& events, const Clock& clock,
              Log log);

  enum class Tell : std::uint8_t { sender, nobody };
  // Any thread. Takes a message that nobody will handle.
  void take(const Pid& target, EnvelopePtr envelope, Lane lane, DeadLetterReason reason,
            Tell tell = Tell::sender);

  std::uint64_t count(DeadLetterReason reason) const {
    return counts_[static_cast<std::size_t>(reason)].sum();
  }
  // User messages of the first group and of the last. System messages are not counted.
  std::uint64_t door_count() const;
  std::uint64_t link_count() const;

 private:
  void log_throttled(const DeadLetter& letter);

  ActorSystem& system_;
  EventStream& events_;
  const Clock& clock_;
  const Log log_;

  std::array<ShardedCounter, kDeadLetterReasonCount> counts_;

  // Rare: taken per dead letter, never while calling out.
  Mutex log_mutex_{"dead_letter_log"};
  Throttle throttle_ GUARDED_BY(log_mutex_);
};

}  // namespace nexus::core
