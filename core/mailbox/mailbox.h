// Mailbox: the bounded queue between all who tell an actor something and the one worker running it.
//
//   push_user(), push_exempt(), push_system()   any thread   lock-free; never allocate, never wait
//   take_user(), take_system(), release_user()  owner        the worker whose RunState::begin_run() won
//
// M1  The owner can empty the system lane before each user envelope.
// M2  Within a lane, envelopes of one sender leave in the order they were pushed.
// M3  At most user_count_max user envelopes wait. push_user may answer `full` early, never late: while pushes race for the
//     last place, and by at most release_batch() envelopes that have been handled but whose places were not given back yet.
//     Exempt envelopes (Terminated and PoisonPill) take a place but are never turned away.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/actor/envelope.h"
#include "core/mailbox/envelope_stack.h"

namespace nexus::core {

class Mailbox {
 public:
  // On `full` the envelope stays with the caller.
  enum class Push : std::uint8_t { queued, full };

  [[nodiscard]] Push push_user(EnvelopePtr& envelope) {
    // Relaxed: the count is a limit, it publishes nothing.
    if (user_count_.fetch_add(1, std::memory_order_relaxed) >=
        user_count_max_.load(std::memory_order_relaxed)) {
      user_count_.fetch_sub(1, std::memory_order_relaxed);
      return Push::full;
    }
    user_lane_.push(std::move(envelope));
    return Push::queued;
  }
  void push_exempt(EnvelopePtr envelope) {
    user_count_.fetch_add(1, std::memory_order_relaxed);
    user_lane_.push(std::move(envelope));
  }
  void push_system(EnvelopePtr envelope) { system_lane_.push(std::move(envelope)); }

  EnvelopeList take_user() { return user_lane_.take_all(); }
  EnvelopeList take_system() { return system_lane_.take_all(); }
  bool has_system() const { return !system_lane_.empty_approx(); }
  // Gives the places of handled envelopes back.
  void release_user(std::uint32_t count) {
    if (count > 0) user_count_.fetch_sub(count, std::memory_order_relaxed);
  }
  // How many places to give back at once: senders write the same cache line, so the owner writes it seldom, but a small
  // mailbox must not look full while it is empty. In [1, 64].
  std::uint32_t release_batch() const {
    return std::clamp(user_count_max_.load(std::memory_order_relaxed) / 16, 1u, 64u);
  }

  // Any thread; includes what the owner has taken and not yet released.
  std::uint32_t user_count_approx() const { return user_count_.load(std::memory_order_relaxed); }
  // Before the first push of a life.
  void set_user_count_max(std::uint32_t count) {
    user_count_max_.store(count, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> user_count_max_{0};
  std::atomic<std::uint32_t> user_count_{0};
  EnvelopeStack system_lane_;
  // Own cache line: every sender writes it.
  alignas(64) EnvelopeStack user_lane_;
};

}  // namespace nexus::core
