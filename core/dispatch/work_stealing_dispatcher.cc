#include "core/dispatch/work_stealing_dispatcher.h"

#include <algorithm>

#include "core/actor_system.h"
#include "core/base/thread_name.h"
#include "core/base/tick_clock.h"
#include "core/dispatch/poller.h"

namespace nexus::core {

struct alignas(64) WorkStealingDispatcher::Thread {
  Thread(OwnerId id, ActorSystem& system)
      : worker(id, system, system.registry(), system.registry().add_worker_counters()) {}

  Worker worker;
  std::thread thread;

  // Owner only.
  std::uint32_t turn = 0;
  // The turn of the last look at the backlog, and where the ring began at some earlier look, and when that was.
  std::uint32_t looked_turn = 0;
  std::size_t marked_begin = 0;
  Instant marked_at{};
  std::vector<ActorCell*> handed_out;

  Ticks polled_at = 0;

  // 1 while the worker sleeps or is about to; whoever sets it to 0 wakes it.
  alignas(64) std::atomic<std::uint32_t> asleep{0};
  // 1 while the worker may touch the poller.
  std::atomic<std::uint32_t> uses_poller{0};
  // Where it sleeps, if not in `asleep`. Set before `asleep`.
  std::atomic<Poller*> sleeps_in{nullptr};

  // The watchdog only.
  alignas(64) std::uint64_t seen_turn_count = 0;
};

WorkStealingDispatcher::WorkStealingDispatcher(Options options, ActorSystem& system)
    : options_(options) {
  CHECK(options_.worker_count >= 1 && options_.throughput >= 1);
  CHECK(options_.worker_count <= kLastWorker);
  for (std::uint32_t i = 0; i < options_.worker_count; ++i) {
    threads_.push_back(std::make_unique<Thread>(system.take_worker_id(), system));
    if (options_.worker_count > 1) threads_.back()->worker.hold_from(kHoldFrom);
  }
  for (auto& thread : threads_) {
    thread->thread = std::thread([this, &own = *thread] { run(own); });
  }
  if (threads_.size() > 1) watchdog_ = std::thread([this] { watch(); });
}

WorkStealingDispatcher::~WorkStealingDispatcher() {
  (void)stop(clock_.now());
  for (auto& thread : threads_) thread->thread.join();
  if (watchdog_.joinable()) watchdog_.join();
}

bool WorkStealingDispatcher::stop(Instant deadline) {
  stopping_.store(true);
  {
    MutexLock lock(watchdog_mutex_);
    watchdog_changed_.notify_all();
  }
  for (auto& thread : threads_) (void)wake(*thread);
  MutexLock lock(ended_mutex_);
  while (ended_count_ < threads_.size()) {
    if (clock_.now() >= deadline) return false;
    ended_.wait_until(ended_mutex_, deadline);
  }
  return true;
}

bool WorkStealingDispatcher::set_poller(Poller* poller) {
  Poller* const former = poller_.exchange(poller);
  if (former != nullptr) {
    former->wake();
    for (auto& thread : threads_) {
      while (thread->uses_poller.load() == 1) thread->uses_poller.wait(1);
    }
    // Those that were about to wake a thread in it.
    for (std::uint32_t count = waker_count_.load(); count > 0; count = waker_count_.load()) {
      waker_count_.wait(count);
    }
    former->attach(false);
  }
  if (poller != nullptr) poller->attach(!stopping_.load());
  return true;
}

// Null when there is none (any more), else end_use() must follow.
Poller* WorkStealingDispatcher::use_poller(Thread& thread) {
  if (poller_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  // Before the look that counts; set_poller() takes the poller away first and then looks here.
  thread.uses_poller.store(1);
  Poller* const poller = poller_.load();
  if (poller == nullptr) end_use(thread);
  return poller;
}

void WorkStealingDispatcher::end_use(Thread& thread) {
  thread.uses_poller.store(0);
  if (poller_.load() == nullptr) thread.uses_poller.notify_all();
}

// What has come from outside, without waiting for it; and what is to leave leaves. False when nothing had come.
bool WorkStealingDispatcher::look_at_poller(Thread& thread) {
  Poller* const poller = use_poller(thread);
  if (poller == nullptr) return false;
  bool has_events = false;
  poller->flush();
  if (poller->enter()) {
    has_events = poller->wait(Instant::min());
    if (has_events) poller->handle();
    poller->leave();
    thread.worker.send_held();
  }
  thread.polled_at = TickClock::now();
  end_use(thread);
  return has_events;
}

std::size_t WorkStealingDispatcher::waiting_count() const {
  std::size_t count = shared_count_.load(std::memory_order_relaxed);
  for (const auto& thread : threads_) count += thread->worker.backlog_approx();
  return count;
}

void WorkStealingDispatcher::schedule(ActorCell& cell) {
  {
    MutexLock lock(shared_mutex_);
    shared_.push_back(&cell);
    shared_count_.store(static_cast<std::uint32_t>(shared_.size()), std::memory_order_release);
  }
  wake_one();
}

void WorkStealingDispatcher::push_shared(const std::vector<ActorCell*>& cells) {
  MutexLock lock(shared_mutex_);
  shared_.insert(shared_.end(), cells.begin(), cells.end());
  shared_count_.store(static_cast<std::uint32_t>(shared_.size()), std::memory_order_release);
}

// A fair part of what is there, so that the lock is taken seldom: one to run now, the others into the worker's ring.
ActorCell* WorkStealingDispatcher::take_shared(Worker& worker) {
  if (!has_shared()) return nullptr;
  MutexLock lock(shared_mutex_);
  if (shared_.empty()) return nullptr;
  const std::size_t part = (shared_.size() + threads_.size() - 1) / threads_.size();
  ActorCell* first = nullptr;
  for (std::size_t i = 0; i < part; ++i) {
    ActorCell* cell = shared_.front();
    shared_.pop_front();
    cell->mailbox().adopt(worker.id());
    if (first == nullptr) {
      first = cell;
    } else {
      worker.run_later(*cell);
    }
  }
  shared_count_.store(static_cast<std::uint32_t>(shared_.size()), std::memory_order_release);
  return first;
}

// Called after the work was published. Adding nothing to searching_count_ takes a place among the changes to it: a worker
// that stops searching later sees the work, and one that stopped earlier to sleep is seen here as sleeping.
void WorkStealingDispatcher::wake_one() {
  if (searching_count_.fetch_add(0, std::memory_order_acq_rel) > 0) return;
  if (sleeping_count_.load(std::memory_order_relaxed) == 0) return;
  Thread* in_poller = nullptr;
  for (auto& thread : threads_) {
    if (thread->asleep.load(std::memory_order_relaxed) == 0) continue;
    // Somebody else would have to take its place there.
    if (thread->sleeps_in.load(std::memory_order_relaxed) != nullptr) {
      in_poller = thread.get();
    } else if (wake(*thread)) {
      return;
    }
  }
  if (in_poller != nullptr) (void)wake(*in_poller);
}

// False when it was awake.
bool WorkStealingDispatcher::wake(Thread& thread) {
  // set_poller() waits for it.
  waker_count_.fetch_add(1);
  const bool was_asleep = thread.asleep.exchange(0) == 1;
  if (was_asleep) {
    if (Poller* const poller = thread.sleeps_in.load()) {
      poller->wake();
    } else {
      thread.asleep.notify_one();
    }
  }
  waker_count_.fetch_sub(1);
  waker_count_.notify_all();
  return was_asleep;
}

// Counts itself as sleeping before it stops counting as searching, and looks for work after both; see wake_one().
void WorkStealingDispatcher::sleep(Thread& thread) {
  Poller* poller = use_poller(thread);
  if (poller != nullptr && !poller->enter()) {
    end_use(thread);
    poller = nullptr;
  }
  bool has_events = false;
  thread.sleeps_in.store(poller);
  thread.asleep.store(1);
  sleeping_count_.fetch_add(1);
  searching_count_.fetch_sub(1);
  if (shared_count_.load() == 0 && !stopping_.load()) {
    while (thread.asleep.load() == 1) {
      if (poller == nullptr) {
        thread.asleep.wait(1);
      } else if (poller_.load() == nullptr || (has_events = poller->wait(Instant::max()))) {
        break;
      }
    }
  }
  thread.asleep.store(0);
  // In this order: all_asleep() must not hold while a worker is up.
  searching_count_.fetch_add(1);
  sleeping_count_.fetch_sub(1);
  if (watchdog_asleep_.load()) {
    MutexLock lock(watchdog_mutex_);
    watchdog_asleep_.store(false);
    watchdog_changed_.notify_all();
  }
  if (poller == nullptr) return;
  thread.sleeps_in.store(nullptr);
  if (has_events) poller->handle();
  poller->leave();
  thread.worker.send_held();
  end_use(thread);
}

// Gives half of the backlog away when another worker has nothing to do and cells wait for longer than kShareAge: how many wait, by
// how many a second leave the ring (J. D. C. Little, 1961), over at least that time.
void WorkStealingDispatcher::share_backlog(Thread& thread) {
  Worker& worker = thread.worker;
  const std::size_t backlog = worker.backlog();
  const Instant now = clock_.now();
  const Duration elapsed = now - thread.marked_at;
  const bool goes_on =
      thread.turn - std::exchange(thread.looked_turn, thread.turn) == kShareCheckEvery;
  if (goes_on && elapsed < kShareAge) return;
  thread.marked_at = now;
  const std::size_t begin = worker.ring_begin();
  const auto left = static_cast<std::int64_t>(begin - std::exchange(thread.marked_begin, begin));
  if (!goes_on || backlog < 2) return;
  if (elapsed * static_cast<std::int64_t>(backlog) < kShareAge * std::max<std::int64_t>(left, 1))
    return;
  thread.handed_out.clear();
  worker.hand_out(backlog / 2, thread.handed_out);
  if (thread.handed_out.empty()) return;
  push_shared(thread.handed_out);
  wake_one();
}

ActorCell* WorkStealingDispatcher::find_work(Thread& thread) {
  if (++thread.turn % kSharedEvery == 0 && has_shared()) {
    if (ActorCell* cell = take_shared(thread.worker)) return cell;
  }
  if (ActorCell* cell = thread.worker.take_next()) return cell;
  return take_shared(thread.worker);
}

void WorkStealingDispatcher::run(Thread& thread) {
  Worker& worker = thread.worker;
  Worker::set_current(&worker);
  set_thread_name("nx-worker-" + std::to_string(worker.id() - 1));
  const bool alone = threads_.size() == 1;
  bool searching = false;
  Instant give_up_at{};
  while (!stopping_.load(std::memory_order_relaxed)) {
    ActorCell* cell = find_work(thread);
    if (cell != nullptr) {
      if (searching) {
        searching = false;
        searching_count_.fetch_sub(1);
        // Whoever published more while this worker was searching relied on it.
        if (has_shared()) wake_one();
      }
      cell->run(worker, options_.throughput);
      if (!alone && thread.turn % kShareCheckEvery == 0 &&
          sleeping_count_.load(std::memory_order_relaxed) +
                  searching_count_.load(std::memory_order_relaxed) >
              0) {
        share_backlog(thread);
      }
      if (thread.turn % kPollCheckEvery == 0 &&
          poller_.load(std::memory_order_relaxed) != nullptr &&
          TickClock::between(thread.polled_at, TickClock::now()) >= kPollEvery) {
        (void)look_at_poller(thread);
      }
      continue;
    }
    const Instant now = clock_.now();
    if (!searching) {
      searching = true;
      searching_count_.fetch_add(1);
      give_up_at = now + options_.spin;
      continue;
    }
    // What was handled may have given this worker something to do.
    if (look_at_poller(thread)) continue;
    if (now < give_up_at) {
      // What this worker waits for may be on its way on this processor.
      std::this_thread::yield();
      continue;
    }
    sleep(thread);
    give_up_at = clock_.now() + options_.spin;
  }
  if (searching) searching_count_.fetch_sub(1);
  Worker::set_current(nullptr);
  MutexLock lock(ended_mutex_);
  ++ended_count_;
  ended_.notify_all();
}

void WorkStealingDispatcher::share(Worker::Rescued& rescued) {
  // What was held may have been for an actor of another dispatcher. The system's own, which has number 0, may be ending just now
  // and must not be asked for.
  const auto others =
      std::stable_partition(rescued.cells.begin(), rescued.cells.end(),
                            [](ActorCell* cell) { return cell->mailbox().dispatcher() == 0; });
  std::for_each(others, rescued.cells.end(),
                [](ActorCell* cell) { cell->system().dispatcher_of(*cell).schedule(*cell); });
  rescued.cells.erase(others, rescued.cells.end());
  if (!rescued.cells.empty()) {
    push_shared(rescued.cells);
    wake_one();
  }
  rescued.cells.clear();
  for (Outbox::Chain& held : rescued.turned_away) {
    held.cell->system().registry().turn_away(*held.cell, std::move(held.envelopes));
  }
  rescued.turned_away.clear();
}

// Looks every tick for workers whose turn has not ended since the last, and takes what waits behind them.
void WorkStealingDispatcher::watch() {
  set_thread_name("nx-watchdog");
  Worker::Rescued rescued;
  Instant idle_since = clock_.now();
  while (!stopping_.load(std::memory_order_relaxed)) {
    {
      MutexLock lock(watchdog_mutex_);
      const Instant now = clock_.now();
      if (!all_asleep()) idle_since = now;
      if (now - idle_since >= kWatchdogPatience) {
        // Before the look; a worker that wakes up looks after it has counted itself.
        watchdog_asleep_.store(true);
        while (watchdog_asleep_.load() && all_asleep() && !stopping_.load()) {
          watchdog_changed_.wait(watchdog_mutex_);
        }
        watchdog_asleep_.store(false);
        idle_since = clock_.now();
      }
      if (!stopping_.load()) {
        watchdog_changed_.wait_until(watchdog_mutex_, clock_.now() + options_.watchdog_tick);
      }
    }
    for (auto& thread : threads_) {
      const std::uint64_t turns = thread->worker.turn_count();
      const bool stuck =
          turns == thread->seen_turn_count && thread->asleep.load(std::memory_order_relaxed) == 0;
      thread->seen_turn_count = turns;
      if (stuck) (void)thread->worker.rescue(rescued);
    }
    share(rescued);
  }
}

}  // namespace nexus::core
