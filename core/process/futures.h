// FutureTable: waits for the answers to requests, and ends each wait at its deadline. A request's sender is a Pid of a slot in
// type-stable memory, `address/$f<index>`, with the number of the request.
//
//   all calls   any thread; workers of the system mostly take no lock
//
// F1  Each opened future completes exactly once: by the first answer, by its deadline, by cancel(), fail() or close().
// F2  A completion runs on the thread that brings the answer (a worker, a gRPC thread, the timer thread); it must not block or
//     throw, and no lock is held. The future of an actor instead sends its actor what is_done_future() knows, and the rest
//     happens in its turn.
// F3  A deadline is noticed up to kSweepMin late, or with very many open futures up to ten times what it takes to look through
//     them: one sweep over all slots instead of a timer for each request.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/actor/envelope.h"
#include "core/actor/system_messages.h"
#include "core/base/atomic.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/unique_function.h"
#include "core/mailbox/mailbox.h"
#include "core/process/answer.h"
#include "core/process/dead_letters.h"
#include "core/time/timers.h"

namespace nexus::core {

class ActorSystem;
class Context;
class FutureTable;
class Worker;

// One future; private to FutureTable but for its name.
class alignas(64) FutureSlot {
 public:
  using Completion = UniqueFunction<void(Answer)>;
  using OnAnswer = UniqueFunction<void(Context&, Answer&&)>;

  std::string id() const;
  const std::string& system_address() const;

 private:
  friend class FutureTable;

  // request id << 32 | flags. The id changes with every use, so that what is meant for an earlier request finds nothing.
  Atomic<std::uint64_t> state{0};
  // By the system's clock, for the sweep.
  Atomic<std::int64_t> deadline{0};
  // Hash of where the target is, see route_of(); 0 when it is of this node. For open_at().
  Atomic<std::uint64_t> target_address_hash{0};
  FutureTable* table = nullptr;
  std::uint32_t index = 0;
  std::uint32_t asker_restarts = 0;
  // The actor whose future this is; empty when it has a completion.
  Pid asker;
  OnAnswer on_answer;
  Completion on_done;
  // Of an actor's future: whether its answer, which travels by itself, came after the turn had begun; or the whole answer.
  bool started = false;
  std::optional<Answer> answer;
};

class FutureTable {
 public:
  using Completion = FutureSlot::Completion;
  using OnAnswer = FutureSlot::OnAnswer;
  struct Options {
    // Requests that may be open at once.
    std::uint32_t open_count_max = 1'000'000;
  };
  static constexpr Duration kSweepMin = std::chrono::milliseconds(1);

  FutureTable(Options options, ActorSystem& system);
  ~FutureTable();

  // The sender to put on the request. Empty when open_count_max are open or the table is closed: `on_done` has then run with
  // `overloaded` or `cancelled`, and the request must not be sent. With `until_enqueued` the notice that the message is in
  // the mailbox completes it. `target`, where it is known, lets open_at() find it.
  Pid open(Instant deadline, Completion on_done, bool until_enqueued = false,
           const Pid& target = {});
  // The same for an actor in its turn: what comes back reaches `asker` as a system message that is_done_future() knows, to be
  // collected there. Empty as above, with a Continuation on its way that says so.
  Pid open_for_actor(Worker& worker, Instant deadline, const Pid& asker,
                     std::uint32_t asker_restarts, OnAnswer on_answer, const Pid& target);
  struct Done {
    OnAnswer on_answer;
    Answer answer;
    std::uint32_t asker_restarts;
  };
  // A FutureDone, or the answer itself with its future as sender: mostly the answer needs no second message.
  static bool is_done_future(const Envelope& envelope) {
    return envelope.sender().is_future() || envelope.is<FutureDone>();
  }
  // Of what is_done_future() knows: once, by the actor or by whoever drops the message.
  Done collect(EnvelopePtr done);

  // Not completed yet.
  bool is_open(const Pid& future) const;
  // False when it had completed.
  bool cancel(const Pid& future);
  // The same for an actor's own request that was not sent after all: nothing is called.
  bool discard(const Pid& future);
  // Those that wait for an actor at another node's `address`, or of a client of that name. O(slots).
  std::vector<Pid> open_at(std::string_view address);
  // Completes those that are still open as link_failed: nobody will answer.
  void fail(const std::vector<Pid>& futures, const std::string& detail);
  // Completes all as cancelled; later open() calls answer empty.
  void close();

  std::size_t open_count() const;

  // The slot that `$f<index>` names, without a request id; empty when there is none.
  Pid find(std::string_view id) const;
  // An answer, or news about the request, for `future`.
  void deliver(const Pid& future, EnvelopePtr envelope, Lane lane);

 private:
  friend class FutureSlot;

  static constexpr std::uint32_t kChunkSlotCount = 256;
  static constexpr std::size_t kChunkCountMax = 65536;
  // Slots that a worker keeps for itself.
  static constexpr std::size_t kSpareMax = 64;
  struct Chunk;

  FutureSlot* take(Worker* worker);
  FutureSlot* take_shared();
  void give_back(FutureSlot& slot);
  FutureSlot* slot_at(std::uint32_t index) const;
  Pid publish(FutureSlot& slot, Instant deadline, const Pid& target, std::uint64_t flags);
  // Wins or loses the race to complete request `id` of the slot.
  bool win(FutureSlot& slot, std::uint32_t request_id, bool* started = nullptr);
  void finish(FutureSlot& slot, Answer answer);
  bool complete(FutureSlot& slot, std::uint32_t request_id, Answer::Outcome outcome,
                std::string detail = {});
  template <typename Visit>
  void for_each_open(Visit visit);
  void sweep_by(Instant deadline);
  void sweep();

  const Options options_;
  ActorSystem& system_;
  Atomic<bool> closed_{false};
  std::unique_ptr<std::array<Atomic<Chunk*>, kChunkCountMax>> chunks_;
  Atomic<std::uint32_t> slot_count_{0};
  // When the sweep runs next, by the system's clock.
  Atomic<std::int64_t> next_sweep_{INT64_MAX};
  Mutex sweep_mutex_{"future_sweep"};
  // Names the sweep that was scheduled last.
  Timers::Id sweep_timer_ GUARDED_BY(sweep_mutex_);

  mutable Mutex mutex_{"future_table"};
  std::vector<FutureSlot*> free_ GUARDED_BY(mutex_);
  // Handed out to threads, in use or spare there.
  std::uint32_t out_count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace nexus::core
