#include "core/actor/coroutine_actor.h"

#include <algorithm>

#include "core/actor_system.h"
#include "core/base/user_code.h"

namespace nexus::core {

Turn::Awaited Turn::until(Future future) {
  return Awaited(
      *this, [future = std::move(future)](Context& context, Context::OnAnswer on_answer) mutable {
        context.when_done(std::move(future), std::move(on_answer));
      });
}

Turn::Awaited Turn::pause(Duration delay) {
  Promise promise;
  Future future = promise.future();
  ActorSystem& system = context().system();
  (void)system.timers().schedule(deadline_after(system.clock().now(), delay),
                                 [promise = std::move(promise)]() mutable {
                                   promise.complete({.outcome = Answer::Outcome::answered});
                                 });
  return until(std::move(future));
}

void Turn::Awaited::await_suspend(std::coroutine_handle<> coroutine) {
  link_ = std::make_shared<Awaited*>(this);
  begin_(turn_.context(), [link = link_, coroutine](Context& context, Answer answer) {
    Awaited* awaited = *link;
    if (awaited == nullptr) return;
    awaited->answer_.emplace(std::move(answer));
    awaited->turn_.actor_.go_on(awaited->turn_, context, coroutine);
  });
}

void CoroutineActor::receive(Context& context) {
  running_.emplace_back(*this, context);
  const auto running = std::prev(running_.end());
  Turn& turn = running->turn;
  running->task = handle(turn);
  running->task.start();
  turn.context_ = nullptr;
  if (running->task.done()) {
    Task<> task = std::move(running->task);
    running_.erase(running);
    return task.result();
  }
  turn.message_.emplace(context);
  if (running_.size() >= waiting_count_max_) context.hold_messages(true);
}

void CoroutineActor::go_on(Turn& turn, Context& context, std::coroutine_handle<> coroutine) {
  Context with_message(context, turn.message_->envelope());
  turn.context_ = &with_message;
  coroutine.resume();
  turn.context_ = nullptr;
  const auto running = std::find_if(running_.begin(), running_.end(),
                                    [&](const Running& one) { return &one.turn == &turn; });
  if (!running->task.done()) return;
  if (running_.size() == waiting_count_max_) context.hold_messages(false);
  const EnvelopePtr message = turn.message_->take();
  Task<> task = std::move(running->task);
  running_.erase(running);
  std::exception_ptr thrown;
  const auto failure = failure_of([&] { task.result(); });
  if (!failure) return;
  if (message != nullptr && message->wants_notices() && message->sender()) {
    (void)context.system().send(message->sender(), Notice{Notice::Kind::failed, *failure});
  }
  throw std::runtime_error(*failure);
}

}  // namespace nexus::core
