#include "core/actor/guardian.h"

#include "core/actor_system.h"
#include "core/base/user_code.h"

namespace nexus::core {

const std::string& Guardian::address() const { return system_.address(); }

bool Guardian::adopt() {
  MutexLock lock(mutex_);
  if (stopping_) return false;
  ++child_count_;
  return true;
}

void Guardian::stop_all() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  // All that were adopted before have a life by now.
  for (const Pid& actor : system_.cells().live(0, SIZE_MAX)) {
    if (actor.cell()->is_root()) system_.stop(actor);
  }
}

bool Guardian::wait_until_empty(Instant deadline) {
  Dispatcher* loop = system_.loop_of_this_thread();
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (child_count_ == 0) return true;
      if (SteadyClock().now() >= deadline) return false;
      if (loop == nullptr) emptied_.wait_until(mutex_, deadline);
    }
    if (loop != nullptr && !loop->run_instead_of_waiting(deadline)) return false;
  }
}

void Guardian::deliver(const Pid&, EnvelopePtr envelope, Lane) {
  if (const auto* failure = envelope->get<Failure>()) on_failure(*failure);
  if (const auto* terminated = envelope->get<Terminated>()) on_terminated(terminated->who);
}

std::shared_ptr<const SupervisionStrategy> Guardian::strategy_of(const Pid& actor) const {
  const auto info = system_.cells().info(*actor.cell(), actor.generation());
  if (info && info->props->guardian_strategy != nullptr) return info->props->guardian_strategy;
  return system_.options().guardian_strategy;
}

void Guardian::on_failure(const Failure& failure) {
  const Instant now = system_.clock().now();
  const auto strategy = strategy_of(failure.child);
  std::shared_ptr<RestartStatistics> statistics;
  {
    MutexLock lock(mutex_);
    auto& known = failures_[failure.child];
    if (known == nullptr) known = std::make_shared<RestartStatistics>();
    known->record_failure(now);
    statistics = known;
  }
  Verdict verdict = Directive::stop;
  const auto thrown = failure_of([&] { verdict = strategy->decide(failure, *statistics, now); });
  if (thrown) {
    system_.log().error("supervision strategy threw, root actor is stopped",
                        {{"actor", failure.child.to_string()}, {"reason", *thrown}});
  }
  if (verdict.directive == Directive::escalate) verdict.directive = Directive::stop;
  system_.events().publish(SupervisionEvent{failure.child, failure.reason, failure.message_name,
                                            verdict.directive, verdict.delay});
  if (verdict.directive == Directive::stop) {
    system_.log().error("root actor stopped, it failed too often",
                        {{"actor", failure.child.to_string()}, {"reason", failure.reason}});
  }
  const bool all = verdict.all_children && verdict.directive != Directive::resume;
  if (!all) return system_.direct(failure.child, verdict);
  // All without a parent that have this strategy, too.
  for (const Pid& actor : system_.cells().live(0, SIZE_MAX)) {
    if (actor.cell()->is_root() && strategy_of(actor) == strategy) system_.direct(actor, verdict);
  }
}

void Guardian::on_terminated(const Pid& child) {
  {
    MutexLock lock(mutex_);
    failures_.erase(child);
  }
  system_.cells().give_back(*child.cell());
  abandon();
}

void Guardian::abandon() {
  {
    MutexLock lock(mutex_);
    if (--child_count_ > 0) return;
    emptied_.notify_all();
  }
  system_.poke_loops();
}

}  // namespace nexus::core
