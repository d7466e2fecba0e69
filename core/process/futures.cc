#include "core/process/futures.h"

#include <charconv>
#include <functional>
#include <limits>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "core/actor_system.h"
#include "core/base/asymmetric_fence.h"
#include "core/dispatch/worker.h"
#include "core/process/client_name.h"

namespace nexus::core {
namespace {

// Of FutureSlot::state.
constexpr std::uint64_t kOpen = 1;
constexpr std::uint64_t kStarted = 2;
constexpr std::uint64_t kUntilEnqueued = 4;
constexpr unsigned kIdShift = 32;

std::uint32_t id_of(std::uint64_t state) { return static_cast<std::uint32_t>(state >> kIdShift); }

Answer::Outcome outcome_of(DeadLetterReason reason) {
  using Outcome = Answer::Outcome;
  switch (reason) {
    case DeadLetterReason::mailbox_full:
      return Outcome::mailbox_full;
    case DeadLetterReason::unreadable:
      return Outcome::bad_payload;
    case DeadLetterReason::link_down:
    case DeadLetterReason::link_queue_full:
    case DeadLetterReason::link_lost_in_doubt:
    case DeadLetterReason::blocked:
      return Outcome::link_failed;
    case DeadLetterReason::too_large:
      return Outcome::too_large;
    case DeadLetterReason::not_remotable:
      return Outcome::not_remotable;
    case DeadLetterReason::expired:
      return Outcome::deadline;
    case DeadLetterReason::cancelled:
      return Outcome::cancelled;
    case DeadLetterReason::no_such_actor:
    case DeadLetterReason::stopped:
    case DeadLetterReason::no_route:
    case DeadLetterReason::no_sender:
    case DeadLetterReason::no_such_request:
    case DeadLetterReason::sender_gone:
      break;
  }
  return Outcome::no_such_actor;
}

std::uint64_t address_hash(std::string_view address) {
  // 0 stands for this node.
  return std::hash<std::string_view>{}(address) | 1;
}

}  // namespace

struct FutureTable::Chunk {
  std::array<FutureSlot, kChunkSlotCount> slots;
};

std::string FutureSlot::id() const { return "$f" + std::to_string(index); }

const std::string& FutureSlot::system_address() const { return table->system_.address(); }

FutureTable::FutureTable(Options options, ActorSystem& system)
    : options_(options),
      system_(system),
      chunks_(std::make_unique<std::array<Atomic<Chunk*>, kChunkCountMax>>()) {
  CHECK(options_.open_count_max <= kChunkCountMax * kChunkSlotCount);
}

FutureTable::~FutureTable() {
  for (auto& slot : *chunks_) {
    const std::unique_ptr<Chunk> chunk(slot.load());
    if (chunk == nullptr) break;
  }
}

FutureSlot* FutureTable::slot_at(std::uint32_t index) const {
  if (index >= slot_count_.load(std::memory_order_acquire)) return nullptr;
  Chunk* chunk = (*chunks_)[index / kChunkSlotCount].load(std::memory_order_acquire);
  return &chunk->slots[index % kChunkSlotCount];
}

FutureSlot* FutureTable::take(Worker* worker) {
  if (worker != nullptr && !worker->spare_futures.empty()) {
    FutureSlot* slot = worker->spare_futures.back();
    worker->spare_futures.pop_back();
    return slot;
  }
  return take_shared();
}

FutureSlot* FutureTable::take_shared() {
  MutexLock lock(mutex_);
  if (out_count_ >= options_.open_count_max) return nullptr;
  ++out_count_;
  if (!free_.empty()) {
    FutureSlot* slot = free_.back();
    free_.pop_back();
    return slot;
  }
  const std::uint32_t index = slot_count_.load(std::memory_order_relaxed);
  auto& chunk = (*chunks_)[index / kChunkSlotCount];
  if (chunk.load(std::memory_order_relaxed) == nullptr) {
    chunk.store(std::make_unique<Chunk>().release(), std::memory_order_release);
  }
  FutureSlot* slot = &chunk.load(std::memory_order_relaxed)->slots[index % kChunkSlotCount];
  slot->table = this;
  slot->index = index;
  // Release publishes the slot to slot_at().
  slot_count_.store(index + 1, std::memory_order_release);
  return slot;
}

void FutureTable::give_back(FutureSlot& slot) {
  Worker* worker = Worker::current_of(system_);
  // A table for few requests must not lose them to the spares of its workers.
  const std::size_t spare_max = std::min<std::size_t>(kSpareMax, options_.open_count_max / 1024);
  if (worker != nullptr && worker->spare_futures.size() < spare_max) {
    worker->spare_futures.push_back(&slot);
    return;
  }
  MutexLock lock(mutex_);
  --out_count_;
  free_.push_back(&slot);
}

// Release: whoever wins the slot sees what was written before.
Pid FutureTable::publish(FutureSlot& slot, Instant deadline, const Pid& target,
                         std::uint64_t flags) {
  std::uint32_t request_id = id_of(slot.state.load(std::memory_order_relaxed)) + 1;
  // 0 means no request.
  if (request_id == 0) request_id = 1;
  slot.deadline.store(deadline.time_since_epoch().count(), std::memory_order_relaxed);
  const std::string_view route =
      target.is_record() ? route_of(*target.record(), system_.address()) : std::string_view{};
  slot.target_address_hash.store(route.empty() ? 0 : address_hash(route),
                                 std::memory_order_relaxed);
  slot.state.store(std::uint64_t{request_id} << kIdShift | kOpen | flags,
                   std::memory_order_release);
  // Either the slot is seen by a sweep or by close(), which look after their heavy fence, or what they wrote before is seen here.
  light_fence();
  if (deadline.time_since_epoch().count() < next_sweep_.load(std::memory_order_relaxed)) {
    sweep_by(deadline);
  }
  if (closed_.load(std::memory_order_relaxed))
    (void)complete(slot, request_id, Answer::Outcome::cancelled);
  return Pid::of_future(slot, request_id);
}

Pid FutureTable::open(Instant deadline, Completion on_done, bool until_enqueued,
                      const Pid& target) {
  FutureSlot* slot = closed_.load() ? nullptr : take(Worker::current_of(system_));
  if (slot == nullptr) {
    on_done(Answer{.outcome =
                       closed_.load() ? Answer::Outcome::cancelled : Answer::Outcome::overloaded});
    return {};
  }
  slot->asker = Pid{};
  slot->on_done = std::move(on_done);
  return publish(*slot, deadline, target, until_enqueued ? kUntilEnqueued : 0);
}

Pid FutureTable::open_for_actor(Worker& worker, Instant deadline, const Pid& asker,
                                std::uint32_t asker_restarts, OnAnswer on_answer,
                                const Pid& target) {
  FutureSlot* slot = closed_.load() ? nullptr : take(&worker);
  if (slot == nullptr) {
    const auto outcome = closed_.load() ? Answer::Outcome::cancelled : Answer::Outcome::overloaded;
    Continuation refused{
        [on_answer = std::move(on_answer), outcome, asker_restarts](Context& context) mutable {
          if (context.restart_count() == asker_restarts) {
            on_answer(context, Answer{.outcome = outcome});
          }
        }};
    system_.registry().send_system(asker, make_envelope(std::move(refused)));
    return {};
  }
  slot->asker = asker;
  slot->asker_restarts = asker_restarts;
  slot->on_answer = std::move(on_answer);
  return publish(*slot, deadline, target, 0);
}

bool FutureTable::win(FutureSlot& slot, std::uint32_t request_id, bool* started) {
  std::uint64_t state = slot.state.load(std::memory_order_relaxed);
  do {
    if (id_of(state) != request_id || (state & kOpen) == 0) return false;
    // Acquire pairs with the release in publish(). Fails only when a notice sets a flag.
  } while (!slot.state.compare_exchange_weak(state, std::uint64_t{request_id} << kIdShift,
                                             std::memory_order_acquire, std::memory_order_relaxed));
  if (started != nullptr) *started = (state & kStarted) != 0;
  return true;
}

void FutureTable::finish(FutureSlot& slot, Answer answer) {
  if (slot.asker) {
    slot.answer.emplace(std::move(answer));
    // A copy: the slot may be in use again before the call returns.
    const Pid asker = slot.asker;
    system_.registry().send_system(asker, make_envelope(FutureDone{&slot}));
    return;
  }
  Completion on_done = std::move(slot.on_done);
  give_back(slot);
  on_done(std::move(answer));
}

FutureTable::Done FutureTable::collect(EnvelopePtr done) {
  if (const auto* named = done->get<FutureDone>()) {
    FutureSlot& slot = *named->slot;
    Done collected{std::move(slot.on_answer), std::move(*slot.answer), slot.asker_restarts};
    slot.answer.reset();
    give_back(slot);
    return collected;
  }
  FutureSlot& slot = *done->sender().future();
  done->set_sender({});
  Done collected{
      std::move(slot.on_answer),
      {.outcome = Answer::Outcome::answered, .started = slot.started, .message = std::move(done)},
      slot.asker_restarts};
  give_back(slot);
  return collected;
}

bool FutureTable::complete(FutureSlot& slot, std::uint32_t request_id, Answer::Outcome outcome,
                           std::string detail) {
  bool started = false;
  if (!win(slot, request_id, &started)) return false;
  finish(slot, {.outcome = outcome, .started = started, .detail = std::move(detail)});
  return true;
}

bool FutureTable::discard(const Pid& future) {
  if (!future.is_future() || !win(*future.future(), future.request_id())) return false;
  // Destroyed before the slot is used again.
  { const OnAnswer unused = std::move(future.future()->on_answer); }
  give_back(*future.future());
  return true;
}

bool FutureTable::is_open(const Pid& future) const {
  if (!future.is_future()) return false;
  const std::uint64_t state = future.future()->state.load(std::memory_order_acquire);
  return id_of(state) == future.request_id() && (state & kOpen) != 0;
}

bool FutureTable::cancel(const Pid& future) {
  return future.is_future() &&
         complete(*future.future(), future.request_id(), Answer::Outcome::cancelled);
}

// `visit(slot, request id)`. What is opened meanwhile may be missed.
template <typename Visit>
void FutureTable::for_each_open(Visit visit) {
  const std::uint32_t count = slot_count_.load(std::memory_order_acquire);
  for (std::uint32_t index = 0; index < count; ++index) {
    FutureSlot& slot = *slot_at(index);
    const std::uint64_t state = slot.state.load(std::memory_order_acquire);
    if ((state & kOpen) != 0) visit(slot, id_of(state));
  }
}

std::vector<Pid> FutureTable::open_at(std::string_view address) {
  const std::uint64_t hash = address_hash(address);
  std::vector<Pid> futures;
  for_each_open([&](FutureSlot& slot, std::uint32_t request_id) {
    if (slot.target_address_hash.load(std::memory_order_relaxed) == hash) {
      futures.push_back(Pid::of_future(slot, request_id));
    }
  });
  return futures;
}

void FutureTable::fail(const std::vector<Pid>& futures, const std::string& detail) {
  for (const Pid& future : futures) {
    (void)complete(*future.future(), future.request_id(), Answer::Outcome::link_failed, detail);
  }
}

void FutureTable::close() {
  closed_.store(true);
  heavy_fence();
  for_each_open([&](FutureSlot& slot, std::uint32_t request_id) {
    complete(slot, request_id, Answer::Outcome::cancelled);
  });
}

std::size_t FutureTable::open_count() const {
  std::size_t count = 0;
  const std::uint32_t slots = slot_count_.load(std::memory_order_acquire);
  for (std::uint32_t index = 0; index < slots; ++index) {
    if ((slot_at(index)->state.load(std::memory_order_relaxed) & kOpen) != 0) ++count;
  }
  return count;
}

// Sees to it that the sweep runs at `deadline` or before.
void FutureTable::sweep_by(Instant deadline) {
  const std::int64_t at = deadline.time_since_epoch().count();
  MutexLock lock(sweep_mutex_);
  if (next_sweep_.load(std::memory_order_relaxed) <= at) return;
  next_sweep_.store(at, std::memory_order_relaxed);
  // At most one waits in the wheel. When it is too late to cancel it, it finds nothing to do, or does the work of the next.
  (void)system_.timers().cancel(sweep_timer_);
  sweep_timer_ = system_.timers().schedule(deadline, [this] { sweep(); });
}

void FutureTable::sweep() {
  const Instant begin = system_.clock().now();
  // An earlier sweep may have done this one's work.
  if (begin.time_since_epoch().count() < next_sweep_.load(std::memory_order_relaxed)) return;
  // Before the look, so that what is opened during it schedules a sweep of its own.
  next_sweep_.store(INT64_MAX, std::memory_order_relaxed);
  heavy_fence();
  const std::int64_t now = begin.time_since_epoch().count();
  std::int64_t first_left = INT64_MAX;
  for_each_open([&](FutureSlot& slot, std::uint32_t request_id) {
    const std::int64_t deadline = slot.deadline.load(std::memory_order_relaxed);
    if (deadline <= now) {
      complete(slot, request_id, Answer::Outcome::deadline);
    } else {
      first_left = std::min(first_left, deadline);
    }
  });
  if (first_left == INT64_MAX) return;
  const Instant end = system_.clock().now();
  const Duration rest = std::max<Duration>(kSweepMin, 10 * (end - begin));
  sweep_by(std::max(Instant(Duration(first_left)), end + rest));
}

Pid FutureTable::find(std::string_view id) const {
  if (!id.starts_with("$f")) return {};
  std::uint32_t index = 0;
  const char* end = id.data() + id.size();
  if (std::from_chars(id.data() + 2, end, index).ptr != end) return {};
  FutureSlot* slot = slot_at(index);
  return slot == nullptr || slot->id() != id ? Pid{} : Pid::of_future(*slot, 0);
}

void FutureTable::deliver(const Pid& future, EnvelopePtr envelope, Lane lane) {
  FutureSlot& slot = *future.future();
  const std::uint32_t request_id = future.request_id();
  // Nobody watches or stops a request, and without a number it is none.
  if (lane == Lane::system || request_id == 0) {
    system_.dead_letters().take(future.with_request_id(0), std::move(envelope), lane,
                                DeadLetterReason::no_such_request);
    return;
  }
  using Outcome = Answer::Outcome;
  if (const auto* notice = envelope->get<Notice>()) {
    switch (notice->kind) {
      case Notice::Kind::enqueued: {
        const std::uint64_t state = slot.state.load(std::memory_order_relaxed);
        if (id_of(state) == request_id && (state & kUntilEnqueued) != 0) {
          complete(slot, request_id, Outcome::answered);
        }
        return;
      }
      case Notice::Kind::started: {
        std::uint64_t state = slot.state.load(std::memory_order_relaxed);
        while (
            id_of(state) == request_id && (state & kOpen) != 0 &&
            !slot.state.compare_exchange_weak(state, state | kStarted, std::memory_order_relaxed)) {
        }
        return;
      }
      case Notice::Kind::mailbox_full:
        complete(slot, request_id, Outcome::mailbox_full, notice->detail);
        return;
      case Notice::Kind::bad_payload:
        complete(slot, request_id, Outcome::bad_payload, notice->detail);
        return;
      case Notice::Kind::failed:
        complete(slot, request_id, Outcome::failed, notice->detail);
        return;
    }
    return;
  }
  if (const auto* dead = envelope->get<DeadLetterResponse>()) {
    complete(slot, request_id, outcome_of(dead->reason), std::string(to_string(dead->reason)));
    return;
  }
  bool started = false;
  if (win(slot, request_id, &started)) {
    if (slot.asker && !envelope->is_extended() && envelope->sender().empty()) {
      slot.started = started;
      const Pid asker = slot.asker;
      envelope->set_sender(Pid::of_future(slot, request_id));
      system_.registry().send_system(asker, std::move(envelope));
    } else {
      finish(slot,
             {.outcome = Outcome::answered, .started = started, .message = std::move(envelope)});
    }
    return;
  }
  // Too late: nobody waits for it any more.
  envelope->set_sender({});
  system_.dead_letters().take(future.with_request_id(0), std::move(envelope), Lane::user,
                              DeadLetterReason::no_such_request);
}

}  // namespace nexus::core
