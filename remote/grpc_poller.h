// GrpcPoller: the one completion queue of all streams between nodes. The system's workers look into it; its own thread does when
// they do not, because each of them is in a long turn, the dispatcher is of another sort, or has ended.
//
//   queue(), the calls of core::Poller   see there
//   shutdown()                           a foreign thread
//
// G1  Operations complete one after the other, whichever threads they complete on.
// G2  What is ready is handled within two kTick, and what comes behind a read that was put off within three, however long the turns
//     of the workers are.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/dispatch/poller.h"
#include "remote/flush_list.h"

namespace grpc {
class Alarm;
class ServerBuilder;
class ServerCompletionQueue;
}  // namespace grpc

namespace nexus::remote {

class GrpcPoller final : public core::Poller {
 public:
  // What an operation is started with. There must be no other tags in the queue.
  class Operation {
   public:
    virtual void complete(bool ok) = 0;

   protected:
    ~Operation() = default;
  };

  // With a queue of the server that is being built. `held` must outlive the poller.
  static std::unique_ptr<GrpcPoller> add_to(grpc::ServerBuilder& builder, FlushList& held);
  // Starts the thread.
  GrpcPoller(std::unique_ptr<grpc::ServerCompletionQueue> queue, FlushList& held);
  // shutdown(), if it was not called.
  ~GrpcPoller() override;

  grpc::ServerCompletionQueue& queue() { return *queue_; }
  // By whoever starts an operation outside of complete(), before. Who completes it sees what was done until now: gRPC sees to that,
  // and this shows it to ThreadSanitizer, which does not look into gRPC.
  void about_to_start() {
#if defined(__SANITIZE_THREAD__)
    start_count_.fetch_add(1, std::memory_order_release);
#endif
  }
  // By a completion: completes `operation`, ok, at the next wait(), when what follows from this completion has been flushed.
  void put_off(Operation& operation) { put_off_.push_back(&operation); }
  // The queue is being shut down: a completion, however it went, must start nothing.
  bool is_draining() const { return is_draining_.load(); }
  // No operation may be started any more, no dispatcher be attached, and the server must have ended. Completes the operations that
  // are left.
  void shutdown();

  bool enter() override;
  void leave() override;
  bool wait(core::Instant deadline) override;
  void handle() override;
  void wake() override;
  void flush() override { held_.flush(); }
  void attach(bool attached) override;

 private:
  class Woken;
  struct Event {
    Operation* operation = nullptr;
    bool ok = false;
  };

  bool next(core::Instant deadline);
  void complete_put_off();
  void run();
  void look_after_workers();
  void help();

  static constexpr core::Duration kTick = std::chrono::milliseconds(1);
  // Without any event for so many ticks the thread sleeps.
  static constexpr std::uint32_t kPatienceTicks = 100;
  // Of events that are handled one after the other.
  static constexpr std::uint32_t kHandledMax = 64;

  FlushList& held_;
  const core::SteadyClock clock_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;

  // Whoever wakes.
  std::atomic<bool> wake_is_pending_{false};
  const std::unique_ptr<Woken> woken_;
  const std::unique_ptr<grpc::Alarm> alarm_;

  // Any thread.
  std::atomic<std::uint64_t> start_count_{0};
  std::atomic<bool> is_entered_{false};
  // The own thread is in it, or about to be; never for long while a dispatcher is attached.
  std::atomic<bool> helper_is_in_{false};
  std::atomic<std::uint64_t> leave_count_{0};
  std::atomic<bool> attached_{false};
  std::atomic<bool> is_asleep_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> is_draining_{false};

  // Who entered.
  Event next_;
  std::vector<Operation*> put_off_;
  bool is_drained_ = false;

  // Taken when the thread falls asleep and when it is woken.
  core::Mutex mutex_{"grpc_poller"};
  core::CondVar changed_;
  std::thread thread_;
};

}  // namespace nexus::remote
