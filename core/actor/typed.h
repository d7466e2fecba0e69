// TypedPid, TypedActor: which messages an actor accepts, checked by the compiler at the edge where users write; inside, everything
// travels as it always does. No cost over the untyped calls: a TypedPid is a Pid, and each call is one of Context or ActorSystem.
//
//   TypedPid     any thread, as a Pid
//   TypedActor   the actor, in its turn
//
// A protocol is a list of what is accepted: `Message` is told, `Answer(Message)` is answered.
//
//   class Account final : public TypedActor<Account, Deposit, Balance(GetBalance)> {
//    public:
//     void on(const Deposit& deposit, Context&) { amount_ += deposit.amount; }
//     Balance on(const GetBalance&, Context&) { return {amount_}; }
//     ...
//   };
//   Result<Account::Handle> account = typed<Account>(system.spawn(share(props<Account>())));
//   (void)account->send(system, Deposit{10});
//   TypedAnswer<Balance> balance = account->ask(system, GetBalance{}, 1s);
//
// R1  What is not in the list does not compile: send(), request(), ask(), and an on() that is missing.
// R2  What on() returns for an `Answer(Message)` is the answer to who asked, if somebody did. An on() that returns nothing answers by
//     Context::respond(), now or later; so does one that forwards the message.
// R3  The runtime's own messages (Started, Restarting, Stopping, Stopped, Terminated, DeadLetterResponse, Touched) reach an on() for
//     them where there is one, else nothing.
// R4  Any other message, from an untyped sender, is refused: a dead letter `unreadable`.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/actor/context.h"
#include "core/actor_system.h"

namespace nexus::core {

namespace internal {

template <typename Entry>
struct Accepted {
  static_assert(std::is_same_v<Entry, std::remove_cvref_t<Entry>>,
                "a protocol lists messages by value");
  using Message = Entry;
  using Answer = void;
};
template <typename A, typename M>
struct Accepted<A(M)> {
  static_assert(std::is_same_v<A, std::remove_cvref_t<A>> && !std::is_void_v<A>,
                "a protocol lists answers by value");
  using Message = typename Accepted<M>::Message;
  using Answer = A;
};

struct NotAccepted {};

// The answer to M in a protocol; void when it is told only, NotAccepted when it is not in the list.
template <typename M, typename... Entries>
struct AnswerTo : std::type_identity<NotAccepted> {};
template <typename M, typename First, typename... Rest>
struct AnswerTo<M, First, Rest...>
    : std::conditional_t<std::is_same_v<M, typename Accepted<First>::Message>,
                         std::type_identity<typename Accepted<First>::Answer>,
                         AnswerTo<M, Rest...>> {};

}  // namespace internal

// Is M in the list, and is it answered there?
template <typename M, typename... Entries>
concept AcceptedBy =
    !std::is_same_v<typename internal::AnswerTo<M, Entries...>::type, internal::NotAccepted>;
template <typename M, typename... Entries>
concept AnsweredBy =
    AcceptedBy<M, Entries...> && !std::is_void_v<typename internal::AnswerTo<M, Entries...>::type>;
// Is P a TypedPid of actors that accept all of this, with the same answers? What they answer may only be told here.
template <typename P, typename... Entries>
concept Covers = P::template kCovers<Entries...>;

// How an ask ended: with the declared answer, or with why there is none.
template <typename T>
struct TypedAnswer {
  // `failed` also when the answer is of another type than was declared; `detail` has its name.
  Answer::Outcome outcome;
  // Exactly when answered.
  std::optional<T> value{};
  std::string detail{};

  static TypedAnswer of(Answer answer) {
    if (answer.outcome != Answer::Outcome::answered) {
      return {answer.outcome, std::nullopt, std::move(answer.detail)};
    }
    T* value = answer.message->get<T>();
    if (value == nullptr) {
      return {Answer::Outcome::failed, std::nullopt,
              "the answer is a " + answer.message->type().name()};
    }
    return {answer.outcome, std::move(*value), {}};
  }
};

template <typename... Entries>
class TypedPid {
  template <typename M>
  using AnswerTo = typename internal::AnswerTo<M, Entries...>::type;

 public:
  // No actor at all.
  TypedPid() = default;
  // Of an actor that is known to accept the list: nobody checks.
  static TypedPid unchecked(const Pid& pid) {
    TypedPid typed;
    typed.pid_ = pid;
    return typed;
  }
  // Of an actor that accepts more.
  template <Covers<Entries...> Wider>
  TypedPid(const Wider& other) : pid_(other.pid()) {}

  const Pid& pid() const { return pid_; }
  explicit operator bool() const { return !pid_.empty(); }
  bool operator==(const TypedPid& other) const = default;

  template <AcceptedBy<Entries...> M>
  Delivered send(ActorSystem& system, M message) const {
    return system.send(pid_, std::move(message));
  }
  template <AcceptedBy<Entries...> M>
  void send(Context& context, M message) const {
    context.send(pid_, std::move(message));
  }
  template <AcceptedBy<Entries...> M>
  void request(Context& context, M message) const {
    context.request(pid_, std::move(message));
  }

  // As ActorSystem::ask(): waits, for foreign threads only.
  template <AnsweredBy<Entries...> M>
  TypedAnswer<AnswerTo<M>> ask(ActorSystem& system, M message, Duration timeout) const {
    return TypedAnswer<AnswerTo<M>>::of(system.ask(pid_, std::move(message), timeout));
  }
  // As Context::ask(): `on_answer` runs in the asking actor's turn.
  template <AnsweredBy<Entries...> M, std::invocable<Context&, TypedAnswer<AnswerTo<M>>> OnAnswer>
  void ask(Context& context, M message, Duration timeout, OnAnswer on_answer) const {
    context.ask(pid_, std::move(message), timeout,
                [on_answer = std::move(on_answer)](Context& own, Answer answer) mutable {
                  on_answer(own, TypedAnswer<AnswerTo<M>>::of(std::move(answer)));
                });
  }

  template <typename... Fewer>
  static constexpr bool kCovers =
      ((AcceptedBy<typename internal::Accepted<Fewer>::Message, Entries...> &&
        (std::is_void_v<typename internal::Accepted<Fewer>::Answer> ||
         std::is_same_v<typename internal::Accepted<Fewer>::Answer,
                        AnswerTo<typename internal::Accepted<Fewer>::Message>>)) &&
       ...);

 private:
  Pid pid_;
};
static_assert(sizeof(TypedPid<int>) == sizeof(Pid));

template <typename Derived, typename... Entries>
class TypedActor : public Actor {
 public:
  using Handle = TypedPid<Entries...>;

  void receive(Context& context) final {
    if ((handle<Entries>(context) || ...)) return;
    if (handle_own<Started, Restarting, Stopping, Stopped, Terminated, DeadLetterResponse, Touched>(
            context)) {
      return;
    }
    context.refuse();
  }

 protected:
  static Handle self(const Context& context) { return Handle::unchecked(context.self()); }

 private:
  friend Derived;
  TypedActor() = default;

  Derived& derived() { return static_cast<Derived&>(*this); }

  template <typename Entry>
  bool handle(Context& context) {
    using Message = typename internal::Accepted<Entry>::Message;
    using Declared = typename internal::Accepted<Entry>::Answer;
    const Message* message = context.message<Message>();
    if (message == nullptr) return false;
    static_assert(
        requires { derived().on(*message, context); },
        "a message of the protocol has no on(const Message&, Context&)");
    using Returned = decltype(derived().on(*message, context));
    if constexpr (std::is_void_v<Returned>) {
      derived().on(*message, context);
    } else {
      static_assert(std::is_convertible_v<Returned, Declared>,
                    "on() returns something else than its protocol declares");
      // Before the turn: on() may leave no message to look at.
      const bool is_asked = !context.sender().empty();
      Declared answer = derived().on(*message, context);
      if (is_asked) context.respond(std::move(answer));
    }
    return true;
  }

  template <typename... Messages>
  bool handle_own(Context& context) {
    return (handle_own_one<Messages>(context) || ...);
  }
  template <typename Message>
  bool handle_own_one(Context& context) {
    const Message* message = context.message<Message>();
    if (message == nullptr) return false;
    if constexpr (requires { derived().on(*message, context); }) derived().on(*message, context);
    return true;
  }
};

// What spawn() or spawn_named() answered for an actor of class A.
template <typename A>
Result<typename A::Handle> typed(const Result<Pid>& spawned) {
  if (!spawned.ok()) return spawned.error();
  return A::Handle::unchecked(*spawned);
}

}  // namespace nexus::core
