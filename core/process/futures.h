// FutureTable: gives each request a number, waits for the answer that carries it, and ends the wait at the deadline.
// One process for all requests of the node: the sender of request N is the Pid `address/$future` with request id N.
//
//   all calls   any thread
//
// F1  Each opened future completes exactly once: by the first answer, by its deadline, by cancel() or by shutdown.
// F2  The completion runs on the thread that brings the answer (a worker, a gRPC thread, the timer thread); it must not
//     block or throw, and no lock is held.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/unique_function.h"
#include "core/process/dead_letters.h"
#include "core/process/process.h"
#include "core/time/timers.h"

namespace nexus::core {

// How a request ended.
struct Answer {
  enum class Outcome : std::uint8_t {
    // `message` holds the answer (null for a future that waited for `enqueued`).
    answered,
    no_such_actor,
    mailbox_full,
    // The link to the target's node is down, was lost or is full; `detail` has the dead letter's reason.
    link_failed,
    too_large,
    // The request is of a type that cannot leave this node.
    not_remotable,
    bad_payload,
    // The target failed in its turn with the request.
    failed,
    deadline,
    cancelled,
    // Too many requests are open on this node; the request was not sent.
    overloaded,
  };
  Outcome outcome;
  // The target's turn with the request had begun. Known only for requests that want notices.
  bool started = false;
  EnvelopePtr message{};
  std::string detail{};
};

class FutureTable final : public Process {
 public:
  using Completion = UniqueFunction<void(Answer)>;
  struct Options {
    // Requests that may be open at once; a power of two is not needed.
    std::uint32_t open_count_max = 1'000'000;
  };

  FutureTable(Options options, std::string address, Timers& timers, DeadLetters& dead_letters);

  // The sender to put on the request. Empty when open_count_max are open or the table is closed: `on_done` has then run with
  // `overloaded` or `cancelled`, and the request must not be sent. With `until_enqueued` the notice that the message is in
  // the mailbox completes it. `target`, where it is known, lets fail_at() find it.
  Pid open(Instant deadline, Completion on_done, bool until_enqueued = false,
           const Pid& target = {});
  // False when it had completed.
  bool cancel(std::uint32_t request_id);
  // Completes those whose target is at another node's `address` as link_failed: that node is gone and will not answer.
  // O(open futures).
  void fail_at(const std::string& address, const std::string& detail);
  // Completes all as cancelled; later open() calls answer empty.
  void close();

  std::size_t open_count() const;

  void deliver(EnvelopePtr envelope, Lane lane) override;
  const std::string& address() const override { return address_; }
  const std::string& id() const override { return id_; }

 private:
  struct Future {
    Completion on_done;
    Timers::Id timer;
    Pid target;
    bool until_enqueued;
    bool started;
  };
  static constexpr std::size_t kShardCount = 16;
  struct Shard {
    mutable Mutex mutex{"future_table"};
    std::unordered_map<std::uint32_t, Future> futures GUARDED_BY(mutex);
  };

  // False, and `answer` untouched, when it had completed.
  bool complete(std::uint32_t request_id, Answer& answer);
  bool complete(std::uint32_t request_id, Answer::Outcome outcome, std::string detail = {});
  void expire(std::uint32_t request_id);
  Shard& shard_of(std::uint32_t request_id) { return shards_[request_id % kShardCount]; }

  const Options options_;
  const std::string address_;
  const std::string id_ = "$future";
  Timers& timers_;
  DeadLetters& dead_letters_;
  std::atomic<std::uint32_t> next_id_{1};
  std::atomic<std::uint32_t> open_count_{0};
  std::atomic<bool> closed_{false};
  std::array<Shard, kShardCount> shards_;
};

}  // namespace nexus::core
