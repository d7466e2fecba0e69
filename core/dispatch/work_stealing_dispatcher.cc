#include "core/dispatch/work_stealing_dispatcher.h"

#include "core/base/thread_name.h"

namespace nexus::core {

struct alignas(64) WorkStealingDispatcher::Worker {
  WorkStealingDispatcher* dispatcher = nullptr;
  std::uint32_t index = 0;
  std::thread thread;

  // Owner only.
  ActorCell* next = nullptr;
  std::uint32_t next_chain = 0;
  std::uint32_t turn = 0;

  // Owner adds, any worker takes.
  RunQueue queue;

  // 1 while the worker sleeps or is about to; whoever sets it to 0 wakes it.
  alignas(64) std::atomic<std::uint32_t> asleep{0};
};

thread_local WorkStealingDispatcher::Worker* WorkStealingDispatcher::t_worker_ = nullptr;

WorkStealingDispatcher::WorkStealingDispatcher(Options options) : options_(options) {
  CHECK(options_.worker_count >= 1 && options_.throughput >= 1);
  for (std::uint32_t i = 0; i < options_.worker_count; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->dispatcher = this;
    worker->index = i;
    workers_.push_back(std::move(worker));
  }
  for (auto& worker : workers_) {
    worker->thread = std::thread([this, &own = *worker] { run(own); });
  }
}

WorkStealingDispatcher::~WorkStealingDispatcher() {
  (void)stop(clock_.now());
  for (auto& worker : workers_) worker->thread.join();
}

bool WorkStealingDispatcher::stop(Instant deadline) {
  stopping_.store(true);
  for (auto& worker : workers_) {
    if (worker->asleep.exchange(0) == 1) {
      sleeping_count_.fetch_sub(1);
      worker->asleep.notify_one();
    }
  }
  MutexLock lock(ended_mutex_);
  while (ended_count_ < workers_.size()) {
    if (clock_.now() >= deadline) return false;
    ended_.wait_until(ended_mutex_, deadline);
  }
  return true;
}

void WorkStealingDispatcher::schedule(ActorCell& cell) {
  Worker* worker = t_worker_;
  if (worker == nullptr || worker->dispatcher != this) {
    push_shared(cell);
    wake_one();
    return;
  }
  ActorCell* pushed_out = std::exchange(worker->next, &cell);
  if (pushed_out == nullptr) return;
  if (!worker->queue.try_push(*pushed_out)) push_shared(*pushed_out);
  wake_one();
}

void WorkStealingDispatcher::push_shared(ActorCell& cell) {
  MutexLock lock(shared_mutex_);
  shared_.push_back(&cell);
  shared_count_.store(static_cast<std::uint32_t>(shared_.size()), std::memory_order_release);
}

ActorCell* WorkStealingDispatcher::take_shared() {
  if (shared_count_.load(std::memory_order_acquire) == 0) return nullptr;
  MutexLock lock(shared_mutex_);
  if (shared_.empty()) return nullptr;
  ActorCell* cell = shared_.front();
  shared_.pop_front();
  shared_count_.store(static_cast<std::uint32_t>(shared_.size()), std::memory_order_release);
  return cell;
}

// Called after the work was published. Adding nothing to searching_count_ takes a place among the changes to it: a worker
// that stops searching later sees the work, and one that stopped earlier to sleep is seen here as sleeping.
void WorkStealingDispatcher::wake_one() {
  if (searching_count_.fetch_add(0, std::memory_order_acq_rel) > 0) return;
  if (sleeping_count_.load(std::memory_order_relaxed) == 0) return;
  for (auto& worker : workers_) {
    if (worker->asleep.load(std::memory_order_relaxed) == 1 && worker->asleep.exchange(0) == 1) {
      sleeping_count_.fetch_sub(1);
      worker->asleep.notify_one();
      return;
    }
  }
}

bool WorkStealingDispatcher::has_work() const {
  if (shared_count_.load(std::memory_order_relaxed) > 0) return true;
  for (const auto& worker : workers_) {
    if (worker->queue.size_approx() > 0) return true;
  }
  return false;
}

// Counts itself as sleeping before it stops counting as searching, and looks for work after both; see wake_one().
void WorkStealingDispatcher::sleep(Worker& worker) {
  worker.asleep.store(1);
  sleeping_count_.fetch_add(1);
  searching_count_.fetch_sub(1);
  if (has_work() || stopping_.load()) {
    if (worker.asleep.exchange(0) == 1) sleeping_count_.fetch_sub(1);
  } else {
    while (worker.asleep.load() == 1) worker.asleep.wait(1);
  }
  searching_count_.fetch_add(1);
}

ActorCell* WorkStealingDispatcher::steal(Worker& thief) {
  const std::size_t count = workers_.size();
  for (std::size_t i = 1; i < count; ++i) {
    Worker& victim = *workers_[(thief.index + i) % count];
    if (ActorCell* cell = victim.queue.try_pop()) return cell;
  }
  return nullptr;
}

ActorCell* WorkStealingDispatcher::find_work(Worker& worker) {
  ++worker.turn;
  if (worker.turn % kSharedFirstEvery == 0) {
    if (ActorCell* cell = take_shared()) return cell;
  }
  if (worker.next != nullptr) {
    if (worker.next_chain < kNextChainMax) {
      ++worker.next_chain;
      return std::exchange(worker.next, nullptr);
    }
    // The chain has had its share: the queue goes first, and the slot's cell takes its place at the end.
    worker.next_chain = 0;
    ActorCell* cell = std::exchange(worker.next, nullptr);
    if (!worker.queue.try_push(*cell)) push_shared(*cell);
  }
  worker.next_chain = 0;
  if (ActorCell* cell = worker.queue.try_pop()) return cell;
  if (ActorCell* cell = take_shared()) return cell;
  return steal(worker);
}

// To the end of the queue, not to the slot: others get their turn first.
void WorkStealingDispatcher::run_later(Worker& worker, ActorCell& cell) {
  if (!worker.queue.try_push(cell)) push_shared(cell);
  // A cell that is alone here runs again at once; waking another worker would only move it there.
  const bool alone = worker.next == nullptr && worker.queue.size_approx() <= 1 &&
                     shared_count_.load(std::memory_order_relaxed) == 0;
  if (!alone) wake_one();
}

void WorkStealingDispatcher::run(Worker& worker) {
  t_worker_ = &worker;
  set_thread_name("nx-worker-" + std::to_string(worker.index));
  bool searching = false;
  Instant give_up_at{};
  while (!stopping_.load(std::memory_order_relaxed)) {
    ActorCell* cell = find_work(worker);
    if (cell != nullptr) {
      if (searching) {
        searching = false;
        searching_count_.fetch_sub(1);
        // Whoever published more while this worker was searching relied on it.
        if (has_work()) wake_one();
      }
      if (cell->run(options_.throughput) == OnYield::run_again) run_later(worker, *cell);
      continue;
    }
    const Instant now = clock_.now();
    if (!searching) {
      searching = true;
      searching_count_.fetch_add(1);
      give_up_at = now + options_.spin;
      continue;
    }
    if (now < give_up_at) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
      continue;
    }
    sleep(worker);
    give_up_at = clock_.now() + options_.spin;
  }
  if (searching) searching_count_.fetch_sub(1);
  t_worker_ = nullptr;
  MutexLock lock(ended_mutex_);
  ++ended_count_;
  ended_.notify_all();
}

}  // namespace nexus::core
