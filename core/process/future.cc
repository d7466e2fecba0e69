#include "core/process/future.h"

#include "core/actor_system.h"
#include "core/base/check.h"

namespace nexus::core {

// Acquire: the answer was written before the bit was set.
bool Future::is_done() const {
  CHECK(state_ != nullptr);
  return (state_->word.load(std::memory_order_acquire) & kAnswered) != 0;
}

Answer Future::wait() && {
  const auto state = std::exchange(state_, nullptr);
  CHECK(state != nullptr);
  std::uint32_t word = state->word.load(std::memory_order_acquire);
  while ((word & kAnswered) == 0) {
    state->word.wait(word, std::memory_order_acquire);
    word = state->word.load(std::memory_order_acquire);
  }
  return std::move(state->answer);
}

void Future::then(Then run) && {
  const auto state = std::exchange(state_, nullptr);
  CHECK(state != nullptr);
  state->then = std::move(run);
  // Release hands `then` to the other side, acquire takes its answer: whoever comes second finds both.
  if ((state->word.fetch_or(kAwaited, std::memory_order_acq_rel) & kAnswered) != 0) {
    state->then(std::move(state->answer));
  }
}

void Future::pipe_to(ActorSystem& system, const Pid& target) && {
  std::move(*this).then([&system, lifeline = system.lifeline(), target](Answer answer) {
    lifeline->run([&] { send_to(system, target, std::move(answer)); });
  });
}

void Future::send_to(ActorSystem& system, const Pid& target, Answer answer) {
  if (answer.outcome == Answer::Outcome::answered && answer.message != nullptr) {
    (void)system.registry().send_user(target, std::move(answer.message));
  } else {
    (void)system.send(target, FutureFailed{answer.outcome, std::move(answer.detail)});
  }
}

Promise::~Promise() {
  if (state_ != nullptr) complete({.outcome = Answer::Outcome::cancelled});
}

Future Promise::future() {
  CHECK(state_ != nullptr && !std::exchange(has_future_, true));
  return Future(state_);
}

void Promise::complete(Answer answer) {
  const auto state = std::exchange(state_, nullptr);
  CHECK(state != nullptr);
  state->answer = std::move(answer);
  // See then().
  if ((state->word.fetch_or(Future::kAnswered, std::memory_order_acq_rel) & Future::kAwaited) !=
      0) {
    state->then(std::move(state->answer));
  } else {
    state->word.notify_one();
  }
}

}  // namespace nexus::core
