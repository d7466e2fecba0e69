// Future, Promise: one answer that comes later, and who brings it. For code that is no actor, and for Context::reenter_after().
//
//   Future    one owner; any thread. It is used once: wait(), then() and pipe_to() take it.
//   Promise   one owner; any thread
//
// FU1  Each Promise completes its Future exactly once; one that is dropped completes it as `cancelled`.
// FU2  then() runs on the thread that comes second, the one that brings the answer or the caller; it must not block or throw.
// FU3  No lock: the two sides meet in one atomic word.
// FU4  A Promise may be kept or dropped after the actor system has ended; then pipe_to() and an actor's continuation do nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "core/actor/pid.h"
#include "core/base/atomic.h"
#include "core/base/unique_function.h"
#include "core/process/answer.h"

namespace nexus::core {

class ActorSystem;

class Future {
 public:
  using Then = UniqueFunction<void(Answer)>;

  Future(Future&&) noexcept = default;
  Future& operator=(Future&&) noexcept = default;
  Future(const Future&) = delete;
  Future& operator=(const Future&) = delete;

  bool is_done() const;
  // Foreign threads only: a worker that waits here stalls its actors.
  Answer wait() &&;
  void then(Then run) &&;
  // Sends the answer's message to `target`; for any other outcome a FutureFailed.
  void pipe_to(ActorSystem& system, const Pid& target) &&;

 private:
  friend class Promise;

  struct State {
    Atomic<std::uint32_t> word{0};
    // By the Promise, before it sets kAnswered.
    Answer answer{Answer::Outcome::cancelled};
    // By the Future, before it sets kAwaited.
    Then then;
  };
  static constexpr std::uint32_t kAnswered = 1;
  static constexpr std::uint32_t kAwaited = 2;

  static void send_to(ActorSystem& system, const Pid& target, Answer answer);

  explicit Future(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

// What pipe_to() sends when there is no message.
struct FutureFailed {
  Answer::Outcome outcome;
  std::string detail;
};

class Promise {
 public:
  Promise() : state_(std::make_shared<Future::State>()) {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  Promise(const Promise&) = delete;
  Promise& operator=(const Promise&) = delete;
  ~Promise();

  // Once.
  Future future();
  // Once; the Promise is spent.
  void complete(Answer answer);
  template <typename T>
  void answer(T message) {
    complete({.outcome = Answer::Outcome::answered, .message = make_envelope(std::move(message))});
  }

 private:
  std::shared_ptr<Future::State> state_;
  bool has_future_ = false;
};

}  // namespace nexus::core
