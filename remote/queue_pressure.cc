#include "remote/queue_pressure.h"

#include <limits>

#include "core/base/check.h"

namespace nexus::remote {
namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

// The least number that is that share, without an overflow.
std::size_t share_of(std::size_t max, std::uint32_t percent) {
  return max / 100 * percent + (max % 100 * percent + 99) / 100;
}

}  // namespace

std::string_view to_string(PressureLevel level) {
  switch (level) {
    case PressureLevel::normal:
      return "normal";
    case PressureLevel::high:
      return "high";
    case PressureLevel::critical:
      return "critical";
  }
  return "";
}

QueuePressure::QueuePressure(const Options& options) {
  CHECK(options.count_max > 0 && options.bytes_max > 0);
  CHECK(kFallPercent < options.high_percent && options.high_percent < options.critical_percent &&
        options.critical_percent <= 100);
  const auto at = [&](std::uint32_t percent) {
    return Threshold{share_of(options.count_max, percent), share_of(options.bytes_max, percent)};
  };
  rises_ = {at(options.high_percent), at(options.critical_percent), Threshold{kNever, kNever}};
  falls_ = {Threshold{0, 0}, at(options.high_percent - kFallPercent),
            at(options.critical_percent - kFallPercent)};
  set_level(0);
}

void QueuePressure::set_level(std::size_t level) {
  rise_ = rises_[level];
  fall_ = falls_[level];
  level_.store(static_cast<PressureLevel>(level), std::memory_order_relaxed);
}

std::optional<QueuePressure::Change> QueuePressure::move(std::size_t count, std::size_t bytes) {
  const PressureLevel before = level();
  auto now = static_cast<std::size_t>(before);
  while (now + 1 < rises_.size() && rises_[now].reached(count, bytes)) ++now;
  while (!falls_[now].reached(count, bytes)) --now;
  set_level(now);
  return Change{before, level(), ++change_count_};
}

}  // namespace nexus::remote
