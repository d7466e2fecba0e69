#include "core/dispatch/single_thread.h"

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

#include "core/actor_system.h"
#include "core/base/mutex.h"
#include "core/dispatch/worker.h"

namespace nexus::core {

// What the members share.
struct SingleThread::Loop {
  bool is_here() const { return std::this_thread::get_id() == thread; }
  // Runs one cell; false when none has anything to do.
  bool run_turn();
  // Until a cell is scheduled or poke() is called, at most until `deadline`.
  void wait(Instant deadline);
  void poke();
  bool has_work() const REQUIRES(mutex);

  const std::thread::id thread = std::this_thread::get_id();
  const SteadyClock clock{};

  Mutex mutex{"single_thread"};
  CondVar changed;
  std::vector<Member*> members GUARDED_BY(mutex);
  std::size_t first_member GUARDED_BY(mutex) = 0;
  bool poked GUARDED_BY(mutex) = false;

  // The thread: turns that wait inside each other.
  std::uint32_t depth = 0;
};

// The actors of one system.
class SingleThread::Member final : public Dispatcher {
 public:
  Member(std::shared_ptr<Loop> loop, ActorSystem& system, Scope scope)
      : Member(std::move(loop), system, scope, system.take_worker_id()) {}
  ~Member() override {
    (void)stop(Instant::max());
    MutexLock lock(loop_->mutex);
    std::erase(loop_->members, this);
  }

  void schedule(ActorCell& cell) override {
    MutexLock lock(loop_->mutex);
    queued_.push_back(&cell);
    loop_->changed.notify_all();
  }
  bool stop(Instant deadline) override {
    MutexLock lock(loop_->mutex);
    stopping_ = true;
    while (turns_ > 0) {
      if (loop_->clock.now() >= deadline) return false;
      loop_->changed.wait_until(loop_->mutex, deadline);
    }
    return true;
  }
  bool runs_here() const override { return loop_->is_here(); }
  bool run_instead_of_waiting(Instant deadline) override {
    if (loop_->depth >= kNestedMax) return false;
    if (!loop_->run_turn()) loop_->wait(deadline);
    return true;
  }
  void poke() override { loop_->poke(); }

 private:
  friend struct Loop;

  Member(std::shared_ptr<Loop> loop, ActorSystem& system, Scope scope, OwnerId id)
      : loop_(std::move(loop)),
        throughput_(system.options().throughput),
        worker_(id, system, system.registry(), system.registry().add_worker_counters(),
                scope == Scope::system ? kIdle : id) {
    MutexLock lock(loop_->mutex);
    loop_->members.push_back(this);
  }

  // With the loop locked.
  ActorCell* take() {
    if (stopping_) return nullptr;
    if (++turn_ % kQueuedEvery != 0 || queued_.empty()) {
      if (ActorCell* cell = worker_.take_next()) return cell;
    }
    if (queued_.empty()) return nullptr;
    ActorCell* cell = queued_.front();
    queued_.pop_front();
    cell->mailbox().adopt(worker_.id());
    return cell;
  }
  // The thread, which may be in a turn already.
  void run(ActorCell& cell) {
    Worker* before = Worker::current();
    const bool cell_was_gone = worker_.cell_is_gone;
    ActorCell* running = worker_.running();
    Worker::set_current(&worker_);
    cell.run(worker_, throughput_);
    worker_.cell_is_gone = cell_was_gone;
    worker_.resume_turn(running);
    Worker::set_current(before);
  }

  const std::shared_ptr<Loop> loop_;
  const std::uint32_t throughput_;

  // The loop's thread.
  Worker worker_;

  // Under the loop's mutex.
  std::deque<ActorCell*> queued_;
  std::uint32_t turn_ = 0;
  std::uint32_t turns_ = 0;
  bool stopping_ = false;
};

bool SingleThread::Loop::run_turn() {
  Member* member = nullptr;
  ActorCell* cell = nullptr;
  {
    MutexLock lock(mutex);
    for (std::size_t i = 0; i < members.size() && cell == nullptr; ++i) {
      member = members[(first_member + i) % members.size()];
      cell = member->take();
    }
    if (cell == nullptr) return false;
    ++first_member;
    ++member->turns_;
  }
  ++depth;
  member->run(*cell);
  --depth;
  MutexLock lock(mutex);
  --member->turns_;
  if (member->stopping_) changed.notify_all();
  return true;
}

bool SingleThread::Loop::has_work() const {
  return std::any_of(members.begin(), members.end(),
                     [](Member* member) { return !member->stopping_ && !member->queued_.empty(); });
}

void SingleThread::Loop::wait(Instant deadline) {
  MutexLock lock(mutex);
  while (!poked && !has_work() && clock.now() < deadline) changed.wait_until(mutex, deadline);
  poked = false;
}

void SingleThread::Loop::poke() {
  MutexLock lock(mutex);
  poked = true;
  changed.notify_all();
}

SingleThread::SingleThread() : loop_(std::make_shared<Loop>()) {}
SingleThread::~SingleThread() = default;

std::size_t SingleThread::run_until_idle() {
  CHECK(loop_->is_here() && loop_->depth == 0);
  std::size_t turns = 0;
  while (loop_->run_turn()) ++turns;
  return turns;
}

void SingleThread::run_until(Instant deadline) {
  CHECK(loop_->is_here() && loop_->depth == 0);
  while (loop_->clock.now() < deadline) {
    if (!loop_->run_turn()) loop_->wait(deadline);
  }
}

void SingleThread::run_for(Duration time) { run_until(deadline_after(loop_->clock.now(), time)); }

std::unique_ptr<Dispatcher> SingleThread::make(ActorSystem& system, Scope scope) {
  return std::make_unique<Member>(loop_, system, scope);
}

}  // namespace nexus::core
