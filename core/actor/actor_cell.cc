#include "core/actor/actor_cell.h"

#include <exception>
#include <optional>
#include <stdexcept>

#include "core/actor/context.h"
#include "core/actor_system.h"

namespace nexus::core {
namespace {

// Runs code of the user: what it threw as text, nothing when it threw nothing. No exception gets further than this.
template <typename Code>
std::optional<std::string> failure_of(Code&& code) {
  try {
    code();
    return std::nullopt;
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "exception that is no std::exception";
  }
}

}  // namespace

void ActorCell::send_system_to(const Pid& target, EnvelopePtr envelope) {
  system_->registry().send_system(target, std::move(envelope));
}

OnYield ActorCell::run(std::uint32_t throughput) {
  owner_.enter();
  run_state_.begin_run();
  const std::uint32_t release_batch = mailbox_.release_batch();
  std::uint32_t handled = 0;
  std::uint32_t released = 0;
  std::uint32_t processed = 0;
  absorb_user_lane();
  for (;;) {
    // The system lane comes second here, so that a system message overtakes the user messages that were sent after it.
    if (pending_.empty()) absorb_user_lane();
    if (mailbox_.has_system()) drain_system_lane();
    if (handled == throughput || !may_handle_next()) break;
    EnvelopePtr envelope = pending_.pop_front();
    ++handled;
    // Before the turn: a message that is being handled no longer waits.
    if (handled - released >= release_batch) {
      mailbox_.release_user(handled - std::exchange(released, handled));
    }
    if (handle_user(std::move(envelope)) == Handled::processed) ++processed;
  }
  // While the actor waits for its children, their Terminated are what it waits for.
  absorb_user_lane();
  mailbox_.release_user(handled - released);
  system_->registry().count_processed(processed);
  // The next run goes on with what is left, unless it has to wait for a system message, which notifies.
  if (may_handle_next()) (void)run_state_.notify();
  owner_.leave();
  return run_state_.end_run();
}

bool ActorCell::may_handle_next() const {
  if (pending_.empty() || suspended_ || state() == State::restarting) return false;
  // The name of an actor is known a moment before its Start is in the lane.
  const bool not_started = state() == State::free;
  return !not_started || pending_.front().target_generation() != generation();
}

// Moves what was pushed to the end of pending_. While the actor waits for its children it hands nothing out, so their Terminated
// count here; otherwise they count in their turn.
void ActorCell::absorb_user_lane() {
  EnvelopeList list = mailbox_.take_user();
  while (EnvelopePtr envelope = list.pop_front()) {
    const auto* terminated = envelope->get<Terminated>();
    const bool ours = terminated != nullptr && envelope->target_generation() == generation();
    const Pid who = ours ? terminated->who : Pid{};
    pending_.push_back(std::move(envelope));
    if (ours && (state() == State::restarting || state() == State::stopping)) {
      forget_child(who);
      when_children_are_gone();
    }
  }
}

void ActorCell::drain_system_lane() {
  EnvelopeList list = mailbox_.take_system();
  while (EnvelopePtr envelope = list.pop_front()) handle_system(std::move(envelope));
}

void ActorCell::handle_system(EnvelopePtr envelope) {
  if (envelope->target_generation() != generation()) {
    const Pid old = Pid::of_cell(*this, envelope->target_generation());
    system_->dead_letters().take(old, std::move(envelope), Lane::system, DeadLetterReason::stopped);
    return;
  }
  if (auto* start = envelope->get<Start>()) {
    on_start(*start);
  } else if (state() == State::free) {
    ensure_extras().held.push_back(std::move(envelope));
  } else if (auto* watch = envelope->get<Watch>()) {
    on_watch(watch->watcher);
  } else if (auto* unwatch = envelope->get<Unwatch>()) {
    if (extras_ != nullptr) extras_->watchers.remove(unwatch->watcher);
    update_counts();
  } else if (envelope->is<Stop>()) {
    begin_stop();
  } else if (auto* failure = envelope->get<Failure>()) {
    on_failure_of_child(*failure);
  } else if (envelope->is<Resume>()) {
    on_resume();
  } else if (envelope->is<Restart>()) {
    begin_restart();
  } else if (envelope->is<Continuation>()) {
    on_continuation(std::move(envelope));
  } else {
    CHECK(false && "not a system message");
  }
}

void ActorCell::on_start(Start& start) {
  DCHECK(state() == State::free);
  props_ = std::move(start.props);
  parent_ = std::move(start.parent);
  suspended_ = false;
  processed_count_.store(0, std::memory_order_relaxed);
  restart_count_.store(0, std::memory_order_relaxed);
  set_state(State::alive);
  update_counts();
  tell_lifecycle<Started>();
  replay_held();
}

void ActorCell::on_resume() {
  // Without an actor object, because it failed to be made, there is nothing to go on with.
  if (actor_ == nullptr) return begin_restart();
  suspended_ = false;
  if (extras_ != nullptr) {
    // The directive was asked for on behalf of these children, too.
    for (const Pid& child : std::exchange(extras_->escalated, {}).to_vector()) {
      send_system_to(child, make_envelope(Resume{}));
    }
  }
  replay_held();
}

void ActorCell::replay_held() {
  if (extras_ == nullptr) return;
  EnvelopeList held = std::move(extras_->held);
  while (EnvelopePtr envelope = held.pop_front()) handle_system(std::move(envelope));
}

void ActorCell::on_watch(const Pid& watcher) {
  // The parent is told anyway, and only once.
  if (watcher == parent_) return;
  ensure_extras().watchers.add(watcher);
  update_counts();
}

void ActorCell::on_continuation(EnvelopePtr envelope) {
  if (state() == State::stopping) return;
  if (suspended_ || state() == State::restarting) {
    ensure_extras().held.push_back(std::move(envelope));
    return;
  }
  // Out of the envelope, which the code may forward while it runs.
  Continuation continuation = std::move(*envelope->get<Continuation>());
  Context context(*this, &envelope);
  const auto failure = failure_of([&] { continuation.run(context); });
  if (failure) fail(*failure, "continuation");
}

ActorCell::Handled ActorCell::handle_user(EnvelopePtr envelope) {
  if (envelope->target_generation() != generation() || state() == State::stopping) {
    // What a Terminated was needed for, forget_child() has done.
    if (envelope->is<Terminated>()) return Handled::processed;
    const Pid old = Pid::of_cell(*this, envelope->target_generation());
    system_->dead_letters().take(old, std::move(envelope), Lane::user, DeadLetterReason::stopped);
    return Handled::dead_letter;
  }
  if (const auto* terminated = envelope->get<Terminated>()) note_terminated(terminated->who);
  // Relaxed load and store: the owner is the only writer.
  processed_count_.store(processed_count_.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
  if (envelope->is<PoisonPill>()) {
    begin_stop();
    return Handled::processed;
  }
  if (envelope->is<Touch>()) {
    if (envelope->sender()) {
      (void)system_->registry().send_user(envelope->sender(), make_envelope(Touched{self()}));
    }
    return Handled::processed;
  }
  const bool wants_notices = envelope->wants_notices() && envelope->sender();
  const Pid asker = wants_notices ? envelope->sender() : Pid{};
  const auto notify_asker = [&](Notice::Kind kind, std::string detail) {
    if (wants_notices) {
      (void)system_->registry().send_user(asker, make_envelope(Notice{kind, std::move(detail)}));
    }
  };
  Context context(*this, &envelope);
  const auto failure = failure_of([&] {
    if (const auto* payload = envelope->get<Payload>();
        payload != nullptr && props_->read_payload) {
      Result<EnvelopePtr> typed = props_->read_payload(*payload);
      if (!typed.ok()) {
        notify_asker(Notice::Kind::bad_payload, typed.error().detail);
        system_->dead_letters().take(self(), std::move(envelope), Lane::user,
                                     DeadLetterReason::unreadable);
        return;
      }
      context.answer_content_type_ = payload->content_type;
      (*typed)->set_sender(envelope->sender());
      (*typed)->set_headers(envelope->headers());
      envelope = std::move(*typed);
    }
    notify_asker(Notice::Kind::started, {});
    actor_->receive(context);
  });
  if (failure) {
    notify_asker(Notice::Kind::failed, *failure);
    // A handler may have forwarded the message before it threw.
    fail(*failure, envelope == nullptr ? "(forwarded)" : envelope->type().name());
  }
  return Handled::processed;
}

// A lifecycle message goes to the actor at once; what it throws in Started is a failure, in the others only a log line,
// because the actor object is on its way out.
template <typename Message>
void ActorCell::tell_lifecycle() {
  constexpr bool starting = std::is_same_v<Message, Started>;
  EnvelopePtr envelope = make_envelope(Message{});
  const std::string message_name = envelope->type().cpp_name();
  const auto failure = failure_of([&] {
    if (starting) actor_ = props_->producer();
    if (actor_ == nullptr) {
      // A producer may also fail by making nothing; later there may be no actor because it failed so.
      if (starting) throw std::runtime_error("the producer made no actor");
      return;
    }
    Context context(*this, &envelope);
    actor_->receive(context);
  });
  if (!failure) return;
  if (starting) {
    fail(*failure, message_name);
  } else {
    system_->log().warn(
        "actor threw while it was ending",
        {{"actor", self().to_string()}, {"message", message_name}, {"reason", *failure}});
  }
}

void ActorCell::fail(const std::string& reason, const std::string& message_name) {
  // A handler may have stopped its own actor before it threw.
  if (state() == State::stopping || state() == State::free) return;
  suspended_ = true;
  system_->log().warn(
      "actor failed",
      {{"actor", self().to_string()}, {"message", message_name}, {"reason", reason}});
  send_system_to(parent_, make_envelope(Failure{self(), reason, message_name}));
}

void ActorCell::on_failure_of_child(const Failure& failure) {
  // In any other state the child has been told to stop.
  if (state() != State::alive || extras_ == nullptr || !extras_->children.contains(failure.child)) {
    return;
  }
  const Instant now = system_->clock().now();
  RestartStatistics& statistics = extras_->child_failures[failure.child];
  statistics.record_failure(now);
  Directive directive = Directive::stop;
  const auto thrown =
      failure_of([&] { directive = props_->strategy->decide(failure, statistics, now); });
  if (thrown) {
    system_->log().error("supervision strategy threw, child is stopped",
                         {{"actor", self().to_string()}, {"reason", *thrown}});
  }
  switch (directive) {
    case Directive::resume:
      send_system_to(failure.child, make_envelope(Resume{}));
      break;
    case Directive::restart:
      send_system_to(failure.child, make_envelope(Restart{}));
      break;
    case Directive::stop:
      send_system_to(failure.child, make_envelope(Stop{}));
      break;
    case Directive::escalate:
      extras_->escalated.add(failure.child);
      fail(failure.reason, failure.message_name);
      break;
  }
}

// False when it was no child, or is one no more.
bool ActorCell::forget_child(const Pid& child) {
  if (extras_ == nullptr || !extras_->children.remove(child)) return false;
  extras_->child_failures.erase(child);
  extras_->escalated.remove(child);
  update_counts();
  return true;
}

// In the turn of the Terminated, not before: until then a second watch of the same actor is none.
void ActorCell::note_terminated(const Pid& who) {
  forget_child(who);
  if (extras_ != nullptr) extras_->watching.remove(who);
}

// Children whose Terminated is already here, waiting for its turn, are gone.
void ActorCell::forget_children_in_pending() {
  pending_.for_each([this](const Envelope& envelope) {
    const auto* terminated = envelope.get<Terminated>();
    if (terminated != nullptr && envelope.target_generation() == generation()) {
      forget_child(terminated->who);
    }
  });
}

void ActorCell::when_children_are_gone() {
  if (extras_ != nullptr && !extras_->children.empty()) return;
  if (state() == State::restarting) finish_restart();
  if (state() == State::stopping) finish_stop();
}

void ActorCell::stop_children() {
  if (extras_ == nullptr) return;
  for (const Pid& child : extras_->children.to_vector()) {
    send_system_to(child, make_envelope(Stop{}));
  }
}

void ActorCell::begin_restart() {
  if (state() != State::alive) return;
  suspended_ = false;
  tell_lifecycle<Restarting>();
  set_state(State::restarting);
  forget_children_in_pending();
  stop_children();
  when_children_are_gone();
}

void ActorCell::finish_restart() {
  // Answers to what the old object asked, in its last turn too, must not reach the new one.
  restart_count_.fetch_add(1, std::memory_order_relaxed);
  if (extras_ != nullptr) extras_->held.clear();
  actor_.reset();
  set_state(State::alive);
  tell_lifecycle<Started>();
}

void ActorCell::begin_stop() {
  if (state() == State::stopping || state() == State::free) return;
  suspended_ = false;
  set_state(State::stopping);
  tell_lifecycle<Stopping>();
  forget_children_in_pending();
  stop_children();
  when_children_are_gone();
}

void ActorCell::finish_stop() {
  tell_lifecycle<Stopped>();
  actor_.reset();
  const Pid me = self();
  const auto info = system_->cells().info(*this, me.generation());
  if (!info->name.empty()) system_->registry().remove(info->name, me);

  std::unique_ptr<ContextExtras> extras = std::move(extras_);
  const Pid parent = std::exchange(parent_, {});
  props_.reset();
  set_state(State::free);
  update_counts();
  // From here on the door turns senders away; what is already in the lanes has the old generation and becomes dead letters.
  generation_.store(me.generation() + 1, std::memory_order_release);

  if (extras != nullptr) {
    for (const Pid& watched : extras->watching.to_vector()) {
      send_system_to(watched, make_envelope(Unwatch{me}));
    }
    for (const Pid& watcher : extras->watchers.to_vector()) {
      // What leaves the node is written later, when the cell may have another name.
      const Pid who = watcher.is_record() ? Pid::of_name(me.address(), me.id()) : me;
      system_->registry().send_terminated(
          watcher, make_envelope(Terminated{who, TerminatedReason::stopped}));
    }
  }
  system_->registry().send_terminated(parent,
                                      make_envelope(Terminated{me, TerminatedReason::stopped}));
  system_->cells().give_back(*this);
}

void ActorCell::update_counts() {
  child_count_.store(extras_ == nullptr ? 0 : static_cast<std::uint32_t>(extras_->children.size()),
                     std::memory_order_relaxed);
  watcher_count_.store(
      extras_ == nullptr ? 0 : static_cast<std::uint32_t>(extras_->watchers.size()),
      std::memory_order_relaxed);
}

}  // namespace nexus::core
