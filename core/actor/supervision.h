// Supervision: what a parent does about a child that failed. Pure: no threads, no clock, no I/O.
//
//   decide()   the parent's turn; several parents may share one strategy, so it changes nothing
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "core/actor/backoff.h"
#include "core/actor/restart_statistics.h"
#include "core/actor/system_messages.h"
#include "core/base/clock.h"

namespace nexus::core {

enum class Directive : std::uint8_t {
  // Goes on with the next message and keeps its state.
  resume,
  // A new actor object takes over the mailbox; the children are stopped.
  restart,
  stop,
  // The parent fails in turn.
  escalate,
};
const char* to_string(Directive directive);

struct Verdict {
  // Implicit: most verdicts are a directive and nothing else.
  Verdict(Directive what) : directive(what) {}
  Verdict(Directive what, Duration after) : directive(what), delay(after) {}

  Directive directive;
  // Before a restart; the child waits suspended. >= 0. There is none when the child has been restarted meanwhile.
  Duration delay{};
  // A restart or a stop reaches the siblings of the child, too.
  bool all_children = false;
};

// On the event stream, for each failure that was decided about.
struct SupervisionEvent {
  Pid child;
  // what() of the exception, and the name of the message in whose turn it was thrown.
  std::string reason;
  std::string message_name;
  Directive directive;
  Duration delay{};
};

class SupervisionStrategy {
 public:
  virtual ~SupervisionStrategy() = default;
  // With the failure already recorded in `statistics`.
  virtual Verdict decide(const Failure& failure, const RestartStatistics& statistics,
                         Instant now) const = 0;
};

// First word about a failure; the limits of the strategy apply when it says restart.
using Decider = std::function<Directive(const Failure&)>;

// Each child stands for itself: restart it, unless it failed more than `restart_count_max` times within `window`.
class OneForOneStrategy final : public SupervisionStrategy {
 public:
  struct Options {
    // 0 = never restart. At most RestartStatistics::kFailureCountMax - 1.
    std::size_t restart_count_max = 10;
    Duration window = std::chrono::seconds(10);
    // Empty = always restart.
    Decider decider{};
  };

  OneForOneStrategy() = default;
  explicit OneForOneStrategy(Options options);

  Verdict decide(const Failure& failure, const RestartStatistics& statistics,
                 Instant now) const override;

 private:
  Options options_;
};

// All children share one fate: a restart or a stop of one is one of all. Limits as above, by the failures of the child that fails.
class AllForOneStrategy final : public SupervisionStrategy {
 public:
  using Options = OneForOneStrategy::Options;

  AllForOneStrategy() = default;
  explicit AllForOneStrategy(Options options) : one_(std::move(options)) {}

  Verdict decide(const Failure& failure, const RestartStatistics& statistics,
                 Instant now) const override;

 private:
  OneForOneStrategy one_;
};

// Restarts after a wait that grows with each failure: backoff.min, backoff.min * factor and so on up to backoff.max. A child that
// did not fail for `reset_after` begins anew.
class ExponentialBackoffStrategy final : public SupervisionStrategy {
 public:
  struct Options {
    Backoff::Options backoff{};
    // > backoff.max.
    Duration reset_after = std::chrono::minutes(1);
    // Failures within reset_after beyond which the child is stopped. At most RestartStatistics::kFailureCountMax - 1.
    std::size_t restart_count_max = RestartStatistics::kFailureCountMax - 1;
    // Empty = always restart.
    Decider decider{};
  };

  ExponentialBackoffStrategy() : ExponentialBackoffStrategy(Options{}) {}
  explicit ExponentialBackoffStrategy(Options options);

  Verdict decide(const Failure& failure, const RestartStatistics& statistics,
                 Instant now) const override;

 private:
  const Options options_;
};

// Restarts at once, however often.
class AlwaysRestartStrategy final : public SupervisionStrategy {
 public:
  Verdict decide(const Failure&, const RestartStatistics&, Instant) const override {
    return Directive::restart;
  }
};

}  // namespace nexus::core
