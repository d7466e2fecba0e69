// Supervision: what a parent does about a child that failed. Pure: no threads, no clock, no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

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

class SupervisionStrategy {
 public:
  virtual ~SupervisionStrategy() = default;
  // Called in the parent's turn, with the failure already recorded in `statistics`.
  virtual Directive decide(const Failure& failure, const RestartStatistics& statistics,
                           Instant now) const = 0;
};

// Each child stands for itself: restart it, unless it failed more than `restart_count_max` times within `window`.
class OneForOneStrategy final : public SupervisionStrategy {
 public:
  struct Options {
    // 0 = never restart. At most RestartStatistics::kFailureCountMax - 1.
    std::size_t restart_count_max = 10;
    Duration window = std::chrono::seconds(10);
    // First word; the limits above apply when it says restart. Empty = always restart.
    std::function<Directive(const Failure&)> decider{};
  };

  OneForOneStrategy() = default;
  explicit OneForOneStrategy(Options options);

  Directive decide(const Failure& failure, const RestartStatistics& statistics,
                   Instant now) const override;

 private:
  Options options_;
};

}  // namespace nexus::core
