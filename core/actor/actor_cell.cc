#include "core/actor/actor_cell.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>

#include "core/actor/context.h"
#include "core/actor/context_extras.h"
#include "core/actor_system.h"
#include "core/base/user_code.h"
#include "core/dispatch/worker.h"

namespace nexus::core {
namespace {

// How long an actor may go on with its messages while others wait, looked at every kSliceCheck messages.
constexpr Duration kTurnSlice = std::chrono::microseconds(50);
constexpr std::uint32_t kSliceCheck = 32;
// How often an actor with messages of its own looks for system messages of other threads.
constexpr std::uint32_t kPushedCheck = 16;

}  // namespace

ActorCell::ActorCell() = default;
ActorCell::~ActorCell() = default;

Pid ActorCell::parent() const {
  if (is_root()) return system().guardian_pid();
  return Pid::of_cell(system().cells().at(parent_index()), parent_generation_);
}

ContextExtras& ActorCell::ensure_extras() {
  if (extras_ == nullptr) extras_ = std::make_unique<ContextExtras>();
  return *extras_;
}

Relations* ActorCell::relations() const {
  return extras_ == nullptr ? nullptr : extras_->relations.get();
}

ActorTimers& ActorCell::ensure_timers() {
  ContextExtras& extras = ensure_extras();
  if (extras.timers == nullptr) extras.timers = std::make_unique<ActorTimers>(*this);
  return *extras.timers;
}

void ActorCell::send_system_to(const Pid& target, EnvelopePtr envelope) {
  system().registry().send_system(target, std::move(envelope));
}

void ActorCell::begin_life(PropsPtr props, ActorCell* parent, std::uint32_t started_at) {
  DCHECK(state() == State::free && mailbox_.owner() == kDead);
  props_ = std::move(props);
  parent_index_.store(parent == nullptr ? kNoCell : parent->index(), std::memory_order_relaxed);
  parent_generation_ =
      parent == nullptr ? std::uint16_t{0} : static_cast<std::uint16_t>(parent->generation());
  started_at_.store(started_at, std::memory_order_relaxed);
  processed_count_.store(0, std::memory_order_relaxed);
  restart_count_.store(0, std::memory_order_relaxed);
  suspended_ = 0;
  hooks_ = props_->decorators.empty() ? std::uint8_t{0} : std::uint8_t{kDecorated};
  if (props_->mailbox_overflow >= MailboxOverflow::drop_oldest) hooks_ |= kSpecialMailbox;
  if (!props_->mailbox_middleware.empty()) hooks_ |= kSpecialMailbox | kMailboxMiddleware;
  if (props_->priority) {
    hooks_ |= kSpecialMailbox;
    ensure_extras().priority = std::make_unique<PriorityLanes>();
  }
  set_state(State::starting);
}

void ActorCell::end_unborn() {
  extras_.reset();
  system().cells().forget(*this);
  mailbox_.die([this](EnvelopePtr envelope, Lane lane) { dead_letter(std::move(envelope), lane); });
}

// Inlined by order: the compiler stops doing so of itself when anything is added to run().
[[gnu::always_inline]] inline bool ActorCell::receive(Context& context) {
  if (const auto failure = failure_of([&] { actor_->receive(context); })) [[unlikely]] {
    fail_in_receive(*context.envelope_, failure->c_str());
  }
  return true;
}

[[gnu::always_inline]] inline bool ActorCell::handle_user(Context& context) {
  EnvelopePtr& envelope = *context.envelope_;
  const Life now = life();
  if (envelope->target_generation() != now.generation || now.state != State::alive) [[unlikely]] {
    return handle_out_of_life(envelope, now);
  }
  // Relaxed load and store: the owner is the only writer.
  processed_count_.store(processed_count_.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
  if (envelope->type().role != MessageType::Role::plain ||
      (envelope->specials() | (hooks_ & kDecorated)) != 0) [[unlikely]] {
    return handle_unusual(context);
  }
  return receive(context);
}

void ActorCell::drop_rest() {
  actor_.reset();
  extras_.reset();
  props_ = nullptr;
}

void ActorCell::call_actor(Context& context) {
  if ((hooks_ & kDecorated) != 0) {
    ReceiveNext(*this, 0)(context);
  } else {
    call_undecorated(context);
  }
}

void ActorCell::call_undecorated(Context& context) {
  EnvelopePtr& envelope = *context.envelope_;
  const auto auto_response = envelope == nullptr ? nullptr : envelope->type().auto_response;
  actor_->receive(context);
  // Unless the actor has taken the message away.
  if (auto_response != nullptr && envelope != nullptr) {
    context.respond_envelope(auto_response(envelope->message(), context));
  }
}

bool ActorCell::handle_unusual(Context& context) {
  EnvelopePtr& envelope = *context.envelope_;
  DeadLetterReason why_not{};
  if (envelope->is_extended() && !is_wanted(*envelope, why_not)) {
    // Not processed after all.
    processed_count_.store(processed_count_.load(std::memory_order_relaxed) - 1,
                           std::memory_order_relaxed);
    system().dead_letters().take(self(), std::move(envelope), Lane::user, why_not);
    return false;
  }
  if ((hooks_ & kReceiveTimeout) != 0 && !envelope->type().is_activity) ++extras_->passive_count;
  if (envelope->type().role == MessageType::Role::runtime) return handle_runtime_message(context);
  return receive_with_notices(context);
}

bool ActorCell::is_wanted(const Envelope& envelope, DeadLetterReason& why_not) const {
  // What the runtime needs to know does not grow old.
  if (envelope.is<Terminated>() || envelope.is<PoisonPill>()) return true;
  if (envelope.cancellation().cancelled()) {
    why_not = DeadLetterReason::cancelled;
    return false;
  }
  if (envelope.deadline() != Instant::max() && envelope.deadline() <= system().clock().now()) {
    why_not = DeadLetterReason::expired;
    return false;
  }
  return true;
}

// Each message of a batch counts as one that came through the door now, and has its turn before all that waits.
void ActorCell::unroll(EnvelopePtr batch) {
  EnvelopeList messages;
  std::uint32_t count = 0;
  for (EnvelopePtr& message : batch->get<MessageBatch>()->messages) {
    if (message == nullptr) continue;
    message->set_target_generation(generation());
    if (mailbox_.user_count() + count >= system().mailbox_limit(*props_)) {
      Worker::current()->counters().accepted.add();
      system().dead_letters().take(self(), std::move(message), Lane::user,
                                   DeadLetterReason::mailbox_full);
      continue;
    }
    messages.push_back(std::move(message));
    ++count;
  }
  if (count == 0) return;
  put_in_front(std::move(messages), count);
}

void ActorCell::put_in_front(EnvelopeList messages, std::uint32_t count) {
  Worker::current()->counters().accepted.add(count);
  undo_sort();
  mailbox_.put_in_front(std::move(messages), count);
  if ((hooks_ & kSpecialMailbox) != 0) ensure_extras().put_back_count += count;
}

void ActorCell::note_activity() {
  const std::uint64_t active = processed_count() - extras_->passive_count;
  if (std::exchange(extras_->active_count, active) != active) extras_->timers->note_activity();
}

void ActorCell::run(Worker& worker, std::uint32_t throughput) {
  worker.begin_turn(*this);
  if (state() == State::starting) {
    on_start();
    if (worker.cell_is_gone) return worker.end_turn();
  }
  EnvelopePtr current;
  Context context(*this, worker, &current);
  std::uint32_t handled = 0;
  std::uint64_t processed = 0;
  Instant slice_end{};
  for (;;) {
    // A system message overtakes the user messages that were sent before it. Others' are not looked for each time: senders on
    // other cores write the same cache line.
    if (!mailbox_.has_user() ? mailbox_.has_pushed()
                             : handled % kPushedCheck == 0 && mailbox_.has_pushed_system()) {
      mailbox_.take_pushed(worker.id());
    }
    const bool has_system = mailbox_.has_system();
    if (handled >= throughput && (has_system || may_handle_next())) {
      if ((hooks_ & kReceiveTimeout) != 0) [[unlikely]]
        note_activity();
      mailbox_.publish_counts();
      if (may_handle_next() && worker.sampler().due()) mailbox_.front_user().note_runnable();
      worker.run_later(*this);
      break;
    }
    if (has_system) {
      ++handled;
      EnvelopePtr message = mailbox_.pop_system();
      if (message->is_timed()) [[unlikely]]
        worker.note_taken(*message, handled == 1);
      handle_system(std::move(message));
      if (worker.cell_is_gone) break;
      continue;
    }
    if (state() == State::restarting) absorb_terminated();
    if (!may_handle_next()) {
      if ((hooks_ & kReceiveTimeout) != 0) [[unlikely]]
        note_activity();
      if ((hooks_ & kMailboxMiddleware) != 0) [[unlikely]]
        tell_empty();
      // Before another may have the actor: what it sends must not overtake this. (A rescuer, who could have it sooner, sends it.)
      worker.send_held();
      mailbox_.publish_counts();
      if (mailbox_.has_pushed() || !mailbox_.try_release(worker.id())) {
        mailbox_.take_pushed(worker.id());
        continue;
      }
      break;
    }
    if (++handled % kSliceCheck == 0) {
      const Instant now = SteadyClock().now();
      if (slice_end == Instant{}) slice_end = now + kTurnSlice;
      if (now >= slice_end) handled = throughput;
    }
    if ((hooks_ & kSpecialMailbox) != 0 && !choose_next(worker)) [[unlikely]]
      continue;
    current = mailbox_.pop_user();
    if (current->is_timed()) [[unlikely]]
      worker.note_taken(*current, handled == 1);
    if (handle_user(context)) ++processed;
    if (worker.cell_is_gone) break;
    if (current != nullptr) EnvelopeDeleter()(current.release());
  }
  worker.counters().processed.add(processed);
  worker.end_turn();
}

void ActorCell::dead_letter(EnvelopePtr envelope, Lane lane) {
  const Pid target = Pid::of_cell(*this, envelope->target_generation());
  system().dead_letters().take(target, std::move(envelope), lane, DeadLetterReason::stopped);
}

void ActorCell::handle_system(EnvelopePtr envelope) {
  if (envelope->target_generation() != generation()) {
    dead_letter(std::move(envelope), Lane::system);
  } else if (FutureTable::is_done_future(*envelope)) {
    on_answer(std::move(envelope));
  } else if (auto* watch = envelope->get<Watch>()) {
    on_watch(watch->watcher);
  } else if (auto* unwatch = envelope->get<Unwatch>()) {
    if (Relations* known = relations()) known->watchers.remove(unwatch->watcher);
    update_watcher_count();
  } else if (envelope->is<Stop>()) {
    begin_stop();
  } else if (auto* failure = envelope->get<Failure>()) {
    on_failure_of_child(*failure);
  } else if (envelope->is<Resume>()) {
    on_resume();
  } else if (const auto* restart = envelope->get<Restart>()) {
    if (restart->restart_count.value_or(restart_count()) == restart_count()) begin_restart();
  } else if (auto* slow = envelope->get<SlowSender>()) {
    on_slow_sender(*slow);
  } else if (auto* go_on = envelope->get<GoOn>()) {
    on_go_on(go_on->number);
  } else if (envelope->is<Continuation>()) {
    on_continuation(std::move(envelope));
  } else if (const auto* due = envelope->get<TimerDue>()) {
    on_timer(due->key);
  } else {
    CHECK(false && "not a system message");
  }
}

void ActorCell::on_continuation(EnvelopePtr envelope) {
  if (state() == State::stopping) return;
  if ((suspended_ & kFailed) != 0 || state() == State::restarting) {
    ensure_extras().held.push_back(std::move(envelope));
    return;
  }
  // There is no message in its turn.
  Continuation continuation = std::move(*envelope->get<Continuation>());
  envelope.reset();
  Context context(*this, *Worker::current(), &envelope);
  const auto failure = failure_of([&] { continuation.run(context); });
  if (failure) fail(*failure, "continuation");
}

void ActorCell::begin_await() {
  if (++ensure_extras().awaited_count < Context::kAwaitedCountMax) return;
  // Later the ends of children must come through.
  if (state() == State::alive) suspended_ |= kAwaiting;
}

void ActorCell::end_await() {
  if (--extras_->awaited_count < Context::kAwaitedCountMax) {
    suspended_ &= static_cast<std::uint8_t>(~kAwaiting);
  }
}

void ActorCell::on_answer(EnvelopePtr envelope) {
  if (((suspended_ & kFailed) != 0 || state() == State::restarting) && state() != State::stopping) {
    ensure_extras().held.push_back(std::move(envelope));
    return;
  }
  FutureTable::Done done = system().futures().collect(std::move(envelope));
  // What the object before the restart asked is not the new one's business.
  if (state() == State::stopping || done.asker_restarts != restart_count()) return;
  Context context(*this, *Worker::current(), &envelope);
  const auto failure = failure_of([&] { done.on_answer(context, std::move(done.answer)); });
  if (failure) fail(*failure, "continuation");
}

// A message to an earlier actor of this cell, or one that came after the order to stop.
bool ActorCell::handle_out_of_life(EnvelopePtr& envelope, Life now) {
  const auto* terminated = envelope->get<Terminated>();
  if (terminated != nullptr && envelope->target_generation() == now.generation) {
    forget_child(terminated->who);
    envelope.reset();
    when_children_are_gone();
    return true;
  }
  dead_letter(std::move(envelope), Lane::user);
  return false;
}

void ActorCell::fail_in_receive(const EnvelopePtr& envelope, const char* reason) {
  // A handler may have forwarded the message before it threw.
  fail(reason, envelope == nullptr ? "(forwarded)" : envelope->type().name());
}

bool ActorCell::handle_runtime_message(Context& context) {
  EnvelopePtr& envelope = *context.envelope_;
  if (const auto* terminated = envelope->get<Terminated>()) {
    note_terminated(terminated->who);
    return receive_with_notices(context);
  }
  if (envelope->is<MessageBatch>()) {
    unroll(std::move(envelope));
    return true;
  }
  if (envelope->type().auto_response != nullptr) return receive_with_notices(context);
  if (envelope->is<PoisonPill>()) {
    begin_stop();
    return true;
  }
  if (envelope->is<Touch>()) {
    if (envelope->sender()) {
      (void)system().registry().send_user(envelope->sender(), make_envelope(Touched{self()}));
    }
    return true;
  }
  DCHECK(envelope->is<Payload>());
  return props_->read_payload ? handle_payload(context) : receive_with_notices(context);
}

// Tells the sender, when it wants to know, that the turn begins, and how it failed.
bool ActorCell::receive_with_notices(Context& context) {
  EnvelopePtr& envelope = *context.envelope_;
  if (!envelope->wants_notices() || envelope->sender().empty()) {
    if (const auto failure = failure_of([&] { call_actor(context); })) {
      fail_in_receive(envelope, failure->c_str());
    }
    return true;
  }
  const Pid asker = envelope->sender();
  const auto notify_asker = [&](Notice::Kind kind, std::string detail) {
    (void)system().registry().send_user(asker, make_envelope(Notice{kind, std::move(detail)}));
  };
  notify_asker(Notice::Kind::started, {});
  const auto failure = failure_of([&] { call_actor(context); });
  if (failure) {
    notify_asker(Notice::Kind::failed, *failure);
    fail_in_receive(envelope, failure->c_str());
  }
  return true;
}

// Bytes from a client, for a kind that reads them into messages of its own.
bool ActorCell::handle_payload(Context& context) {
  EnvelopePtr& envelope = *context.envelope_;
  std::optional<Result<EnvelopePtr>> typed;
  const auto failure =
      failure_of([&] { typed.emplace(props_->read_payload(*envelope->get<Payload>())); });
  const auto notify_asker = [&](Notice::Kind kind, std::string detail) {
    if (!envelope->wants_notices() || envelope->sender().empty()) return;
    (void)system().registry().send_user(envelope->sender(),
                                        make_envelope(Notice{kind, std::move(detail)}));
  };
  if (failure) {
    notify_asker(Notice::Kind::failed, *failure);
    fail(*failure, envelope->type().name());
    return true;
  }
  if (!typed->ok()) {
    notify_asker(Notice::Kind::bad_payload, typed->error().detail);
    system().dead_letters().take(self(), std::move(envelope), Lane::user,
                                 DeadLetterReason::unreadable);
    return true;
  }
  (**typed)->take_after(*envelope);
  (**typed)->set_target_generation(envelope->target_generation());
  (**typed)->set_answer_content_type(envelope->get<Payload>()->content_type);
  envelope = std::move(**typed);
  return receive_with_notices(context);
}

void ActorCell::on_timer(std::uint32_t key) {
  if (state() == State::stopping || extras_ == nullptr || extras_->timers == nullptr) return;
  ActorTimers& timers = *extras_->timers;
  EnvelopePtr envelope;
  Context context(*this, *Worker::current(), &envelope);
  if (key != ActorTimers::kReceiveTimeoutKey) {
    const auto failure = failure_of([&] {
      ActorTimers::Due due = timers.take_due(key);
      if (due.message != nullptr) context.deliver(due.target, std::move(due.message));
    });
    if (failure) fail(*failure, "schedule");
    return;
  }
  note_activity();
  const bool is_busy = suspended_ != 0 || state() != State::alive || mailbox_.has_user();
  if (!timers.is_timeout_due(is_busy)) return;
  envelope = make_envelope(ReceiveTimeout{});
  if (const auto failure = failure_of([&] { call_actor(context); })) {
    fail_in_receive(envelope, failure->c_str());
  }
}

void ActorCell::unstash_all() {
  if (extras_ == nullptr || extras_->stash == nullptr) return;
  MessageHandles& stash = *extras_->stash;
  const std::uint32_t count = stash.count();
  if (count == 0) return;
  EnvelopeList messages;
  while (EnvelopePtr envelope = stash.take_left()) messages.push_back(std::move(envelope));
  // Counted as processed in the turn that stashed them.
  put_in_front(std::move(messages), count);
}

}  // namespace nexus::core
