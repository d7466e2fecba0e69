// Time as the runtime sees it: a steady clock that protocols never read; they get `now` as an argument.
#pragma once

#include <chrono>

namespace nexus::core {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

// `now` + `patience`, or the end of time when that lies beyond it: "for ever" is a legal patience.
inline Instant deadline_after(Instant now, Duration patience) {
  return patience > Instant::max() - now ? Instant::max() : now + patience;
}

class Clock {
 public:
  virtual ~Clock() = default;
  // Any thread. Never goes back.
  virtual Instant now() const = 0;
};

class SteadyClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }
};

// Not before now, and at most one tick of the kernel's coarse clock (some milliseconds) after; a fifth of the cost of now().
// For deadlines that may be noticed a little late.
Instant soon();

}  // namespace nexus::core
