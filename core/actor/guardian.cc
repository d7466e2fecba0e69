#include "core/actor/guardian.h"

#include "core/actor_system.h"

namespace nexus::core {

const std::string& Guardian::address() const { return system_.address(); }

bool Guardian::adopt(const Pid& child) {
  MutexLock lock(mutex_);
  if (stopping_) return false;
  children_.add(child);
  return true;
}

void Guardian::stop_all() {
  std::vector<Pid> children;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    children = children_.to_vector();
  }
  for (const Pid& child : children) system_.stop(child);
}

bool Guardian::wait_until_empty(Instant deadline) {
  MutexLock lock(mutex_);
  while (!children_.empty()) {
    if (system_.clock().now() >= deadline) return false;
    emptied_.wait_until(mutex_, deadline);
  }
  return true;
}

void Guardian::deliver(EnvelopePtr envelope, Lane) {
  if (const auto* failure = envelope->get<Failure>()) on_failure(*failure);
  if (const auto* terminated = envelope->get<Terminated>()) on_terminated(terminated->who);
}

void Guardian::on_failure(const Failure& failure) {
  const Instant now = system_.clock().now();
  Directive directive = Directive::stop;
  {
    MutexLock lock(mutex_);
    if (!children_.contains(failure.child)) return;
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
  MutexLock lock(mutex_);
  failures_.erase(child);
  if (children_.remove(child) && children_.empty()) emptied_.notify_all();
}

}  // namespace nexus::core
