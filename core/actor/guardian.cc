#include "core/actor/guardian.h"

#include "core/actor_system.h"

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
  MutexLock lock(mutex_);
  while (child_count_ > 0) {
    if (system_.clock().now() >= deadline) return false;
    emptied_.wait_until(mutex_, deadline);
  }
  return true;
}

void Guardian::deliver(const Pid&, EnvelopePtr envelope, Lane) {
  if (const auto* failure = envelope->get<Failure>()) on_failure(*failure);
  if (const auto* terminated = envelope->get<Terminated>()) on_terminated(terminated->who);
}

void Guardian::on_failure(const Failure& failure) {
  const Instant now = system_.clock().now();
  Directive directive = Directive::stop;
  {
    MutexLock lock(mutex_);
    RestartStatistics& statistics = failures_[failure.child];
    statistics.record_failure(now);
    directive = strategy_.decide(failure, statistics, now);
  }
  if (directive == Directive::restart) {
    system_.registry().send_system(failure.child, make_envelope(Restart{}));
    return;
  }
  system_.log().error("root actor stopped, it failed too often",
                      {{"actor", failure.child.to_string()}, {"reason", failure.reason}});
  system_.stop(failure.child);
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
  MutexLock lock(mutex_);
  if (--child_count_ == 0) emptied_.notify_all();
}

}  // namespace nexus::core
