#include "core/dispatch/blocking_pool.h"

#include <deque>
#include <list>
#include <thread>

#include "core/actor_system.h"
#include "core/base/thread_name.h"
#include "core/base/user_code.h"
#include "core/dispatch/guest_workers.h"

namespace nexus::core {
namespace {

class BlockingThreads final : public Dispatcher {
 public:
  BlockingThreads(BlockingPool::Options options, ActorSystem& system)
      : options_(options), guests_(system.guest_workers()) {}
  ~BlockingThreads() override {
    (void)stop(Instant::max());
    if (last_ended_.joinable()) last_ended_.join();
  }

  // False when the system gives no thread.
  bool start() {
    MutexLock lock(mutex_);
    return start_thread();
  }
  void schedule(ActorCell& cell) override {
    MutexLock lock(mutex_);
    due_.push_back(&cell);
    work_.notify_one();
    // Each idle thread takes one of those that are due.
    if (due_.size() > idle_count_ && threads_.size() < options_.thread_count_max && !stopping_) {
      // Without one more, the cell waits for those that there are.
      (void)start_thread();
    }
  }
  bool stop(Instant deadline) override {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.notify_all();
    while (!threads_.empty()) {
      if (clock_.now() >= deadline) return false;
      ended_.wait_until(mutex_, deadline);
    }
    return true;
  }

 private:
  using Threads = std::list<std::thread>;

  bool start_thread() REQUIRES(mutex_) {
    const auto own = threads_.emplace(threads_.end());
    const bool failed =
        failure_of([&] { *own = std::thread([this, own] { run(own); }); }).has_value();
    if (failed) threads_.erase(own);
    return !failed;
  }
  // Null when the thread is to end.
  ActorCell* next() REQUIRES(mutex_) {
    const Instant idle_until = deadline_after(clock_.now(), options_.idle_timeout);
    ++idle_count_;
    while (due_.empty() && !stopping_) {
      if (threads_.size() == 1) {
        work_.wait(mutex_);
      } else if (clock_.now() < idle_until) {
        work_.wait_until(mutex_, idle_until);
      } else {
        break;
      }
    }
    --idle_count_;
    if (due_.empty() || stopping_) return nullptr;
    ActorCell* cell = due_.front();
    due_.pop_front();
    return cell;
  }
  void run(Threads::iterator own) {
    set_thread_name("nx-blocking");
    std::thread ended_before;
    {
      MutexLock lock(mutex_);
      while (ActorCell* cell = next()) {
        mutex_.unlock();
        const GuestWorkers::Turn turn = guests_->run(*cell, options_.throughput);
        mutex_.lock();
        if (turn == GuestWorkers::Turn::more) due_.push_back(cell);
      }
      ended_before = std::exchange(last_ended_, std::move(*own));
      threads_.erase(own);
      ended_.notify_all();
    }
    // A thread that has ended is joined by the next that does.
    if (ended_before.joinable()) ended_before.join();
  }

  const BlockingPool::Options options_;
  const std::shared_ptr<GuestWorkers> guests_;
  const SteadyClock clock_;

  Mutex mutex_{"blocking_pool"};
  CondVar work_;
  CondVar ended_;
  std::deque<ActorCell*> due_ GUARDED_BY(mutex_);
  Threads threads_ GUARDED_BY(mutex_);
  std::size_t idle_count_ GUARDED_BY(mutex_) = 0;
  std::thread last_ended_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace

BlockingPool::BlockingPool(Options options) : options_(options) {
  CHECK(options_.thread_count_max >= 1 && options_.throughput >= 1);
}

std::unique_ptr<Dispatcher> BlockingPool::make(ActorSystem& system, Scope) {
  auto threads = std::make_unique<BlockingThreads>(options_, system);
  return threads->start() ? std::move(threads) : nullptr;
}

}  // namespace nexus::core
