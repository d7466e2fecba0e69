// What an ActorCell does only when its Props choose another mailbox than the usual, and what a full mailbox of another does to it.
#include <algorithm>

#include "core/actor/actor_cell.h"
#include "core/actor/context_extras.h"
#include "core/actor_system.h"
#include "core/base/user_code.h"
#include "core/dispatch/worker.h"
#include "core/mailbox/mailbox_middleware.h"

namespace nexus::core {
namespace {

// Must stay behind what its sender sent before, and is never turned away.
bool keeps_its_place(const Envelope& envelope) {
  return envelope.is<Terminated>() || envelope.is<PoisonPill>();
}

}  // namespace

template <typename Tell>
void ActorCell::tell_middleware(Tell tell) {
  for (const auto& middleware : props_->mailbox_middleware) {
    const auto thrown = failure_of([&] { tell(*middleware); });
    if (thrown) system().log().warn("mailbox middleware threw", {{"reason", *thrown}});
  }
}

bool ActorCell::choose_next(Worker& worker) {
  if (mailbox_.has_pushed()) mailbox_.take_pushed(worker.id());
  // Came with them, and goes first.
  if (mailbox_.has_system()) return false;
  const bool by_priority = extras_ != nullptr && extras_->priority != nullptr;
  if (by_priority) sort_by_priority();
  if (mailbox_.overflow() == MailboxOverflow::drop_oldest) drop_oldest();
  if (by_priority) choose_by_priority();
  if (!mailbox_.has_user()) return false;
  // When this one has left.
  if (extras_ != nullptr && !extras_->slowed.empty() &&
      mailbox_.user_count() <= user_count_max() / 2 + 1) {
    release_slowed();
  }
  if ((hooks_ & kMailboxMiddleware) != 0) {
    tell_middleware(
        [&](MailboxMiddleware& m) { m.message_received(self(), mailbox_.front_user()); });
  }
  return true;
}

std::uint32_t ActorCell::user_count_max() const { return system().mailbox_limit(*props_); }

void ActorCell::tell_started() {
  tell_middleware([&](MailboxMiddleware& m) { m.mailbox_started(self()); });
}

void ActorCell::tell_empty() {
  if (mailbox_.has_user()) return;
  tell_middleware([&](MailboxMiddleware& m) { m.mailbox_empty(self()); });
}

// What is never turned away is not dropped either.
void ActorCell::drop_oldest() {
  // What came back from the stash stands in front, and has been through this already.
  if (extras_ != nullptr && extras_->put_back_count > 0) {
    --extras_->put_back_count;
    return;
  }
  if (mailbox_.user_count() <= user_count_max()) return;
  if (extras_ != nullptr && extras_->priority != nullptr) {
    PriorityLanes& lanes = *extras_->priority;
    while (mailbox_.user_count() > user_count_max() && !lanes.empty()) {
      drop(lanes.pop_oldest_of_last());
    }
    return;
  }
  EnvelopeList kept;
  while (mailbox_.user_count() > user_count_max() && mailbox_.has_user()) {
    EnvelopePtr envelope = mailbox_.take_user();
    if (keeps_its_place(*envelope)) {
      kept.push_back(std::move(envelope));
    } else {
      drop(std::move(envelope));
    }
  }
  mailbox_.put_back(std::move(kept));
}

void ActorCell::drop(EnvelopePtr envelope) {
  mailbox_.give_back_popped();
  const Pid target = Pid::of_cell(*this, envelope->target_generation());
  system().dead_letters().take(target, std::move(envelope), Lane::user,
                               DeadLetterReason::mailbox_full);
}

// Up to the first that keeps its place; the rest waits until all before it is handled.
void ActorCell::sort_by_priority() {
  PriorityLanes& lanes = *extras_->priority;
  while (mailbox_.has_user() && (lanes.has_lent() || !keeps_its_place(mailbox_.front_user()))) {
    EnvelopePtr envelope = mailbox_.take_user();
    if (lanes.has_lent()) {
      lanes.take_back(std::move(envelope));
      continue;
    }
    std::uint8_t level = PriorityLanes::kLevelCount - 1;
    (void)failure_of([&] { level = std::min(level, props_->priority(*envelope)); });
    lanes.push_back(level, std::move(envelope));
  }
}

void ActorCell::choose_by_priority() {
  PriorityLanes& lanes = *extras_->priority;
  if (lanes.empty()) return;
  EnvelopeList front;
  front.push_back(lanes.pop());
  if (!lanes.empty() && !mailbox_.has_user()) front.push_back(lanes.lend());
  mailbox_.put_back(std::move(front));
}

// For those who look through the mailbox.
void ActorCell::undo_sort() {
  if (extras_ == nullptr || extras_->priority == nullptr) return;
  PriorityLanes& lanes = *extras_->priority;
  if (lanes.has_lent() && mailbox_.has_user()) lanes.take_back(mailbox_.take_user());
  mailbox_.put_back(lanes.take_all());
}

void ActorCell::slow_down(const Pid& full) {
  if ((suspended_ & kSlowed) != 0 || state() != State::alive) return;
  suspended_ |= kSlowed;
  ContextExtras& extras = ensure_extras();
  extras.slowed_by = full;
  const std::uint32_t number = ++extras.slowed_number;
  const Pid me = self();
  send_system_to(full, make_envelope(SlowSender{me, number}));
  ActorSystem& actors = system();
  actors.timers().schedule(actors.clock().now() + kSlowedMax, [&actors, me, number] {
    actors.registry().send_system(me, make_envelope(GoOn{number}));
  });
}

void ActorCell::on_slow_sender(const SlowSender& slow) {
  if (state() == State::stopping || mailbox_.user_count() < user_count_max()) {
    send_system_to(slow.sender, make_envelope(GoOn{slow.number}));
    return;
  }
  ContextExtras& extras = ensure_extras();
  extras.slowed.insert_or_assign(slow.sender, slow.number);
  // Otherwise each would wait for the other.
  if ((suspended_ & kSlowed) != 0 && extras.slowed_by == slow.sender) suspended_ &= ~kSlowed;
}

void ActorCell::on_go_on(std::uint32_t number) {
  if (extras_ != nullptr && extras_->slowed_number == number) suspended_ &= ~kSlowed;
}

void ActorCell::release_slowed() {
  for (const auto& [sender, number] : std::exchange(extras_->slowed, {})) {
    send_system_to(sender, make_envelope(GoOn{number}));
  }
}

}  // namespace nexus::core
