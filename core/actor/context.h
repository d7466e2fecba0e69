// Context: what an actor may do while it handles one message. Valid only inside that call, on that thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/actor/actor_cell.h"
#include "core/actor/envelope.h"
#include "core/actor/messages.h"
#include "core/actor/props.h"
#include "core/base/result.h"
#include "core/dispatch/worker.h"
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
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Pid self() const { return cell_.self(); }
  Pid parent() const { return cell_.parent(); }
  ActorSystem& system() const { return worker_.system(); }

  // The current message, or null when it is of another type.
  template <typename T>
  const T* message() const {
    return envelope().get<T>();
  }
  // The same for handlers that move out of it.
  template <typename T>
  T* message() {
    return (*envelope_)->get<T>();
  }
  // Not after forward().
  const Envelope& envelope() const {
    DCHECK(*envelope_ != nullptr);
    return **envelope_;
  }
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
  // Sends and calls `on_answer` with what comes back, or with why nothing did. `timeout` > 0.
  template <typename T>
  void ask(const Pid& target, T message, Duration timeout, OnAnswer on_answer) {
    ask_envelope(target, make_envelope(std::move(message)), timeout, std::move(on_answer));
  }
  // Answers the current message. Without a sender the answer is a dead letter.
  template <typename T>
  void respond(T message) {
    respond_envelope(make_envelope(std::move(message)));
  }
  // Hands the current message on, with its sender. The message is gone afterwards.
  void forward(const Pid& target);

  void respond_envelope(EnvelopePtr envelope) {
    if (answer_content_type_ == nullptr && sender()) [[likely]] {
      deliver(sender(), std::move(envelope));
    } else {
      respond_otherwise(std::move(envelope));
    }
  }
  void ask_envelope(const Pid& target, EnvelopePtr envelope, Duration timeout, OnAnswer on_answer);
  // Sends a whole envelope as it is.
  void deliver(const Pid& target, EnvelopePtr envelope) {
    (void)worker_.registry().send_user_from(worker_, target, std::move(envelope));
  }

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

  void respond_otherwise(EnvelopePtr envelope);
  Result<Pid> spawn_child(PropsPtr props, const std::string& id);

  ActorCell& cell_;
  Worker& worker_;
  EnvelopePtr* envelope_;
  // Content type that the sender of a Payload wants its answer in; null for typed messages.
  const std::string* answer_content_type_ = nullptr;
};

}  // namespace nexus::core
