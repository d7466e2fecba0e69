// How the actor of a cell starts, fails, restarts and stops, and what it knows of its children. Its turns are in actor_cell.cc.
#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>

#include "core/actor/actor_cell.h"
#include "core/actor/context.h"
#include "core/actor/context_extras.h"
#include "core/actor_system.h"
#include "core/base/user_code.h"
#include "core/dispatch/worker.h"

namespace nexus::core {

void ActorCell::make_actor() {
  if ((hooks_ & kDecorated) != 0) {
    auto& decorators = ensure_extras().decorators;
    // After a failure in here the rest is made at the restart.
    while (decorators.size() < props_->decorators.size()) {
      auto made = props_->decorators[decorators.size()]();
      if (made == nullptr) throw std::runtime_error("the maker of a decorator made none");
      decorators.push_back(std::move(made));
    }
  }
  actor_ = props_->producer();
}

// A lifecycle message goes to the actor at once; what it throws in Started is a failure, in the others only a log line,
// because the actor object is on its way out.
template <typename Message>
void ActorCell::tell_lifecycle() {
  constexpr bool starting = std::is_same_v<Message, Started>;
  EnvelopePtr envelope = make_envelope(Message{});
  const auto failure = failure_of([&] {
    if (starting) make_actor();
    if (actor_ == nullptr) {
      // A producer may also fail by making nothing; later there may be no actor because it failed so.
      if (starting) throw std::runtime_error("the producer made no actor");
      return;
    }
    Context context(*this, *Worker::current(), &envelope);
    call_actor(context);
  });
  if (!failure) return;
  const std::string message_name = message_type<Message>().cpp_name();
  if (starting) {
    fail(*failure, message_name);
  } else {
    system().log().warn(
        "actor threw while it was ending",
        {{"actor", self().to_string()}, {"message", message_name}, {"reason", *failure}});
  }
}

void ActorCell::on_start() {
  set_state(State::alive);
  if ((hooks_ & kMailboxMiddleware) != 0) tell_started();
  tell_lifecycle<Started>();
}

void ActorCell::fail(const std::string& reason, const std::string& message_name) {
  // A handler may have stopped its own actor before it threw; or the parent knows of a failure already.
  if (state() == State::stopping || state() == State::free || (suspended_ & kFailed) != 0) return;
  suspended_ |= kFailed;
  system().log().warn(
      "actor failed",
      {{"actor", self().to_string()}, {"message", message_name}, {"reason", reason}});
  send_system_to(parent(), make_envelope(Failure{self(), reason, message_name}));
}

void ActorCell::on_failure_of_child(const Failure& failure) {
  // In any other state the child has been told to stop.
  if (state() != State::alive || extras_ == nullptr || !is_child(failure.child)) return;
  const Instant now = system().clock().now();
  Relations& relations = extras_->ensure_relations();
  RestartStatistics& statistics = relations.child_failures[failure.child];
  statistics.record_failure(now);
  Verdict verdict = Directive::stop;
  const auto thrown =
      failure_of([&] { verdict = props_->strategy->decide(failure, statistics, now); });
  if (thrown) {
    system().log().error("supervision strategy threw, child is stopped",
                         {{"actor", self().to_string()}, {"reason", *thrown}});
  }
  system().events().publish(SupervisionEvent{failure.child, failure.reason, failure.message_name,
                                             verdict.directive, verdict.delay});
  if (verdict.directive == Directive::escalate) {
    relations.escalated.add(failure.child);
    // One failure at a time: what is decided about it holds for all of them.
    if ((suspended_ & kFailed) == 0) fail(failure.reason, failure.message_name);
    return;
  }
  const bool all = verdict.all_children && verdict.directive != Directive::resume;
  for (const Pid& child : all ? children() : std::vector<Pid>{failure.child}) {
    system().direct(child, verdict);
  }
}

void ActorCell::on_resume() {
  // Without an actor object, because it failed to be made, there is nothing to go on with.
  if (actor_ == nullptr) return begin_restart();
  suspended_ &= static_cast<std::uint8_t>(~kFailed);
  if (Relations* known = relations()) {
    // The directive was asked for on behalf of these children, too.
    for (const Pid& child : std::exchange(known->escalated, {}).to_vector()) {
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
  if (watcher == parent()) return;
  ensure_extras().ensure_relations().watchers.add(watcher);
  update_watcher_count();
}

void ActorCell::update_watcher_count() {
  const Relations* known = relations();
  const std::size_t count = known == nullptr ? 0 : known->watchers.size();
  watcher_count_.store(static_cast<std::uint16_t>(
                           std::min<std::size_t>(count, std::numeric_limits<std::uint16_t>::max())),
                       std::memory_order_relaxed);
}

// A child that has ended stays one until forget_child(): its cell has moved on by one generation and is free.
bool ActorCell::is_child(const Pid& pid) const {
  if (!pid.is_cell()) return false;
  const ActorCell& cell = *pid.cell();
  if (&cell.system() != &system()) return false;
  const Life child = cell.life();
  const bool this_one = child.state == State::free ? child.generation == pid.generation() + 1
                                                   : child.generation == pid.generation();
  return this_one && cell.parent_index() == index() && cell.parent_generation_ == generation();
}

void ActorCell::add_child(ActorCell& child) {
  ContextExtras& extras = ensure_extras();
  child.previous_sibling_ = kNoCell;
  child.next_sibling_ = extras.first_child;
  if (extras.first_child != kNoCell) {
    system().cells().at(extras.first_child).previous_sibling_ = child.index();
  }
  extras.first_child = child.index();
  child_count_.store(child_count() + 1, std::memory_order_relaxed);
}

// False when it was no child, or is one no more.
bool ActorCell::forget_child(const Pid& child) {
  if (extras_ == nullptr || !is_child(child)) return false;
  CellTable& cells = system().cells();
  ActorCell& cell = *child.cell();
  (cell.previous_sibling_ == kNoCell ? extras_->first_child
                                     : cells.at(cell.previous_sibling_).next_sibling_) =
      cell.next_sibling_;
  if (cell.next_sibling_ != kNoCell) {
    cells.at(cell.next_sibling_).previous_sibling_ = cell.previous_sibling_;
  }
  child_count_.store(child_count() - 1, std::memory_order_relaxed);
  cell.parent_index_.store(kNoCell, std::memory_order_relaxed);
  if (Relations* known = relations()) {
    known->child_failures.erase(child);
    known->escalated.remove(child);
  }
  cells.give_back(cell);
  return true;
}

// In the turn of the Terminated, not before: until then a second watch of the same actor is none.
void ActorCell::note_terminated(const Pid& who) {
  forget_child(who);
  if (Relations* known = relations()) known->watching.remove(who);
}

std::vector<Pid> ActorCell::children() const {
  std::vector<Pid> children;
  if (extras_ == nullptr) return children;
  for (std::uint32_t index = extras_->first_child; index != kNoCell;) {
    ActorCell& cell = system().cells().at(index);
    const Life child = cell.life();
    children.push_back(
        Pid::of_cell(cell, child.state == State::free ? child.generation - 1 : child.generation));
    index = cell.next_sibling_;
  }
  return children;
}

void ActorCell::stop_children() {
  for (const Pid& child : children()) send_system_to(child, make_envelope(Stop{}));
}

void ActorCell::when_children_are_gone() {
  if (child_count() > 0) return;
  if (state() == State::restarting) finish_restart();
  if (state() == State::stopping) finish_stop();
}

void ActorCell::begin_restart() {
  if (state() != State::alive) return;
  suspended_ = 0;
  tell_lifecycle<Restarting>();
  set_state(State::restarting);
  stop_children();
  absorb_terminated();
  when_children_are_gone();
}

// While the actor waits for its children, it hands nothing out, so their Terminated count here; otherwise in their turn.
void ActorCell::absorb_terminated() {
  // A restart without children must not walk a long mailbox.
  if (child_count() == 0) return;
  undo_sort();
  if (!mailbox_.has_user()) return;
  EnvelopeList arrived;
  mailbox_.lay_aside(arrived);
  arrived.for_each([this](const Envelope& envelope) {
    const auto* terminated = envelope.get<Terminated>();
    if (terminated != nullptr && envelope.target_generation() == generation()) {
      forget_child(terminated->who);
    }
  });
  ensure_extras().laid_aside.append(std::move(arrived));
  when_children_are_gone();
}

void ActorCell::finish_restart() {
  // It wraps: what the old object asked is told from what the new one asks by it, so it must not stand still.
  restart_count_.store(static_cast<std::uint16_t>(restart_count() + 1), std::memory_order_relaxed);
  actor_.reset();
  // Also what the old object did about it in its last turn.
  suspended_ = 0;
  set_state(State::alive);
  if (extras_ != nullptr) {
    if (extras_->timers != nullptr) extras_->timers->cancel_all();
    extras_->awaited_count = 0;
    mailbox_.put_back(std::move(extras_->laid_aside));
    // The new object has not seen what the old one put aside.
    unstash_all();
    // Answers to what the old object asked, in its last turn too, must not reach the new one.
    EnvelopeList held = std::move(extras_->held);
    while (EnvelopePtr envelope = held.pop_front()) {
      if (FutureTable::is_done_future(*envelope)) {
        (void)system().futures().collect(std::move(envelope));
      }
    }
  }
  tell_lifecycle<Started>();
}

void ActorCell::begin_stop() {
  if (state() == State::stopping || state() == State::free) return;
  suspended_ = 0;
  if (extras_ != nullptr) {
    mailbox_.put_back(std::move(extras_->laid_aside));
    if (extras_->timers != nullptr) extras_->timers->cancel_all();
  }
  set_state(State::stopping);
  // It is wanted in a moment, and was last looked at when the actor was made.
  CellTable::prefetch_name(*this);
  tell_lifecycle<Stopping>();
  stop_children();
  replay_held();
  when_children_are_gone();
}

void ActorCell::finish_stop() {
  tell_lifecycle<Stopped>();
  actor_.reset();
  undo_sort();
  // What is still put aside ends with the rest of the mailbox.
  unstash_all();
  ActorSystem& actors = system();
  const Pid me = self();
  const Pid my_parent = parent();
  if (extras_ != nullptr) release_slowed();
  const std::unique_ptr<ContextExtras> extras = std::move(extras_);
  const Relations* known = extras == nullptr ? nullptr : extras->relations.get();
  const std::vector<Pid> watchers =
      known == nullptr ? std::vector<Pid>{} : known->watchers.to_vector();
  const bool has_foreign_watcher =
      std::any_of(watchers.begin(), watchers.end(), [](const Pid& pid) { return pid.is_record(); });
  // What leaves the node is written later, when the cell may have another name.
  const Pid me_by_name = has_foreign_watcher ? Pid::of_name(me.address(), me.id()) : Pid{};
  if (name_ != nullptr) actors.registry().remove_actor(me);
  child_count_.store(0, std::memory_order_relaxed);
  watcher_count_.store(0, std::memory_order_relaxed);
  actors.cells().forget(*this);
  // From here on the mailbox turns senders away.
  mailbox_.die([this](EnvelopePtr envelope, Lane lane) { dead_letter(std::move(envelope), lane); });
  Worker::current()->cell_is_gone = true;

  if (known != nullptr) {
    for (const Pid& watched : known->watching.to_vector()) {
      actors.registry().send_system(watched, make_envelope(Unwatch{me}));
    }
  }
  for (const Pid& watcher : watchers) {
    const Pid& who = watcher.is_record() ? me_by_name : me;
    actors.registry().send_terminated(watcher,
                                      make_envelope(Terminated{who, TerminatedReason::stopped}));
  }
  // Last: with this the parent may give the cell to another actor.
  actors.registry().send_terminated(my_parent,
                                    make_envelope(Terminated{me, TerminatedReason::stopped}));
}

}  // namespace nexus::core
