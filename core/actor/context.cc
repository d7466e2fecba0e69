#include "core/actor/context.h"

#include <algorithm>
#include <memory>

#include "core/actor/context_extras.h"
#include "core/actor/kept_message.h"
#include "core/actor_system.h"

namespace nexus::core {
namespace {

// The handle of an actor of this node that was given by name: its Terminated will come with the handle.
Pid as_handle(ActorSystem& system, const Pid& target) {
  if (!target.is_record() || target.record()->address != system.address()) return target;
  const Pid found = system.registry().find(target.record()->id);
  return found ? found : target;
}

}  // namespace

const Envelope& Context::no_message() {
  // Lives to the end: the memory of messages belongs to threads, which end before that.
  static const Envelope& none = *make_envelope(NoMessage{}).release();
  return none;
}

void Context::forward(const Pid& target) {
  if (*envelope_ != nullptr) deliver(target, std::move(*envelope_));
}

void Context::deliver_decorated(const Pid& target, EnvelopePtr envelope) {
  const std::size_t count = cell_.extras_ == nullptr ? 0 : cell_.extras_->decorators.size();
  SendNext(*this, count)(target, std::move(envelope));
}

void Context::respond_otherwise(EnvelopePtr answer) {
  const std::string& content_type = envelope().answer_content_type();
  if (!content_type.empty() && cell_.props_->write_payload) {
    Result<Payload> written = cell_.props_->write_payload(*answer, content_type);
    if (written.ok()) answer = make_envelope(std::move(*written));
  }
  if (sender().empty()) {
    system().dead_letters().take(Pid{}, std::move(answer), Lane::user, DeadLetterReason::no_sender);
    return;
  }
  deliver(sender(), std::move(answer));
}

bool Context::is_cancelled() const {
  return envelope().is_extended() && (envelope().cancellation().cancelled() ||
                                      (envelope().deadline() != Instant::max() &&
                                       envelope().deadline() <= system().clock().now()));
}

void Context::ask_envelope(const Pid& target, EnvelopePtr envelope, Duration timeout,
                           OnAnswer on_answer) {
  Instant deadline = deadline_after(system().clock().soon(), timeout);
  CancellationToken token;
  if (*envelope_ != nullptr && (*envelope_)->is_extended()) {
    deadline = std::min(deadline, (*envelope_)->deadline());
    if ((*envelope_)->deadline() != Instant::max()) envelope->set_deadline(deadline);
    token = (*envelope_)->cancellation();
    if (token) envelope->set_cancellation(token);
  }
  ActorSystem& actors = system();
  // Lives as long as the request, whether it is answered or its asker is gone.
  std::shared_ptr<OnCancel> on_cancel;
  if (token) {
    on_cancel = std::make_shared<OnCancel>(token);
    on_answer = [on_cancel, on_answer = std::move(on_answer)](Context& context,
                                                              Answer answer) mutable {
      on_cancel.reset();
      on_answer(context, std::move(answer));
    };
  }
  const Pid sender = actors.futures().open_for_actor(
      worker_, deadline, self(), cell_.restart_count(), std::move(on_answer), target);
  if (sender.empty()) return;
  // A decorator may throw before the request is out: then nobody will answer it.
  struct Discard {
    ~Discard() {
      if (!sent) (void)futures.discard(future);
    }
    FutureTable& futures;
    const Pid& future;
    bool sent = false;
  } unsent{actors.futures(), sender};
  if (on_cancel != nullptr) {
    on_cancel->call([lifeline = actors.lifeline(), &actors, sender] {
      lifeline->run([&] { (void)actors.futures().cancel(sender); });
    });
  }
  envelope->set_sender(sender);
  deliver(target, std::move(envelope));
  unsent.sent = true;
}

MessageHandles::Stash Context::stash() {
  auto& stash = cell_.ensure_extras().stash;
  if (stash == nullptr) stash = std::make_unique<MessageHandles>(cell_.props_->stash_count_max);
  CHECK(*envelope_ != nullptr && "there is a message to stash");
  // Those of the runtime itself, like Started, have come without.
  (*envelope_)->set_target_generation(cell_.generation());
  return stash->stash(*envelope_);
}

void Context::unstash_all() { cell_.unstash_all(); }

std::uint32_t Context::stash_count() const {
  return cell_.extras_ == nullptr || cell_.extras_->stash == nullptr
             ? 0
             : cell_.extras_->stash->count();
}

void Context::set_receive_timeout(Duration period) {
  cell_.ensure_timers().set_receive_timeout(period);
  cell_.hooks_ |= ActorCell::kReceiveTimeout;
  // This turn is activity, whatever it is about.
  cell_.extras_->active_count = ContextExtras::kNoCount;
}

void Context::cancel_receive_timeout() {
  if (cell_.extras_ == nullptr || cell_.extras_->timers == nullptr) return;
  cell_.extras_->timers->cancel_receive_timeout();
  cell_.hooks_ &= static_cast<std::uint8_t>(~ActorCell::kReceiveTimeout);
}

Duration Context::receive_timeout() const {
  return cell_.extras_ == nullptr || cell_.extras_->timers == nullptr
             ? Duration::zero()
             : cell_.extras_->timers->receive_timeout();
}

ScheduleId Context::schedule(Duration delay, Duration period, const Pid& target,
                             EnvelopePtr message) {
  // Nobody would cancel it.
  if (cell_.state() == ActorCell::State::stopping) return ScheduleId::none;
  return cell_.ensure_timers().add(delay, period, target, std::move(message));
}

bool Context::cancel_schedule(ScheduleId id) {
  return cell_.extras_ != nullptr && cell_.extras_->timers != nullptr &&
         cell_.extras_->timers->cancel(id);
}

TypeMap& Context::store() { return cell_.ensure_extras().store; }

void Context::reenter_after(Future future, OnAnswer then) {
  when_done(std::move(future), [kept = KeptMessage(*this), then = std::move(then)](
                                   Context& context, Answer answer) mutable {
    EnvelopePtr message = kept.take();
    Context with_message(context, message);
    then(with_message, std::move(answer));
  });
}

void Context::when_done(Future future, OnAnswer then) {
  ActorSystem& actors = system();
  cell_.begin_await();
  std::move(future).then([&actors, lifeline = actors.lifeline(), self = self(),
                          restarts = cell_.restart_count(),
                          then = std::move(then)](Answer answer) mutable {
    Continuation continuation{
        [restarts, then = std::move(then), answer = std::move(answer)](Context& context) mutable {
          if (context.cell_.restart_count() != restarts) return;
          context.cell_.end_await();
          then(context, std::move(answer));
        }};
    lifeline->run(
        [&] { actors.registry().send_system(self, make_envelope(std::move(continuation))); });
  });
}

void Context::refuse() {
  system().dead_letters().take(self(), take_message(), Lane::user, DeadLetterReason::unreadable);
}

void Context::hold_messages(bool held) {
  if (held) {
    // Later the ends of children must come through, and after that there is nothing to hold.
    if (cell_.state() == ActorCell::State::alive) cell_.suspended_ |= ActorCell::kHeld;
  } else {
    cell_.suspended_ &= static_cast<std::uint8_t>(~ActorCell::kHeld);
  }
}

Result<Pid> Context::spawn(Props props) { return spawn(share(std::move(props))); }

Result<Pid> Context::spawn(PropsPtr props) { return spawn_child(std::move(props), {}); }

Result<Pid> Context::spawn_named(PropsPtr props, const std::string& name) {
  if (Status status = ActorSystem::check_name(name); !status.ok()) return status.error();
  // Nobody else changes the name of a live actor.
  std::string id =
      cell_.name_ == nullptr ? self().id() : std::string(CellTable::name_of_live(cell_));
  return spawn_child(std::move(props), id.append("/").append(name));
}

Result<Pid> Context::spawn_child(PropsPtr props, const std::string& id) {
  // Nobody would stop it.
  if (cell_.state() == ActorCell::State::stopping) {
    return Error{Errc::failed_precondition, "an actor that is stopping cannot spawn children",
                 "ACTOR_STOPPING"};
  }
  if (!cell_.is_decorated() || cell_.extras_ == nullptr) return spawn_now(std::move(props), id);
  return SpawnNext(*this, cell_.extras_->decorators.size())(std::move(props), id);
}

Result<Pid> Context::spawn_now(PropsPtr props, const std::string& id) {
  Result<Pid> child = system().spawn_actor(std::move(props), id, &cell_);
  if (child.ok()) cell_.add_child(*child->cell());
  return child;
}

std::vector<Pid> Context::children() const { return cell_.children(); }

void Context::watch(const Pid& given) {
  const Pid target = as_handle(system(), given);
  // A child reports to its parent without being asked.
  if (cell_.is_child(target)) return;
  if (cell_.ensure_extras().ensure_relations().watching.add(target)) {
    cell_.send_system_to(target, make_envelope(Watch{self()}));
  }
}

void Context::unwatch(const Pid& given) {
  const Pid target = as_handle(system(), given);
  Relations* relations = cell_.relations();
  if (relations != nullptr && relations->watching.remove(target)) {
    cell_.send_system_to(target, make_envelope(Unwatch{self()}));
  }
}

void Context::stop(const Pid& target) {
  system().registry().send_system(target, make_envelope(Stop{}));
}

void Context::poison(const Pid& target) { send(target, PoisonPill{}); }

}  // namespace nexus::core
