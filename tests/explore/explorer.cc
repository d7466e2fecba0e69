// Compiled without ThreadSanitizer: for it the fibers are threads, and what they share here would be races.
#include "tests/explore/explorer.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "core/base/check.h"
#include "core/dispatch/worker.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(NEXUS_EXPLORE_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace nexus::explore {
namespace {

constexpr std::size_t kStackBytes = std::size_t{512} * 1024;
constexpr std::uint32_t kPendingCountMax = 8;

// A context of its own with a stack of its own; the home fiber is the thread itself.
class Fiber {
 public:
  explicit Fiber(bool is_home) {
#if defined(NEXUS_EXPLORE_TSAN)
    tsan_ = is_home ? __tsan_get_current_fiber() : __tsan_create_fiber(0);
#endif
    if (is_home) return;
    stack_ = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(stack_ != MAP_FAILED);
    stack_bytes_ = kStackBytes;
  }

  // What switch_to() of this fiber does first. `entry` never returns.
  void prepare(void (*entry)()) {
    CHECK(getcontext(&context_) == 0);
    context_.uc_stack.ss_sp = stack_;
    context_.uc_stack.ss_size = stack_bytes_;
    context_.uc_link = nullptr;
    makecontext(&context_, entry, 0);
  }
  void switch_to(Fiber& next) {
#if defined(NEXUS_EXPLORE_TSAN)
    __tsan_switch_to_fiber(next.tsan_, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&fake_stack_, next.stack_, next.stack_bytes_);
#endif
    CHECK(swapcontext(&context_, &next.context_) == 0);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr);
#endif
  }
  // First thing on a fiber that begins; `from` is the one that was left.
  static void arrived([[maybe_unused]] Fiber& from) {
#if defined(__SANITIZE_ADDRESS__)
    const void* stack = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(nullptr, &stack, &bytes);
    from.stack_ = const_cast<void*>(stack);
    from.stack_bytes_ = bytes;
#endif
  }

 private:
  ucontext_t context_{};
  void* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack_ = nullptr;
#endif
#if defined(NEXUS_EXPLORE_TSAN)
  void* tsan_ = nullptr;
#endif
};

// What happened before a release is known after the acquire of the same place, for ThreadSanitizer.
void tsan_release([[maybe_unused]] void* place) {
#if defined(NEXUS_EXPLORE_TSAN)
  __tsan_release(place);
#endif
}
void tsan_acquire([[maybe_unused]] void* place) {
#if defined(NEXUS_EXPLORE_TSAN)
  __tsan_acquire(place);
#endif
}

enum class State : std::uint8_t { ready, waiting, ended };

struct Thread {
  Fiber* fiber = nullptr;
  const std::function<void()>* run = nullptr;
  State state = State::ended;
  const void* waits_for = nullptr;
  // Of PCT: the highest runs.
  std::int32_t priority = 0;
  core::Worker* worker = nullptr;
  PendingStore pending[kPendingCountMax];
  std::uint32_t pending_count = 0;
};

}  // namespace

class Explorer::Impl final : public Scheduler {
 public:
  Schedule run(std::uint64_t seed, const std::function<void()>& body,
               std::vector<std::string>* trace) {
    current_ = this;
    begin(seed);
    body_ = &body;
    trace_ = trace;
    fresh_fiber(body_fiber_).prepare(&enter_body);
    tsan_release(this);
    home_.switch_to(*body_fiber_);
    tsan_acquire(this);
    internal::t_scheduler = nullptr;
    core::Worker::set_current(nullptr);
    if (schedule_.end != End::done) abandon();
    return schedule_;
  }

  void run_threads(const std::vector<std::function<void()>>& threads) {
    CHECK(!threads.empty() && threads.size() <= kThreadCountMax);
    thread_count_ = static_cast<std::uint32_t>(threads.size());
    for (std::uint32_t i = 0; i < thread_count_; ++i) {
      Thread& thread = threads_[i];
      fresh_fiber(thread.fiber).prepare(&enter_thread);
      thread.run = &threads[i];
      thread.state = State::ready;
      thread.worker = nullptr;
      thread.pending_count = 0;
    }
    choose_priorities();
    tsan_release(this);
    body_worker_ = core::Worker::current();
    resume(pick(), *body_fiber_);
    internal::t_scheduler = nullptr;
    core::Worker::set_current(body_worker_);
    tsan_acquire(this);
  }

  Random& random() { return random_; }

  void point(const char* what, const Where& where) override {
    note(what, where);
    if (++schedule_.step_count > kStepCountMax) give_up(End::too_long);
    if (keeps_back_ && random_.below(4) == 0)
      publish_oldest(threads_[random_.below(thread_count_)]);
    if (mode_ == Mode::priorities) {
      for (std::uint32_t i = 0; i < change_count_; ++i) {
        if (changes_[i] == schedule_.step_count) threads_[running_].priority = --lowest_;
      }
    }
    const std::uint32_t next = pick();
    schedule_.fingerprint = (schedule_.fingerprint ^ (next + 1)) * 0x100'0000'01b3;
    if (next != running_) hand_over(next);
  }

  void point_after(const char* what, const Where& where) override {
    if (has_points_after_) point(what, where);
  }

  void wait_on(const void* place, const char* what, const Where& where) override {
    Thread& self = threads_[running_];
    self.state = State::waiting;
    self.waits_for = place;
    if (trace_ != nullptr) note((std::string("blocked in ") + what).c_str(), where);
    go_on_without_me();
  }

  void wake(const void* place, bool all) override {
    const std::uint32_t first = random_.below(thread_count_);
    for (std::uint32_t i = 0; i < thread_count_; ++i) {
      Thread& thread = threads_[(first + i) % thread_count_];
      if (thread.state != State::waiting || thread.waits_for != place) continue;
      thread.state = State::ready;
      if (!all) return;
    }
  }

  bool fails_for_no_reason() override { return random_.below(16) == 0; }

  bool keep_back(const PendingStore& store) override {
    if (!keeps_back_) return false;
    Thread& self = threads_[running_];
    if (self.pending_count == kPendingCountMax) publish_oldest(self);
    self.pending[self.pending_count++] = store;
    return true;
  }
  const PendingStore* own_pending(const void* place) const override {
    const Thread& self = threads_[running_];
    for (std::uint32_t i = self.pending_count; i > 0; --i) {
      if (self.pending[i - 1].place == place) return &self.pending[i - 1];
    }
    return nullptr;
  }
  void publish_own() override { publish(threads_[running_]); }
  void publish_all() override {
    for (std::uint32_t i = 0; i < thread_count_; ++i) publish(threads_[i]);
  }

 private:
  enum class Mode : std::uint8_t { anybody, seldom, priorities };
  static constexpr std::uint32_t kChangeCountMax = 6;

  void begin(std::uint64_t seed) {
    random_ = Random(seed);
    schedule_ = {};
    const std::uint32_t mode = random_.below(4);
    mode_ = mode == 0 ? Mode::anybody : mode == 1 ? Mode::seldom : Mode::priorities;
    seldom_ = 2u << random_.below(4);
    change_count_ = random_.below(kChangeCountMax + 1);
    // Nobody knows how long the schedule will be, so lengths of all magnitudes are tried.
    const std::uint32_t length = 8u << random_.below(8);
    for (std::uint32_t& change : changes_) change = 1 + random_.below(length);
    keeps_back_ = random_.below(2) == 0;
    has_points_after_ = random_.below(2) == 0;
#if defined(NEXUS_EXPLORE_TSAN)
    // It would take the store for one of the thread that publishes it.
    keeps_back_ = false;
#endif
  }
  void choose_priorities() {
    for (std::uint32_t i = 0; i < thread_count_; ++i) {
      threads_[i].priority = static_cast<std::int32_t>(i);
    }
    for (std::uint32_t i = thread_count_; i > 1; --i) {
      std::swap(threads_[i - 1].priority, threads_[random_.below(i)].priority);
    }
    lowest_ = 0;
  }

  static Fiber& fresh_fiber(Fiber*& fiber) {
    if (fiber == nullptr) fiber = std::make_unique<Fiber>(false).release();
    return *fiber;
  }
  // Their stacks hold what is never destroyed.
  void abandon() {
    body_fiber_ = nullptr;
    for (Thread& thread : threads_) thread.fiber = nullptr;
  }

  static void enter_body() {
    Impl& self = *current_;
    Fiber::arrived(self.home_);
    tsan_acquire(&self);
    (*self.body_)();
    tsan_release(&self);
    self.body_fiber_->switch_to(self.home_);
  }
  static void enter_thread() {
    Impl& self = *current_;
    Fiber::arrived(*self.left_);
    tsan_acquire(&self);
    Thread& thread = self.threads_[self.running_];
    (*thread.run)();
    self.publish(thread);
    thread.state = State::ended;
    tsan_release(&self);
    self.go_on_without_me();
  }

  // Whom to let run; kThreadCountMax when nobody can.
  std::uint32_t pick() {
    std::uint32_t ready[kThreadCountMax];
    std::uint32_t count = 0;
    bool running_is_ready = false;
    std::uint32_t highest = 0;
    for (std::uint32_t i = 0; i < thread_count_; ++i) {
      if (threads_[i].state != State::ready) continue;
      if (i == running_) running_is_ready = true;
      if (count == 0 || threads_[i].priority > threads_[highest].priority) highest = i;
      ready[count++] = i;
    }
    if (count == 0) return kThreadCountMax;
    if (mode_ == Mode::priorities) return highest;
    if (mode_ == Mode::seldom && running_is_ready && random_.below(seldom_) != 0) return running_;
    return ready[random_.below(count)];
  }
  void hand_over(std::uint32_t next) {
    Thread& self = threads_[running_];
    self.worker = core::Worker::current();
    resume(next, *self.fiber);
  }
  void resume(std::uint32_t next, Fiber& from) {
    Thread& thread = threads_[next];
    running_ = next;
    left_ = &from;
    core::Worker::set_current(thread.worker);
    internal::t_scheduler = this;
    from.switch_to(*thread.fiber);
  }
  void go_on_without_me() {
    const std::uint32_t next = pick();
    if (next < kThreadCountMax) return hand_over(next);
    for (std::uint32_t i = 0; i < thread_count_; ++i) {
      if (threads_[i].state != State::ended) give_up(End::deadlock);
    }
    threads_[running_].fiber->switch_to(*body_fiber_);
  }
  void give_up(End end) {
    schedule_.end = end;
    threads_[running_].fiber->switch_to(home_);
  }

  static void apply(const PendingStore& store) { store.apply(store.place, store.bits); }
  static void publish(Thread& thread) {
    for (std::uint32_t i = 0; i < thread.pending_count; ++i) apply(thread.pending[i]);
    thread.pending_count = 0;
  }
  static void publish_oldest(Thread& thread) {
    if (thread.pending_count == 0) return;
    apply(thread.pending[0]);
    --thread.pending_count;
    std::memmove(&thread.pending[0], &thread.pending[1],
                 thread.pending_count * sizeof(PendingStore));
  }

  void note(const char* what, const Where& where) {
    if (trace_ == nullptr) return;
    const char* file = std::strstr(where.file_name(), "core/");
    trace_->push_back("thread " + std::to_string(running_) + ": " + what + " at " +
                      (file == nullptr ? where.file_name() : file) + ":" +
                      std::to_string(where.line()));
  }

  // The one that runs on this thread, for its fibers.
  static inline thread_local Impl* current_ = nullptr;

  Fiber home_{true};
  Fiber* body_fiber_ = nullptr;
  core::Worker* body_worker_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  Thread threads_[kThreadCountMax];
  std::uint32_t thread_count_ = 1;
  std::uint32_t running_ = 0;
  Fiber* left_ = nullptr;

  Schedule schedule_;
  Random random_{0};
  Mode mode_ = Mode::anybody;
  bool keeps_back_ = false;
  bool has_points_after_ = false;
  std::uint32_t seldom_ = 2;
  std::uint32_t change_count_ = 0;
  std::uint32_t changes_[kChangeCountMax] = {};
  std::int32_t lowest_ = 0;
  std::vector<std::string>* trace_ = nullptr;
};

Explorer::Explorer() : impl_(std::make_unique<Impl>()) {}
Explorer::~Explorer() = default;

Explorer::Schedule Explorer::run(std::uint64_t seed, const std::function<void()>& body,
                                 std::vector<std::string>* trace) {
  return impl_->run(seed, body, trace);
}
void Explorer::run_threads(const std::vector<std::function<void()>>& threads) {
  impl_->run_threads(threads);
}
Random& Explorer::random() { return impl_->random(); }

}  // namespace nexus::explore
