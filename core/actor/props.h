// Props: how to make an actor of one sort, and how it is to be run. Immutable once shared.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/actor/actor.h"
#include "core/actor/context_decorator.h"
#include "core/actor/envelope.h"
#include "core/actor/supervision.h"
#include "core/base/result.h"
#include "core/mailbox/mailbox_overflow.h"

namespace nexus::core {

class DispatcherFactory;
class MailboxMiddleware;

class Props {
 public:
  // Makes the actor object; called in the actor's own first turn and after each restart. May throw.
  using Producer = std::function<std::unique_ptr<Actor>()>;
  // Reads a Payload that clients send to actors of this sort. Any worker thread.
  using PayloadReader = std::function<Result<EnvelopePtr>(const Payload&)>;
  // Writes the answer to such a message in the content type of the request. Any worker thread.
  using PayloadWriter =
      std::function<Result<Payload>(const Envelope&, const std::string& content_type)>;

  explicit Props(Producer make) : producer(std::move(make)) {}

  Producer producer;
  // Name of the kind this belongs to; empty for actors that only code can spawn.
  std::string kind;
  // User messages that may wait; 0 = the system's default.
  std::uint32_t mailbox_user_count_max = 0;
  // What becomes of more.
  MailboxOverflow mailbox_overflow = MailboxOverflow::reject;
  // Level of a user message, 0 (first) to 7 (last, also when it throws). It is called in turns of the actor. Terminated and
  // PoisonPill have none: they keep their place behind all that came before, and what comes later stays behind them.
  std::function<std::uint8_t(const Envelope&)> priority{};
  std::vector<std::shared_ptr<MailboxMiddleware>> mailbox_middleware{};
  // What the actor does about its failed children.
  std::shared_ptr<const SupervisionStrategy> strategy = std::make_shared<OneForOneStrategy>();
  // What the guardian does about this actor's own failures when it has no parent; null = as the system says.
  std::shared_ptr<const SupervisionStrategy> guardian_strategy;
  // Both or none. Without them a Payload reaches `receive` as it is.
  PayloadReader read_payload;
  PayloadWriter write_payload;
  // Outermost first.
  std::vector<MakeContextDecorator> decorators;
  // Messages that Context::stash() holds at most.
  std::uint32_t stash_count_max = 100'000;
  // Runs the actors; null = the system's own dispatcher. See core/dispatch.
  std::shared_ptr<DispatcherFactory> dispatcher{};
  // One of the node's own actors; lists hide it unless asked.
  bool system = false;
};

// Shares one Props among the actors made from it. Half the size of a std::shared_ptr, because every cell holds one.
class PropsPtr {
 public:
  PropsPtr() = default;
  PropsPtr(std::nullptr_t) {}
  explicit PropsPtr(Props props) : shared_(std::make_unique<Shared>(std::move(props)).release()) {}
  PropsPtr(const PropsPtr& other) : shared_(other.shared_) {
    // Relaxed: the copy is made from a live reference.
    if (shared_ != nullptr) shared_->reference_count.fetch_add(1, std::memory_order_relaxed);
  }
  PropsPtr(PropsPtr&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  PropsPtr& operator=(PropsPtr other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~PropsPtr() {
    // Release orders the last uses of other holders before the deletion, acquire pairs with them.
    if (shared_ != nullptr &&
        shared_->reference_count.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::unique_ptr<Shared>(shared_).reset();
    }
  }

  const Props* operator->() const { return &shared_->props; }
  const Props& operator*() const { return shared_->props; }
  const Props* get() const { return shared_ == nullptr ? nullptr : &shared_->props; }
  explicit operator bool() const { return shared_ != nullptr; }
  bool operator==(const PropsPtr& other) const = default;
  bool operator==(std::nullptr_t) const { return shared_ == nullptr; }

 private:
  struct Shared {
    explicit Shared(Props p) : props(std::move(p)) {}
    const Props props;
    std::atomic<std::uint64_t> reference_count{1};
  };

  Shared* shared_ = nullptr;
};

inline PropsPtr share(Props props) { return PropsPtr(std::move(props)); }

// Props of an actor class, made from copies of `arguments`.
template <typename T, typename... Arguments>
Props props(Arguments... arguments) {
  return Props([=]() -> std::unique_ptr<Actor> { return std::make_unique<T>(arguments...); });
}

// Props of a function that is called for each message.
template <typename F>
Props props_of(F receive) {
  class FunctionActor final : public Actor {
   public:
    explicit FunctionActor(F f) : receive_(std::move(f)) {}
    void receive(Context& context) override { receive_(context); }

   private:
    F receive_;
  };
  return Props(
      [receive]() -> std::unique_ptr<Actor> { return std::make_unique<FunctionActor>(receive); });
}

}  // namespace nexus::core
