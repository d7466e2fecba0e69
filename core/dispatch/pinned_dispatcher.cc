#include "core/dispatch/pinned_dispatcher.h"

#include <thread>
#include <unordered_map>

#include "core/actor_system.h"
#include "core/base/thread_name.h"
#include "core/base/user_code.h"
#include "core/dispatch/guest_workers.h"

namespace nexus::core {
namespace {

class PinnedThreads final : public Dispatcher {
 public:
  PinnedThreads(std::uint32_t thread_count_max, ActorSystem& system)
      : thread_count_max_(thread_count_max),
        throughput_(system.options().throughput),
        guests_(system.guest_workers()) {}
  ~PinnedThreads() override {
    (void)stop(Instant::max());
    if (last_ended_.joinable()) last_ended_.join();
  }

  bool admit(ActorCell& cell) override {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    const auto found = threads_.find(&cell);
    // The thread of the cell's last actor is about to end, and goes on.
    if (found != threads_.end()) {
      ++found->second.life_count;
      return true;
    }
    if (threads_.size() >= thread_count_max_) return false;
    Thread& thread = threads_[&cell];
    const bool failed = failure_of([&] {
                          thread.thread =
                              std::thread([this, &cell, &thread] { run(cell, thread); });
                        }).has_value();
    if (failed) threads_.erase(&cell);
    return !failed;
  }
  void dismiss(ActorCell& cell) override {
    MutexLock lock(mutex_);
    const auto found = threads_.find(&cell);
    // When the system stops.
    if (found == threads_.end()) return;
    --found->second.life_count;
    found->second.changed.notify_all();
  }
  void schedule(ActorCell& cell) override {
    MutexLock lock(mutex_);
    const auto found = threads_.find(&cell);
    // When the system stops.
    if (found == threads_.end()) return;
    found->second.is_due = true;
    found->second.changed.notify_all();
  }
  bool stop(Instant deadline) override {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (auto& [cell, thread] : threads_) thread.changed.notify_all();
    while (!threads_.empty()) {
      if (clock_.now() >= deadline) return false;
      ended_.wait_until(mutex_, deadline);
    }
    return true;
  }

 private:
  struct Thread {
    std::thread thread;
    CondVar changed;
    bool is_due = false;
    // Actors that have begun in the cell and whose end this thread has not seen.
    std::uint32_t life_count = 1;
  };

  void run(ActorCell& cell, Thread& own) {
    set_thread_name("nx-pinned");
    std::thread ended_before;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && own.life_count > 0) {
        if (!std::exchange(own.is_due, false)) {
          own.changed.wait(mutex_);
          continue;
        }
        mutex_.unlock();
        const GuestWorkers::Turn turn = guests_->run(cell, throughput_);
        mutex_.lock();
        if (turn == GuestWorkers::Turn::more) own.is_due = true;
        if (turn == GuestWorkers::Turn::ended) --own.life_count;
      }
      ended_before = std::exchange(last_ended_, std::move(own.thread));
      threads_.erase(&cell);
      ended_.notify_all();
    }
    // A thread that has ended is joined by the next that does.
    if (ended_before.joinable()) ended_before.join();
  }

  const std::uint32_t thread_count_max_;
  const std::uint32_t throughput_;
  const std::shared_ptr<GuestWorkers> guests_;
  const SteadyClock clock_;

  Mutex mutex_{"pinned_dispatcher"};
  CondVar ended_;
  std::unordered_map<ActorCell*, Thread> threads_ GUARDED_BY(mutex_);
  std::thread last_ended_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<Dispatcher> PinnedDispatcher::make(ActorSystem& system, Scope) {
  return std::make_unique<PinnedThreads>(options_.thread_count_max, system);
}

}  // namespace nexus::core
