// Context: what an actor may do while it handles one message. Valid only inside that call, on that thread.
#pragma once

#include <concepts>
#include <string>
#include <utility>
#include <vector>

#include "core/actor/actor_cell.h"
#include "core/actor/actor_timers.h"
#include "core/actor/envelope.h"
#include "core/actor/message_handles.h"
#include "core/actor/messages.h"
#include "core/actor/props.h"
#include "core/base/result.h"
#include "core/base/type_map.h"
#include "core/dispatch/worker.h"
#include "core/process/future.h"
#include "core/process/futures.h"
#include "core/process/process_registry.h"

namespace nexus::core {

class Context {
 public:
  // Runs in the asking actor's turn. Not called when the actor stopped or was restarted meanwhile.
  using OnAnswer = FutureTable::OnAnswer;

  // By the cell.
  Context(ActorCell& cell, Worker& worker, EnvelopePtr* envelope)
      : cell_(cell), worker_(worker), envelope_(envelope) {}
  // The same turn, with another current message.
  Context(Context& turn, EnvelopePtr& message)
      : cell_(turn.cell_), worker_(turn.worker_), envelope_(&message) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Pid self() const { return cell_.self(); }
  Pid parent() const { return cell_.parent(); }
  // Of this actor; tells its objects from each other.
  std::uint32_t restart_count() const { return cell_.restart_count(); }
  ActorSystem& system() const { return worker_.system(); }

  // The current message, or null when it is of another type.
  template <typename T>
  const T* message() const {
    return envelope().get<T>();
  }
  // The same for handlers that move out of it.
  template <typename T>
  T* message() {
    return *envelope_ == nullptr ? nullptr : (*envelope_)->get<T>();
  }
  // Where there is no message, in what ask() calls or after forward(), one of type NoMessage.
  const Envelope& envelope() const { return *envelope_ == nullptr ? no_message() : **envelope_; }
  // Who asked; empty when the message came without a sender.
  const Pid& sender() const { return envelope().sender(); }
  const Headers& headers() const { return envelope().headers(); }

  // Sends without a sender: no answer is expected.
  template <typename T>
  void send(const Pid& target, T message) {
    deliver(target, make_envelope(std::move(message)));
  }
  // Sends with this actor as sender: the answer comes as a message of its own.
  template <typename T>
  void request(const Pid& target, T message) {
    auto envelope = make_envelope(std::move(message));
    envelope->set_sender(self());
    deliver(target, std::move(envelope));
  }
  // Sends and calls `on_answer` with what comes back, or with why nothing did. `timeout` > 0; when the current message has a
  // deadline or a cancellation token, the request has them too. The current message is not there any more in `on_answer`.
  template <typename T>
  void ask(const Pid& target, T message, Duration timeout, OnAnswer on_answer) {
    ask_envelope(target, make_envelope(std::move(message)), timeout, std::move(on_answer));
  }
  // Answers the current message. Without a sender the answer is a dead letter.
  template <typename T>
  void respond(T message) {
    respond_envelope(make_envelope(std::move(message)));
  }
  // Hands the current message on, with its sender. The message is gone afterwards. Without a message nothing happens.
  void forward(const Pid& target);

  void respond_envelope(EnvelopePtr envelope) {
    if (!this->envelope().is_extended() && sender()) [[likely]] {
      deliver(sender(), std::move(envelope));
    } else {
      respond_otherwise(std::move(envelope));
    }
  }
  void ask_envelope(const Pid& target, EnvelopePtr envelope, Duration timeout, OnAnswer on_answer);
  // Sends a whole envelope as it is.
  void deliver(const Pid& target, EnvelopePtr envelope) {
    if (cell_.is_decorated()) [[unlikely]] {
      deliver_decorated(target, std::move(envelope));
    } else {
      deliver_now(target, std::move(envelope));
    }
  }

  // Whether the current message was cancelled, or its deadline is over: nobody waits for what it asks for.
  bool is_cancelled() const;

  // Puts the current message aside, with its sender and headers; the message is gone from this turn. On `full`
  // (Props::stash_count_max) it stays. Only where there is a message.
  [[nodiscard]] MessageHandles::Stash stash();
  // What was put aside comes back, in its order, before all that waits; with Props::priority each in its own level. What is stashed
  // again meanwhile waits for the next call.
  // After a restart it comes back by itself; when the actor stops it ends as dead letters.
  void unstash_all();
  std::uint32_t stash_count() const;

  // A ReceiveTimeout comes when no message came for `period`, measured from the end of a turn: never early, once per idle time.
  // The next message, or this call, begins another. NotInfluenceReceiveTimeout messages do not count. period > 0. Ends with a
  // restart.
  void set_receive_timeout(Duration period);
  void cancel_receive_timeout();
  // Zero when there is none.
  Duration receive_timeout() const;

  // Sends to `target` after `delay`, without a sender, unless this actor ends or restarts before. Here and below `none` when the
  // actor is stopping or has ActorTimers::kScheduleCountMax schedules: nothing will be sent.
  template <typename T>
  ScheduleId schedule_once(Duration delay, const Pid& target, T message) {
    return schedule(delay, Duration::zero(), target, make_envelope(std::move(message)));
  }
  // Sends copies after `delay` and then every `period` > 0. A beat that the actor misses, because it is in a long turn, is
  // skipped.
  template <std::copy_constructible T>
  ScheduleId schedule_repeatedly(Duration delay, Duration period, const Pid& target, T message) {
    CHECK(period > Duration::zero());
    return schedule(delay, period, target, make_envelope(std::move(message)));
  }
  // False when there is nothing left of it.
  bool cancel_schedule(ScheduleId id);

  // What the actor and its decorators keep for each other; lasts over restarts.
  TypeMap& store();

  // Futures of others that one actor waits for, by the two below. Once it waits for so many, its messages wait until one is done.
  static constexpr std::uint32_t kAwaitedCountMax = 100'000;
  // Runs `then` in a turn of this actor when `future` is done, with the current message, which is gone from this turn, as the
  // current message again. Not when the actor stops or restarts before.
  void reenter_after(Future future, OnAnswer then);
  // The same without the message, which stays in this turn.
  void when_done(Future future, OnAnswer then);

  // The current message with all that belongs to it; it is gone from this turn. For who keeps it to handle it later: the door
  // has counted it as processed.
  EnvelopePtr take_message() { return std::move(*envelope_); }
  // Ends the current message as one that this actor does not understand: a dead letter `unreadable`. Who asked is told
  // bad_payload.
  void refuse();
  // While held, messages wait in the mailbox; answers, and orders to stop, come through. Ends with a restart.
  void hold_messages(bool held);

  // Children die with this actor. An unnamed child always succeeds, short of actor_count_max and of Stopping.
  Result<Pid> spawn(Props props);
  Result<Pid> spawn(PropsPtr props);
  // `name` follows the rules of ActorSystem::spawn_named; the child's id is `<own id>/<name>`.
  Result<Pid> spawn_named(PropsPtr props, const std::string& name);
  std::vector<Pid> children() const;

  // Asks to be told with a Terminated when `target` is gone. Again for the same target: nothing happens.
  void watch(const Pid& target);
  void unwatch(const Pid& target);

  // Stops after the target's current turn.
  void stop(const Pid& target);
  // Stops when the target has handled what is in its mailbox.
  void poison(const Pid& target);

 private:
  friend class ActorCell;

  friend class SendNext;
  friend class SpawnNext;

  static const Envelope& no_message();
  void deliver_now(const Pid& target, EnvelopePtr envelope) {
    (void)worker_.registry().send_user_from(worker_, target, std::move(envelope));
  }
  void deliver_decorated(const Pid& target, EnvelopePtr envelope);
  void respond_otherwise(EnvelopePtr envelope);
  ScheduleId schedule(Duration delay, Duration period, const Pid& target, EnvelopePtr message);
  Result<Pid> spawn_child(PropsPtr props, const std::string& id);
  Result<Pid> spawn_now(PropsPtr props, const std::string& id);

  ActorCell& cell_;
  Worker& worker_;
  EnvelopePtr* envelope_;
};

}  // namespace nexus::core
