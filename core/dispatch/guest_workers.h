// GuestWorkers: lets threads that are no workers of the system's own dispatcher run turns of its actors.
//
//   run()     any thread; takes a lock before and after the turn
//   close()   a foreign thread
//
// Outlives the ActorSystem where something that waits elsewhere, such as a handler of an io_context, still names its cells.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/base/mutex.h"
#include "core/dispatch/worker.h"

namespace nexus::core {

class GuestWorkers {
 public:
  explicit GuestWorkers(ActorSystem& system) : system_(system) {}

  enum class Turn : std::uint8_t {
    // Nothing is left to do; the cell may be anybody's.
    done,
    // The cell is `queued` again and must be scheduled.
    more,
    // The actor has ended; the cell may be anybody's.
    ended,
    // Nothing was run, and the system may be gone.
    closed,
  };
  // For a cell whose mailbox is `queued`.
  [[nodiscard]] Turn run(ActorCell& cell, std::uint32_t throughput);
  // Lets no turn begin any more and waits for those that run, up to `deadline`; false when some still do.
  bool close(Instant deadline);

 private:
  // Null when closed.
  Worker* lend();
  void take_back(Worker& worker);

  ActorSystem& system_;
  const SteadyClock clock_;
  Mutex mutex_{"guest_workers"};
  CondVar returned_;
  std::vector<std::unique_ptr<Worker>> workers_ GUARDED_BY(mutex_);
  std::vector<Worker*> spare_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace nexus::core
