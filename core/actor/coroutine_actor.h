// CoroutineActor: an actor that handles a message in a coroutine, so that it can wait for answers in the middle of it. No thread
// waits: the actor's turn ends at each co_await, and the coroutine goes on in a later one.
//
//   handle()   the actor's turns, one at a time, as receive() of any actor
//
// CO1  With Turns::waiting the next message has its turn when the coroutine of the one before has ended; only orders to stop and
//     answers come through. With Turns::reentrant other messages have theirs at each co_await: what the actor holds may be another
//     afterwards. While as many coroutines wait as may, the next message waits until one of them has ended.
// CO2  A restart or the end of the actor ends its coroutines where they are; their locals are destroyed, nothing goes on, and their
//      messages are dead letters `stopped`.
// CO3  What handle() throws is a failure of the actor, before and after a co_await; who asked is told.
// CO4  The message lives until its coroutine has ended; after a co_await it is gone from the Context of the turn that it came in.
// CO5  A co_await that begins while the actor is restarting or stopping is its last.
//
//   class Front final : public CoroutineActor {
//     Task<> handle(Turn& turn) override {
//       const auto* order = turn.message<Order>();
//       if (order == nullptr) co_return;
//       Answer price = co_await turn.ask(prices_, GetPrice{order->item}, 1s);
//       if (price.outcome != Answer::Outcome::answered) co_return turn.respond(Refused{});
//       turn.respond(Accepted{price.message->get<Price>()->value});
//     }
//   };
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "core/actor/actor.h"
#include "core/actor/context.h"
#include "core/actor/kept_message.h"
#include "core/actor/task.h"
#include "core/process/future.h"

namespace nexus::core {

class CoroutineActor;

enum class Turns : std::uint8_t { waiting, reentrant };

// One message and its coroutine, for as long as that takes.
class Turn {
 public:
  Turn(CoroutineActor& actor, Context& context) : actor_(actor), context_(&context) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Of the turn that goes on now: not to be kept over a co_await.
  Context& context() {
    CHECK(context_ != nullptr);
    return *context_;
  }
  template <typename T>
  const T* message() {
    return std::as_const(context()).message<T>();
  }
  const Pid& sender() { return context().sender(); }
  Pid self() { return context().self(); }
  template <typename T>
  void send(const Pid& target, T message) {
    context().send(target, std::move(message));
  }
  template <typename T>
  void respond(T message) {
    context().respond(std::move(message));
  }

  class Awaited;
  // co_await gives the Answer, with the deadline and the cancellation of the message that this is about; see Context::ask().
  template <typename T>
  Awaited ask(const Pid& target, T message, Duration timeout);
  // co_await gives the Answer of the future.
  Awaited until(Future future);
  // co_await gives an Answer without a message after `delay`.
  Awaited pause(Duration delay);

 private:
  friend class CoroutineActor;

  CoroutineActor& actor_;
  // Null while the coroutine is suspended.
  Context* context_;
  // Once it has been suspended.
  std::optional<KeptMessage> message_;
};

class Turn::Awaited {
 public:
  using Begin = UniqueFunction<void(Context&, Context::OnAnswer)>;

  Awaited(Turn& turn, Begin begin) : turn_(turn), begin_(std::move(begin)) {}
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;
  // Its coroutine may end before the answer comes, which then goes nowhere.
  ~Awaited() {
    if (link_ != nullptr) *link_ = nullptr;
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine);
  Answer await_resume() { return std::move(*answer_); }

 private:
  Turn& turn_;
  Begin begin_;
  // To this object, for who brings the answer.
  std::shared_ptr<Awaited*> link_;
  std::optional<Answer> answer_;
};

class CoroutineActor : public Actor {
 public:
  // Coroutines of one actor that wait at once.
  static constexpr std::size_t kWaitingCountMax = 100'000;

  void receive(Context& context) final;

 protected:
  // waiting_count_max >= 1: of Turns::reentrant.
  explicit CoroutineActor(Turns turns = Turns::waiting,
                          std::size_t waiting_count_max = kWaitingCountMax)
      : waiting_count_max_(turns == Turns::waiting ? 1 : waiting_count_max) {
    CHECK(waiting_count_max >= 1);
  }

  // Handles one message, lifecycle included.
  virtual Task<> handle(Turn& turn) = 0;

 private:
  friend class Turn::Awaited;

  struct Running {
    Running(CoroutineActor& actor, Context& context) : turn(actor, context) {}
    Turn turn;
    Task<> task;
  };

  void go_on(Turn& turn, Context& context, std::coroutine_handle<> coroutine);

  // Messages are held while so many are suspended.
  const std::size_t waiting_count_max_;
  // Suspended ones.
  std::list<Running> running_;
};

template <typename T>
Turn::Awaited Turn::ask(const Pid& target, T message, Duration timeout) {
  return Awaited(*this, [target, timeout, envelope = make_envelope(std::move(message))](
                            Context& context, Context::OnAnswer on_answer) mutable {
    context.ask_envelope(target, std::move(envelope), timeout, std::move(on_answer));
  });
}

}  // namespace nexus::core
