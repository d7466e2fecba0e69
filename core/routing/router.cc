#include "core/routing/router.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/actor/pid_set.h"
#include "core/actor_system.h"
#include "core/base/mutex.h"
#include "core/base/user_code.h"

namespace nexus::core {
namespace {

// What the two sorts of router have in common: the routees, and the ways of a message to them.
class Routes {
 public:
  Routes(const RoutingStateFactory& routing, std::size_t routee_count_max)
      : state_(routing()), routee_count_max_(routee_count_max) {}

  RoutingState& state() { return *state_; }

  // Any message that is not of the one sort's own.
  void handle(Context& context) {
    if (const auto* added = context.message<AddRoutee>()) {
      add(context, added->routee);
    } else if (context.message<GetRoutees>() != nullptr) {
      answer_routees(context);
    } else if (context.message<BroadcastMessage>() != nullptr) {
      broadcast(context);
    } else if (!is_end_of_life(context)) {
      route(context);
    }
  }

  // Adds an actor of somebody else's and watches it.
  void add(Context& context, const Pid& given) {
    const Pid pid = as_handle(context, given);
    // As its own routee a router would send in a circle.
    if (pid.empty() || pid == context.self() || state_->contains(pid) || !has_room(context)) return;
    state_->add({pid, hash_key(pid.to_string())});
    context.watch(pid);
  }
  bool has_room(Context& context) const {
    if (state_->routees().size() < routee_count_max_) return true;
    context.system().log().warn("router is full", {{"router", context.self().to_string()},
                                                   {"routee_count_max", routee_count_max_}});
    return false;
  }

  // A handle where the actor is of this node, because its Terminated comes with one.
  static Pid as_handle(Context& context, const Pid& pid) {
    return pid.is_record() ? context.system().registry().resolve(pid.address(), pid.id()) : pid;
  }
  static bool is_end_of_life(Context& context) {
    return context.message<Stopping>() != nullptr || context.message<Stopped>() != nullptr ||
           context.message<Restarting>() != nullptr;
  }

 private:
  void route(Context& context) {
    // Not a choice with a value from the beginning: g++ 12 drops that value as overwritten even when the call throws.
    std::optional<RoutingChoice> choice;
    const auto failure = failure_of([&] { choice.emplace(state_->choose(context.envelope())); });
    if (failure) {
      log_failure(context, "router could not choose a routee", context.envelope(), *failure);
      return context.refuse();
    }
    switch (choice->who) {
      case RoutingChoice::Who::one:
        CHECK(choice->index < state_->routees().size());
        return context.forward(state_->routees()[choice->index].pid);
      case RoutingChoice::Who::nobody:
        return context.forward(nobody(context));
      case RoutingChoice::Who::all:
        return hand_to_all(context, context.take_message());
      case RoutingChoice::Who::unknown:
        return context.refuse();
    }
  }

  void broadcast(Context& context) {
    EnvelopePtr message = std::move(context.message<BroadcastMessage>()->message);
    if (message == nullptr) return context.refuse();
    message->take_after(context.envelope());
    hand_to_all(context, std::move(message));
  }

  void answer_routees(Context& context) const {
    Routees answer;
    for (const Routee& routee : state_->routees()) answer.routees.push_back(routee.pid);
    context.respond(std::move(answer));
  }

  void hand_to_all(Context& context, EnvelopePtr message) {
    const std::vector<Routee>& routees = state_->routees();
    if (routees.empty()) return context.deliver(nobody(context), std::move(message));
    std::vector<EnvelopePtr> messages;
    const auto failure = failure_of([&] {
      for (std::size_t i = 1; i < routees.size(); ++i) messages.push_back(copy_of(*message));
    });
    if (failure) log_failure(context, "router could not copy a message", *message, *failure);
    messages.push_back(std::move(message));
    if (messages.size() < routees.size() || messages.front() == nullptr) {
      return context.system().dead_letters().take(context.self(), std::move(messages.back()),
                                                  Lane::user, DeadLetterReason::unreadable);
    }
    for (std::size_t i = 0; i < routees.size(); ++i) {
      context.deliver(routees[i].pid, std::move(messages[i]));
    }
  }

  // The name of a routee that is not there. No actor can have it.
  const Pid& nobody(Context& context) {
    if (nobody_.empty()) {
      nobody_ = Pid::of_name(context.system().address(), context.self().id() + "/$routee");
    }
    return nobody_;
  }

  static void log_failure(Context& context, std::string_view event, const Envelope& message,
                          const std::string& reason) {
    context.system().log().warn(event, {{"router", context.self().to_string()},
                                        {"message", message.type().name()},
                                        {"reason", reason}});
  }

  const std::unique_ptr<RoutingState> state_;
  const std::size_t routee_count_max_;
  Pid nobody_;
};

class GroupRouter final : public Actor {
 public:
  explicit GroupRouter(std::shared_ptr<const GroupOptions> options)
      : options_(std::move(options)), routes_(options_->routing, options_->routee_count_max) {}

  void receive(Context& context) override {
    if (context.message<Started>() != nullptr) {
      for (const Pid& routee : options_->routees) routes_.add(context, routee);
    } else if (const auto* terminated = context.message<Terminated>()) {
      routes_.state().remove(terminated->who);
    } else if (const auto* removed = context.message<RemoveRoutee>()) {
      const Pid pid = Routes::as_handle(context, removed->routee);
      if (routes_.state().remove(pid)) context.unwatch(pid);
    } else if (context.message<AdjustPoolSize>() != nullptr) {
      context.refuse();
    } else {
      routes_.handle(context);
    }
  }

 private:
  const std::shared_ptr<const GroupOptions> options_;
  Routes routes_;
};

// The strategy of a pool, which remembers whom it stopped until the pool asks. Shared by the pools made from one Props.
//
//   decide(), take_given_up()   any worker
class PoolSupervision final : public SupervisionStrategy {
 public:
  explicit PoolSupervision(std::shared_ptr<const SupervisionStrategy> strategy)
      : strategy_(std::move(strategy)) {}

  Verdict decide(const Failure& failure, const RestartStatistics& statistics,
                 Instant now) const override {
    // First, because the child is stopped, too, when the strategy throws.
    give_up(failure.child);
    const Verdict verdict = strategy_->decide(failure, statistics, now);
    if (verdict.directive != Directive::stop) (void)take_given_up(failure.child);
    return verdict;
  }

  // Whether the child was stopped because it had failed. Once.
  bool take_given_up(const Pid& child) const {
    const MutexLock lock(mutex_);
    return given_up_.remove(child);
  }

 private:
  void give_up(const Pid& child) const {
    const MutexLock lock(mutex_);
    given_up_.add(child);
  }

  const std::shared_ptr<const SupervisionStrategy> strategy_;

  // Rare: taken per failure and per end of a routee, never while calling out.
  mutable Mutex mutex_{"pool_supervision"};
  mutable PidSet given_up_ GUARDED_BY(mutex_);
};

class PoolRouter final : public Actor {
 public:
  PoolRouter(std::shared_ptr<const PoolOptions> options,
             std::shared_ptr<const PoolSupervision> supervision)
      : options_(std::move(options)),
        supervision_(std::move(supervision)),
        routes_(options_->routing, options_->routee_count_max) {}

  void receive(Context& context) override {
    if (context.message<Started>() != nullptr) {
      grow(context, options_->routee_count);
    } else if (const auto* terminated = context.message<Terminated>()) {
      on_terminated(context, terminated->who);
    } else if (const auto* removed = context.message<RemoveRoutee>()) {
      remove(context, Routes::as_handle(context, removed->routee));
    } else if (const auto* adjusted = context.message<AdjustPoolSize>()) {
      const std::int64_t delta = adjusted->delta;
      if (delta > 0) grow(context, static_cast<std::size_t>(delta));
      if (delta < 0) shrink(context, static_cast<std::size_t>(-delta));
    } else if (Routes::is_end_of_life(context)) {
      // Nobody will ask for them.
      for (const Pid& routee : places_) (void)supervision_->take_given_up(routee);
    } else {
      routes_.handle(context);
    }
  }

 private:
  void grow(Context& context, std::size_t count) {
    for (; count > 0 && routes_.has_room(context); --count) {
      const Pid routee = spawn(context);
      if (routee.empty()) return;
      auto place = std::find(places_.begin(), places_.end(), Pid{});
      if (place == places_.end()) place = places_.insert(place, Pid{});
      *place = routee;
      routes_.state().add({routee, hash_key(place - places_.begin())});
    }
  }

  void shrink(Context& context, std::size_t count) {
    const std::vector<Routee> routees = routes_.state().routees();
    for (auto last = routees.rbegin(); last != routees.rend() && count > 0; ++last) {
      if (place_of(last->pid) == places_.end()) continue;
      remove(context, last->pid);
      --count;
    }
  }

  void remove(Context& context, const Pid& routee) {
    if (!routes_.state().remove(routee)) return;
    const auto place = place_of(routee);
    if (place == places_.end()) return context.unwatch(routee);
    *place = Pid{};
    // Behind the messages that it was handed.
    context.poison(routee);
  }

  void on_terminated(Context& context, const Pid& routee) {
    const bool given_up = supervision_->take_given_up(routee);
    const auto place = place_of(routee);
    if (place != places_.end()) {
      *place = given_up ? Pid{} : replacement(context);
      if (!place->empty()) {
        routes_.state().replace(routee, *place);
        return;
      }
    }
    if (!routes_.state().remove(routee)) return;
    context.system().log().warn("router lost a routee",
                                {{"router", context.self().to_string()},
                                 {"routee", routee.to_string()},
                                 {"routee_count", routes_.state().routees().size()}});
  }

  // Empty when there are no more to be had.
  Pid replacement(Context& context) {
    const Instant now = context.system().clock().now();
    if (replacements_.failure_count(now, options_->replacement_window) >=
        options_->replacement_count_max) {
      return {};
    }
    replacements_.record_failure(now);
    return spawn(context);
  }

  Pid spawn(Context& context) {
    const Result<Pid> routee = context.spawn(options_->routee);
    if (routee.ok()) return *routee;
    context.system().log().error(
        "router could not spawn a routee",
        {{"router", context.self().to_string()}, {"reason", routee.error().detail}});
    return {};
  }

  std::vector<Pid>::iterator place_of(const Pid& routee) {
    return std::find(places_.begin(), places_.end(), routee);
  }

  const std::shared_ptr<const PoolOptions> options_;
  const std::shared_ptr<const PoolSupervision> supervision_;
  Routes routes_;
  // The routees that this router spawned, each at the number that is its identity; empty Pids are places that are free.
  std::vector<Pid> places_;
  // When routees were replaced lately.
  RestartStatistics replacements_;
};

}  // namespace

Props pool_router(PoolOptions options) {
  CHECK(options.routing != nullptr && options.routee != nullptr && options.strategy != nullptr);
  CHECK(options.routee_count <= options.routee_count_max);
  CHECK(options.replacement_count_max < RestartStatistics::kFailureCountMax);
  CHECK(options.replacement_window > Duration::zero());
  const auto supervision = std::make_shared<const PoolSupervision>(options.strategy);
  const auto shared = std::make_shared<const PoolOptions>(std::move(options));
  Props props([shared, supervision] { return std::make_unique<PoolRouter>(shared, supervision); });
  props.strategy = supervision;
  return props;
}

Props group_router(GroupOptions options) {
  CHECK(options.routing != nullptr);
  const auto shared = std::make_shared<const GroupOptions>(std::move(options));
  return Props([shared] { return std::make_unique<GroupRouter>(shared); });
}

}  // namespace nexus::core
