#include "core/actor/context.h"

#include "core/actor/context_extras.h"
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

void Context::forward(const Pid& target) { deliver(target, std::move(*envelope_)); }

void Context::respond_otherwise(EnvelopePtr answer) {
  if (answer_content_type_ != nullptr && cell_.props_->write_payload) {
    Result<Payload> written = cell_.props_->write_payload(*answer, *answer_content_type_);
    if (written.ok()) answer = make_envelope(std::move(*written));
  }
  if (sender().empty()) {
    system().dead_letters().take(Pid{}, std::move(answer), Lane::user, DeadLetterReason::no_sender);
    return;
  }
  deliver(sender(), std::move(answer));
}

void Context::ask_envelope(const Pid& target, EnvelopePtr envelope, Duration timeout,
                           OnAnswer on_answer) {
  ActorSystem& actors = system();
  const Pid sender =
      actors.futures().open_for_actor(worker_, deadline_after(soon(), timeout), self(),
                                      cell_.restart_count(), std::move(on_answer), target);
  if (sender.empty()) return;
  envelope->set_sender(sender);
  deliver(target, std::move(envelope));
}

Result<Pid> Context::spawn(Props props) { return spawn(share(std::move(props))); }

Result<Pid> Context::spawn(PropsPtr props) { return spawn_child(std::move(props), {}); }

Result<Pid> Context::spawn_named(PropsPtr props, const std::string& name) {
  if (Status status = ActorSystem::check_name(name); !status.ok()) return status.error();
  return spawn_child(std::move(props), self().id() + "/" + name);
}

Result<Pid> Context::spawn_child(PropsPtr props, const std::string& id) {
  // Nobody would stop it.
  if (cell_.state() == ActorCell::State::stopping) {
    return Error{Errc::failed_precondition, "an actor that is stopping cannot spawn children",
                 "ACTOR_STOPPING"};
  }
  Result<Pid> child = system().spawn_actor(std::move(props), id, &cell_);
  if (child.ok()) cell_.add_child(*child->cell());
  return child;
}

std::vector<Pid> Context::children() const { return cell_.children(); }

void Context::watch(const Pid& given) {
  const Pid target = as_handle(system(), given);
  // A child reports to its parent without being asked.
  if (cell_.is_child(target)) return;
  if (cell_.ensure_extras().watching.add(target)) {
    cell_.send_system_to(target, make_envelope(Watch{self()}));
  }
}

void Context::unwatch(const Pid& given) {
  const Pid target = as_handle(system(), given);
  if (cell_.extras_ != nullptr && cell_.extras_->watching.remove(target)) {
    cell_.send_system_to(target, make_envelope(Unwatch{self()}));
  }
}

void Context::stop(const Pid& target) {
  system().registry().send_system(target, make_envelope(Stop{}));
}

void Context::poison(const Pid& target) { send(target, PoisonPill{}); }

}  // namespace nexus::core
