// QueuePressure: how full the queue for one peer is, in three levels, so that senders can slow down before messages are turned away.
// Pure.
//
//   update()   owner        the endpoint, under its mutex
//   level()    any thread   no lock
//
// H1  Messages and bytes are shares of their limits, and the larger share counts.
// H2  A level begins at its percentage, and ends kFallPercent points below it: a queue that stays about there changes no level.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nexus::remote {

enum class PressureLevel : std::uint8_t { normal, high, critical };
// The enumerator's name.
std::string_view to_string(PressureLevel level);

class QueuePressure {
 public:
  static constexpr std::uint32_t kFallPercent = 10;

  struct Options {
    // What may wait; > 0.
    std::size_t count_max;
    std::size_t bytes_max;
    // Shares at which the levels begin: kFallPercent < high < critical <= 100.
    std::uint32_t high_percent = 60;
    std::uint32_t critical_percent = 85;
  };
  struct Change {
    PressureLevel before;
    PressureLevel level;
    // Counts the changes from 1, so that an onlooker knows which of two is the later.
    std::uint64_t number;
  };

  explicit QueuePressure(const Options& options);

  // Whether update() would rise: enough to ask after something was added.
  bool rises(std::size_t count, std::size_t bytes) const { return rise_.reached(count, bytes); }
  // What waits now. Nothing when the level stays.
  std::optional<Change> update(std::size_t count, std::size_t bytes) {
    if (!rise_.reached(count, bytes) && fall_.reached(count, bytes)) return std::nullopt;
    return move(count, bytes);
  }
  // Relaxed: advice, it publishes nothing.
  PressureLevel level() const { return level_.load(std::memory_order_relaxed); }

 private:
  struct Threshold {
    std::size_t count;
    std::size_t bytes;
    bool reached(std::size_t c, std::size_t b) const { return c >= count || b >= bytes; }
  };

  std::optional<Change> move(std::size_t count, std::size_t bytes);
  void set_level(std::size_t level);

  // Of the level that holds.
  Threshold rise_;
  Threshold fall_;
  std::atomic<PressureLevel> level_{PressureLevel::normal};
  std::uint64_t change_count_ = 0;
  // By level: from where on the next one is reached, and below which this one ends. Nothing is above critical or below normal.
  std::array<Threshold, 3> rises_;
  std::array<Threshold, 3> falls_;
};

}  // namespace nexus::remote
