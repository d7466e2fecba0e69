// Guardian: parent of all actors that have none: it decides about their failures and stops them at shutdown.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "core/actor/supervision.h"
#include "core/base/log.h"
#include "core/base/mutex.h"
#include "core/process/process.h"

namespace nexus::core {

class ActorSystem;

class Guardian final : public Process {
 public:
  explicit Guardian(ActorSystem& system) : system_(system) {}

  // Any thread. False after stop_all().
  [[nodiscard]] bool adopt();
  // Any thread: an adopted child is gone.
  void abandon();
  // Any thread: tells every root actor to stop and adopts no more.
  void stop_all();
  // A foreign thread: waits until no root actor is left, up to `deadline`; false when some were.
  bool wait_until_empty(Instant deadline);

  void deliver(const Pid& target, EnvelopePtr envelope, Lane lane) override;
  const std::string& address() const override;
  const std::string& id() const override { return id_; }

 private:
  std::shared_ptr<const SupervisionStrategy> strategy_of(const Pid& actor) const;
  void on_failure(const Failure& failure);
  void on_terminated(const Pid& child);

  ActorSystem& system_;
  const std::string id_ = "$guardian";

  // Taken by spawn, stop and failure of root actors only. Which they are is written in their cells.
  Mutex mutex_{"guardian"};
  CondVar emptied_;
  std::size_t child_count_ GUARDED_BY(mutex_) = 0;
  // Recorded under the lock, read without.
  std::unordered_map<Pid, std::shared_ptr<RestartStatistics>> failures_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace nexus::core
