#include "core/process/dead_letters.h"

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "core/actor_system.h"
#include "core/process/event_stream.h"
#include "core/process/process_registry.h"

namespace nexus::core {
namespace {

constexpr std::array<std::string_view, kDeadLetterReasonCount> kNames = {
    "no_such_actor", "stopped",         "mailbox_full",       "no_route",   "expired",
    "cancelled",     "no_sender",       "no_such_request",    "unreadable", "sender_gone",
    "link_down",     "link_queue_full", "link_lost_in_doubt", "blocked",    "too_large",
    "not_remotable"};
constexpr auto kFirstOfAnswers = static_cast<std::size_t>(DeadLetterReason::no_sender);
constexpr auto kFirstOfLinks = static_cast<std::size_t>(DeadLetterReason::link_down);

// What a smaller or simpler message to the same target would not end with.
bool cannot_leave(DeadLetterReason reason) {
  return reason == DeadLetterReason::too_large || reason == DeadLetterReason::not_remotable ||
         reason == DeadLetterReason::link_queue_full;
}

}  // namespace

std::string_view to_string(DeadLetterReason reason) {
  return kNames[static_cast<std::size_t>(reason)];
}

DeadLetters::DeadLetters(Options options, ActorSystem& system, EventStream& events,
                         const Clock& clock, Log log)
    : system_(system),
      events_(events),
      clock_(clock),
      log_(std::move(log)),
      throttle_({.event_count_max = options.logged_count_max, .window = options.log_window}) {}

void DeadLetters::take(const Pid& target, EnvelopePtr envelope, Lane lane, DeadLetterReason reason,
                       Tell tell) {
  if (lane == Lane::system) {
    // A watch on what is not there is answered; the other system messages have nothing left to do.
    if (const auto* watch = envelope->get<Watch>()) {
      system_.registry().send_terminated(
          watch->watcher, make_envelope(Terminated{target, TerminatedReason::not_found}));
    }
    // The full mailbox is no more.
    if (const auto* slow = envelope->get<SlowSender>()) {
      system_.registry().send_system(slow->sender, make_envelope(GoOn{slow->number}));
    }
    // Nobody is left to collect it.
    if (FutureTable::is_done_future(*envelope)) {
      (void)system_.futures().collect(std::move(envelope));
    }
    return;
  }
  counts_[static_cast<std::size_t>(reason)].add();
  const Pid sender = envelope->sender();
  const bool is_report = envelope->is<DeadLetterResponse>() || envelope->is<Notice>() ||
                         envelope->is<Terminated>() || envelope->is<DeadLetter>();
  // Reports about other messages that nobody waits for any more are no news.
  if (is_report) return;
  if (auto* batch = envelope->get<MessageBatch>()) {
    for (const EnvelopePtr& message : batch->messages) {
      if (message != nullptr && message->sender()) {
        (void)system_.registry().send_user(message->sender(),
                                           make_envelope(DeadLetterResponse{target, reason}));
      }
    }
  }
  const DeadLetter letter{target, sender, envelope->type().name(), reason};
  if (sender && tell == Tell::sender) {
    if (reason == DeadLetterReason::mailbox_full && envelope->wants_notices()) {
      (void)system_.registry().send_user(sender,
                                         make_envelope(Notice{Notice::Kind::mailbox_full, {}}));
    } else {
      (void)system_.registry().send_user(sender, make_envelope(DeadLetterResponse{target, reason}));
    }
  }
  // An answer has no sender, but somebody waits for it.
  if (target.request_id() != 0 && cannot_leave(reason)) {
    (void)system_.registry().send_user(
        target, make_envelope(Notice{Notice::Kind::failed, "the answer could not be sent: " +
                                                               std::string(to_string(reason))}));
  }
  events_.publish(letter);
  log_throttled(letter);
}

void DeadLetters::log_throttled(const DeadLetter& letter) {
  if (!log_.enabled(LogLevel::info)) return;
  std::uint64_t suppressed = 0;
  {
    MutexLock lock(log_mutex_);
    const Throttle::Verdict verdict = throttle_.on_event(clock_.now());
    if (verdict.valve == Throttle::Valve::closed) return;
    suppressed = verdict.suppressed_count;
  }
  if (suppressed > 0) log_.info("dead letters not logged", {{"count", suppressed}});
  log_.info("dead letter", {{"reason", to_string(letter.reason)},
                            {"target", letter.target.to_string()},
                            {"sender", letter.sender.to_string()},
                            {"message", letter.message_name}});
}

std::uint64_t DeadLetters::door_count() const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kFirstOfAnswers; ++i) total += counts_[i].sum();
  return total;
}

std::uint64_t DeadLetters::link_count() const {
  std::uint64_t total = 0;
  for (std::size_t i = kFirstOfLinks; i < counts_.size(); ++i) total += counts_[i].sum();
  return total;
}

}  // namespace nexus::core
