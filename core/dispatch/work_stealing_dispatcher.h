// WorkStealingDispatcher: N worker threads, each with a queue of its own; who has nothing to do takes from the others.
//
// A cell that becomes runnable on a worker goes to that worker's `next` slot: it runs right after the current one, while its
// message is still in the cache. What it pushes out goes to the worker's queue, where others may take it. Cells made runnable
// by other threads (gRPC, timers) go to one shared queue.
//
// W1  No cell waits while a worker sleeps, except the one in the `next` slot of a worker that runs another cell: it waits
//     for that run, which is up to Options::throughput turns, to end.
// W2  A cell that is queued runs after at most so many others as were queued before it, plus kNextChainMax per worker turn.
//
// Waking a sleeping thread is the dearest step here, so a worker looks around for Options::spin before it sleeps, and at most
// one worker is woken for new work while another is already looking.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/dispatch/dispatcher.h"
#include "core/dispatch/run_queue.h"

namespace nexus::core {

class WorkStealingDispatcher final : public Dispatcher {
 public:
  struct Options {
    // >= 1.
    std::uint32_t worker_count = 1;
    // See ActorSystem::Options.
    std::uint32_t throughput = 300;
    // How long a worker looks for work before it sleeps.
    Duration spin = std::chrono::microseconds(50);
  };

  // Starts the threads.
  explicit WorkStealingDispatcher(Options options);
  // Waits for the threads, however long their turns take.
  ~WorkStealingDispatcher() override;

  void schedule(ActorCell& cell) override;
  bool stop(Instant deadline) override;

 private:
  struct Worker;

  void run(Worker& worker);
  void run_later(Worker& worker, ActorCell& cell);
  ActorCell* find_work(Worker& worker);
  ActorCell* take_shared();
  ActorCell* steal(Worker& thief);
  bool has_work() const;
  void push_shared(ActorCell& cell);
  void wake_one();
  void sleep(Worker& worker);

  // After so many cells in a row from the `next` slot the queue gets its turn.
  static constexpr std::uint32_t kNextChainMax = 64;
  // Every so many cells the shared queue comes first, so that it cannot starve.
  static constexpr std::uint32_t kSharedFirstEvery = 31;

  static thread_local Worker* t_worker_;

  const Options options_;
  const SteadyClock clock_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // Any thread.
  alignas(64) std::atomic<std::uint32_t> sleeping_count_{0};
  std::atomic<std::uint32_t> searching_count_{0};
  std::atomic<std::uint32_t> shared_count_{0};
  std::atomic<bool> stopping_{false};

  Mutex shared_mutex_{"dispatcher_shared"};
  std::deque<ActorCell*> shared_ GUARDED_BY(shared_mutex_);

  Mutex ended_mutex_{"dispatcher_ended"};
  CondVar ended_;
  std::uint32_t ended_count_ GUARDED_BY(ended_mutex_) = 0;
};

}  // namespace nexus::core
