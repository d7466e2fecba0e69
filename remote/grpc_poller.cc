#include "remote/grpc_poller.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/thread_name.h"

namespace nexus::remote {
namespace {

gpr_timespec to_gpr(core::Instant deadline) {
  if (deadline == core::Instant::max()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  if (deadline == core::Instant::min()) return gpr_inf_past(GPR_CLOCK_MONOTONIC);
  const auto left = deadline - core::SteadyClock().now();
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_nanos(std::max<std::int64_t>(left.count(), 0), GPR_TIMESPAN));
}

}  // namespace

// Only its place in memory counts.
class GrpcPoller::Woken final : public Operation {
 public:
  void complete(bool) override {}
};

std::unique_ptr<GrpcPoller> GrpcPoller::add_to(grpc::ServerBuilder& builder, FlushList& held) {
  // Debian builds abseil as for debugging: each lock of gRPC's is entered into a graph of the whole process, under one spin lock, and
  // an order of locks that looks wrong in it ends the process.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return std::make_unique<GrpcPoller>(builder.AddCompletionQueue(), held);
}

GrpcPoller::GrpcPoller(std::unique_ptr<grpc::ServerCompletionQueue> queue, FlushList& held)
    : held_(held),
      queue_(std::move(queue)),
      woken_(std::make_unique<Woken>()),
      alarm_(std::make_unique<grpc::Alarm>()),
      thread_([this] { run(); }) {}

GrpcPoller::~GrpcPoller() { shutdown(); }

void GrpcPoller::shutdown() {
  if (!thread_.joinable()) return;
  CHECK(!attached_.load());
  {
    core::MutexLock lock(mutex_);
    stopping_.store(true);
    changed_.notify_all();
    // Under the lock, so that the queue is not shut down before.
    wake();
  }
  thread_.join();
}

bool GrpcPoller::enter() {
  for (;;) {
    // Acquire: sees what the one before has done.
    if (!is_entered_.load(std::memory_order_relaxed) &&
        !is_entered_.exchange(true, std::memory_order_acquire)) {
      return true;
    }
    // A worker that went to sleep for it would leave the poller to it for good.
    if (helper_is_in_.load()) {
      helper_is_in_.wait(true);
    } else if (is_entered_.load()) {
      return false;
    }
    // Else it was the helper, which is out by now.
  }
}

void GrpcPoller::help() {
  helper_is_in_.store(true);
  if (!is_entered_.exchange(true, std::memory_order_acquire)) {
    if (wait(core::Instant::min())) handle();
    leave();
  }
  helper_is_in_.store(false);
  helper_is_in_.notify_all();
}

void GrpcPoller::leave() {
  // In one order with the helper's falling asleep: it sees this, or is seen below.
  leave_count_.store(leave_count_.load(std::memory_order_relaxed) + 1);
  is_entered_.store(false, std::memory_order_release);
  if (is_asleep_.load()) [[unlikely]] {
    core::MutexLock lock(mutex_);
    is_asleep_.store(false);
    changed_.notify_all();
  }
}

bool GrpcPoller::wait(core::Instant deadline) {
  if (!put_off_.empty()) complete_put_off();
  return next(deadline);
}

void GrpcPoller::complete_put_off() {
  std::vector<Operation*> operations;
  operations.swap(put_off_);
  for (Operation* const operation : operations) operation->complete(true);
  // Keeps its memory, and what was put off meanwhile.
  operations.clear();
  if (put_off_.empty()) put_off_.swap(operations);
}

bool GrpcPoller::next(core::Instant deadline) {
  void* tag = nullptr;
  bool ok = false;
  switch (queue_->AsyncNext(&tag, &ok, to_gpr(deadline))) {
    case grpc::CompletionQueue::GOT_EVENT:
      break;
    case grpc::CompletionQueue::TIMEOUT:
      return false;
    case grpc::CompletionQueue::SHUTDOWN:
      is_drained_ = true;
      return false;
  }
  // See about_to_start().
  (void)start_count_.load(std::memory_order_acquire);
  auto* const operation = static_cast<Operation*>(tag);
  if (operation == woken_.get()) {
    wake_is_pending_.store(false);
    return false;
  }
  next_ = {.operation = operation, .ok = ok};
  return true;
}

void GrpcPoller::handle() {
  for (std::uint32_t count = 0; count < kHandledMax; ++count) {
    next_.operation->complete(next_.ok);
    if (!next(core::Instant::min())) return;
  }
  next_.operation->complete(next_.ok);
}

void GrpcPoller::wake() {
  if (wake_is_pending_.exchange(true)) return;
  alarm_->Set(queue_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC), woken_.get());
}

void GrpcPoller::attach(bool attached) {
  {
    core::MutexLock lock(mutex_);
    // Together: the own thread enables it anew only while it is attached.
    held_.enable(attached);
    attached_.store(attached);
    is_asleep_.store(false);
    changed_.notify_all();
  }
  if (attached) wake();
}

void GrpcPoller::run() {
  core::set_thread_name("nx-remote");
  while (!stopping_.load()) {
    if (attached_.load()) {
      look_after_workers();
    } else if (enter()) {
      flush();
      if (wait(core::Instant::max())) handle();
      leave();
    }
  }
  CHECK(enter());
  while (wait(core::Instant::min())) handle();
  // From now on nobody may start an operation: gRPC would end the process.
  is_draining_.store(true);
  {
    core::MutexLock lock(mutex_);
    queue_->Shutdown();
  }
  while (!is_drained_) {
    if (wait(core::Instant::max())) handle();
  }
  leave();
}

// While they do what is to be done they leave the poller again and again, or one of them waits in it.
void GrpcPoller::look_after_workers() {
  std::uint64_t seen = leave_count_.load(std::memory_order_relaxed);
  std::uint32_t quiet_tick_count = 0;
  while (attached_.load()) {
    {
      core::MutexLock lock(mutex_);
      if (quiet_tick_count >= kPatienceTicks) {
        is_asleep_.store(true);
        // A worker that is not the one that waits in the poller may run, and nobody would flush behind its turn.
        held_.enable(false);
        // That one may have left just before, and the others may have held something back.
        if (leave_count_.load() != seen || held_.has_some()) is_asleep_.store(false);
        while (is_asleep_.load() && attached_.load()) changed_.wait(mutex_);
        is_asleep_.store(false);
        if (attached_.load()) held_.enable(true);
        quiet_tick_count = 0;
      }
      changed_.wait_until(mutex_, clock_.now() + kTick);
    }
    const std::uint64_t now_seen = leave_count_.load(std::memory_order_relaxed);
    if (std::exchange(seen, now_seen) != now_seen) {
      quiet_tick_count = 0;
      continue;
    }
    flush();
    if (is_entered_.load(std::memory_order_relaxed)) {
      ++quiet_tick_count;
    } else {
      help();
      seen = leave_count_.load(std::memory_order_relaxed);
      quiet_tick_count = 0;
    }
  }
}

}  // namespace nexus::remote
