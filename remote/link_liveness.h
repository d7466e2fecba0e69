// LinkLiveness: when to ask a silent peer for a word, and when to give its stream up. Pure.
//
//   all calls   owner
//
// V1  A peer is given up only when it was asked and did not answer for the whole rest of the timeout, so that a node which slept
//     itself does not take its own silence for the peer's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/base/clock.h"

namespace nexus::remote {

class LinkLiveness {
 public:
  struct Options {
    core::Duration interval;
    // Longer than the interval.
    core::Duration timeout;
  };
  enum class Verdict : std::uint8_t { alive, ask, dead };
  struct Next {
    Verdict verdict;
    // When to come again.
    core::Instant at;
  };

  explicit LinkLiveness(Options options) : options_(options) {}

  // Anything came from the peer.
  void on_heard(core::Instant now) {
    heard_at_ = now;
    asked_at_.reset();
  }
  [[nodiscard]] Next on_time(core::Instant now) {
    if (now - heard_at_ < options_.interval) {
      return {Verdict::alive, heard_at_ + options_.interval};
    }
    if (!asked_at_) asked_at_ = now;
    const core::Instant end = *asked_at_ + (options_.timeout - options_.interval);
    if (now >= end) return {Verdict::dead, now};
    return {Verdict::ask, std::min(now + options_.interval, end)};
  }

 private:
  const Options options_;
  core::Instant heard_at_{};
  // Since it was heard.
  std::optional<core::Instant> asked_at_;
};

}  // namespace nexus::remote
