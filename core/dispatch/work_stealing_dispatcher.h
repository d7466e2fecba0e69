// WorkStealingDispatcher: N worker threads. A cell runs on the worker that first sent to it while it was idle; what piles up
// there is shared out, by its owner as a rule and by force when the owner is stuck in a long turn.
//
// Cells made runnable by other threads (gRPC, timers) go to the shared queue, from which all workers take.
//
// W1  No cell waits while a worker sleeps, except for up to kShareAge and twice kShareCheckEvery turns behind a worker that goes on from
//     turn to turn, and for up to two of the watchdog's ticks behind one that is stuck in a turn.
// W2  A cell that is queued runs after those that were queued before it. Behind each of them up to Worker::kNextChainMax - 1 may run that
//     became runnable later.
// W3  The shared queue is looked at every kSharedEvery turns, however much a worker has of its own.
//
// W4  A worker that would sleep waits in the poller, if there is one and nobody else is in it; then that is how it is woken.
// W5  Workers look into the poller every kPollEvery while they have work.
//
// Waking a sleeping thread is the dearest step here, so a worker looks around for Options::spin before it sleeps, at most one
// worker is woken for new work while another is already looking, and young work is not shared at all: most of it is done
// before another worker could have woken up.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/dispatch/dispatcher.h"
#include "core/dispatch/worker.h"

namespace nexus::core {

class WorkStealingDispatcher final : public Dispatcher {
 public:
  struct Options {
    // >= 1.
    std::uint32_t worker_count = 1;
    // See ActorSystem::Options.
    std::uint32_t throughput = 300;
    // See ActorSystem::Options.
    Duration spin = std::chrono::microseconds(50);
    // How often a watchdog looks for workers that are stuck in a turn while cells wait behind them; there is none when there
    // is only one worker. Two of them and the waking of another worker stay below 2 ms.
    Duration watchdog_tick = std::chrono::microseconds(750);
  };

  // Starts the threads.
  WorkStealingDispatcher(Options options, ActorSystem& system);
  // Waits for the threads, however long their turns take.
  ~WorkStealingDispatcher() override;

  void schedule(ActorCell& cell) override;
  bool stop(Instant deadline) override;
  std::size_t waiting_count() const override;
  bool set_poller(Poller* poller) override;

 private:
  struct Thread;

  void run(Thread& thread);
  ActorCell* find_work(Thread& thread);
  ActorCell* take_shared(Worker& worker);
  void push_shared(const std::vector<ActorCell*>& cells);
  void share_backlog(Thread& thread);
  bool has_shared() const { return shared_count_.load(std::memory_order_relaxed) > 0; }
  bool all_asleep() const {
    return sleeping_count_.load() == threads_.size() && searching_count_.load() == 0;
  }
  void share(Worker::Rescued& rescued);
  void wake_one();
  void sleep(Thread& thread);
  Poller* use_poller(Thread& thread);
  void end_use(Thread& thread);
  bool look_at_poller(Thread& thread);
  bool wake(Thread& thread);
  void watch();

  static constexpr std::uint32_t kSharedEvery = 8;
  // How long a cell waits before it is worth another worker's while.
  static constexpr Duration kShareAge = std::chrono::microseconds(20);
  // How often a worker looks whether it should share.
  static constexpr std::uint32_t kShareCheckEvery = 4;
  // How often, in turns, a worker looks whether it is time for the poller.
  static constexpr std::uint32_t kPollCheckEvery = 8;
  static constexpr Duration kPollEvery = std::chrono::microseconds(50);
  // A mailbox with so many messages does not notice that the next ones come a little later; see Worker::hold().
  static constexpr std::uint32_t kHoldFrom = 64;
  // Without any turn for so long the watchdog sleeps.
  static constexpr Duration kWatchdogPatience = std::chrono::milliseconds(100);

  const Options options_;
  const SteadyClock clock_;
  std::vector<std::unique_ptr<Thread>> threads_;

  // Any thread.
  alignas(64) std::atomic<std::uint32_t> sleeping_count_{0};
  std::atomic<std::uint32_t> searching_count_{0};
  std::atomic<std::uint32_t> shared_count_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<Poller*> poller_{nullptr};
  // Threads that are waking one.
  std::atomic<std::uint32_t> waker_count_{0};

  Mutex shared_mutex_{"dispatcher_shared"};
  std::deque<ActorCell*> shared_ GUARDED_BY(shared_mutex_);

  Mutex ended_mutex_{"dispatcher_ended"};
  CondVar ended_;
  std::uint32_t ended_count_ GUARDED_BY(ended_mutex_) = 0;

  std::thread watchdog_;
  // 1 while the watchdog sleeps until a worker wakes up.
  std::atomic<bool> watchdog_asleep_{false};
  Mutex watchdog_mutex_{"dispatcher_watchdog"};
  CondVar watchdog_changed_;
};

}  // namespace nexus::core
