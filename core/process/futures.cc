#include "core/process/futures.h"

#include <vector>

#include "core/actor/messages.h"

namespace nexus::core {
namespace {

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
      return Outcome::link_failed;
    case DeadLetterReason::too_large:
      return Outcome::too_large;
    case DeadLetterReason::not_remotable:
      return Outcome::not_remotable;
    case DeadLetterReason::no_such_actor:
    case DeadLetterReason::stopped:
    case DeadLetterReason::no_route:
    case DeadLetterReason::no_sender:
    case DeadLetterReason::no_such_request:
      break;
  }
  return Outcome::no_such_actor;
}

}  // namespace

FutureTable::FutureTable(Options options, std::string address, Timers& timers,
                         DeadLetters& dead_letters)
    : options_(options),
      address_(std::move(address)),
      timers_(timers),
      dead_letters_(dead_letters) {}

Pid FutureTable::open(Instant deadline, Completion on_done, bool until_enqueued,
                      const Pid& target) {
  if (open_count_.fetch_add(1) >= options_.open_count_max) {
    open_count_.fetch_sub(1);
    on_done(Answer{.outcome = Answer::Outcome::overloaded});
    return {};
  }
  for (;;) {
    const std::uint32_t request_id = next_id_.fetch_add(1, std::memory_order_relaxed);
    // 0 means no request; after a wrap an old request may still hold its number.
    if (request_id == 0) continue;
    Shard& shard = shard_of(request_id);
    MutexLock lock(shard.mutex);
    // close() sets the flag before it empties the shards, so what is opened here is either seen there or not opened.
    if (closed_.load()) break;
    if (shard.futures.contains(request_id)) continue;
    Future& future = shard.futures[request_id];
    future.on_done = std::move(on_done);
    future.target = target;
    future.until_enqueued = until_enqueued;
    future.started = false;
    future.timer = timers_.schedule(deadline, [this, request_id] { expire(request_id); });
    return Pid::of_process(*this).with_request_id(request_id);
  }
  open_count_.fetch_sub(1);
  on_done(Answer{.outcome = Answer::Outcome::cancelled});
  return {};
}

bool FutureTable::complete(std::uint32_t request_id, Answer::Outcome outcome, std::string detail) {
  Answer answer{.outcome = outcome, .detail = std::move(detail)};
  return complete(request_id, answer);
}

bool FutureTable::complete(std::uint32_t request_id, Answer& answer) {
  Completion on_done;
  Timers::Id timer;
  {
    Shard& shard = shard_of(request_id);
    MutexLock lock(shard.mutex);
    const auto found = shard.futures.find(request_id);
    if (found == shard.futures.end()) return false;
    on_done = std::move(found->second.on_done);
    timer = found->second.timer;
    answer.started = found->second.started;
    shard.futures.erase(found);
  }
  open_count_.fetch_sub(1);
  timers_.cancel(timer);
  on_done(std::move(answer));
  return true;
}

void FutureTable::expire(std::uint32_t request_id) {
  complete(request_id, Answer::Outcome::deadline);
}

bool FutureTable::cancel(std::uint32_t request_id) {
  return complete(request_id, Answer::Outcome::cancelled);
}

void FutureTable::fail_at(const std::string& address, const std::string& detail) {
  std::vector<std::uint32_t> lost;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (const auto& [request_id, future] : shard.futures) {
      const Pid& target = future.target;
      if (target.is_record() && target.record()->address == address) lost.push_back(request_id);
    }
  }
  for (const std::uint32_t request_id : lost) {
    complete(request_id, Answer::Outcome::link_failed, detail);
  }
}

void FutureTable::close() {
  closed_.store(true);
  for (Shard& shard : shards_) {
    for (;;) {
      std::uint32_t request_id = 0;
      {
        MutexLock lock(shard.mutex);
        if (shard.futures.empty()) break;
        request_id = shard.futures.begin()->first;
      }
      cancel(request_id);
    }
  }
}

std::size_t FutureTable::open_count() const {
  std::size_t total = 0;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    total += shard.futures.size();
  }
  return total;
}

void FutureTable::deliver(EnvelopePtr envelope, Lane lane) {
  const std::uint32_t request_id = envelope->target_request_id();
  // Nobody watches or stops a request, and without a number it is none.
  if (lane == Lane::system || request_id == 0) {
    dead_letters_.take(Pid::of_process(*this), std::move(envelope), lane,
                       DeadLetterReason::no_such_request);
    return;
  }
  using Outcome = Answer::Outcome;
  if (const auto* notice = envelope->get<Notice>()) {
    switch (notice->kind) {
      case Notice::Kind::enqueued: {
        bool done = false;
        {
          Shard& shard = shard_of(request_id);
          MutexLock lock(shard.mutex);
          const auto found = shard.futures.find(request_id);
          done = found != shard.futures.end() && found->second.until_enqueued;
        }
        if (done) complete(request_id, Outcome::answered);
        return;
      }
      case Notice::Kind::started: {
        Shard& shard = shard_of(request_id);
        MutexLock lock(shard.mutex);
        const auto found = shard.futures.find(request_id);
        if (found != shard.futures.end()) found->second.started = true;
        return;
      }
      case Notice::Kind::mailbox_full:
        complete(request_id, Outcome::mailbox_full, notice->detail);
        return;
      case Notice::Kind::bad_payload:
        complete(request_id, Outcome::bad_payload, notice->detail);
        return;
      case Notice::Kind::failed:
        complete(request_id, Outcome::failed, notice->detail);
        return;
    }
    return;
  }
  if (const auto* dead = envelope->get<DeadLetterResponse>()) {
    complete(request_id, outcome_of(dead->reason), std::string(to_string(dead->reason)));
    return;
  }
  Answer answer{.outcome = Outcome::answered, .message = std::move(envelope)};
  if (complete(request_id, answer)) return;
  // Too late: nobody waits for it any more.
  answer.message->set_sender({});
  dead_letters_.take(Pid::of_process(*this), std::move(answer.message), Lane::user,
                     DeadLetterReason::no_such_request);
}

}  // namespace nexus::core
