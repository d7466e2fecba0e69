// Backoff: how long to wait before the next attempt: min, min * factor, min * factor^2 and so on, at most max, each shortened by
// chance, so that what failed together does not come back together. Pure: no clock.
//
//   without_jitter()                any thread
//   wait_before(), next(), reset()   owner
//
// J1  The wait before attempt n is within [(1 - jitter) * without_jitter(n), without_jitter(n)].
// J2  Equal options and seeds give equal waits.
//
// Source: exponential back-off, Metcalfe and Boggs, "Ethernet", CACM 19(7), 1976; jitter, M. Brooker, "Exponential Backoff and
// Jitter", AWS Architecture Blog, 2015.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

#include "core/base/clock.h"

namespace nexus::core {

class Backoff {
 public:
  struct Options {
    // 0 < min <= max.
    Duration min = std::chrono::milliseconds(100);
    Duration max = std::chrono::seconds(10);
    // >= 1.
    double factor = 2.0;
    // In [0, 1]: the largest share of a wait that chance may take off.
    double jitter = 0.2;
  };

  Backoff(Options options, std::uint32_t seed);

  // min * factor^attempt, at most max. The first attempt is 0.
  Duration without_jitter(std::uint32_t attempt) const;

  // without_jitter(attempt), shortened by the next chance.
  Duration wait_before(std::uint32_t attempt);
  // The wait before this attempt; the next call is about the next one.
  Duration next();
  // After a success: the next wait is again the first. Does not go back in the row of chances.
  void reset() { attempt_ = 0; }

  // How often next() was called since the beginning or the last reset().
  std::uint32_t attempt() const { return attempt_; }

 private:
  const Options options_;
  std::uint32_t attempt_ = 0;
  // Eight bytes of state: many actors may have one of these.
  std::minstd_rand random_;
};

}  // namespace nexus::core
