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
  suspended_ = false;
  set_state(State::starting);
}

void ActorCell::end_unborn() {
  system().cells().forget(*this);
  set_life(generation() + 1, State::free);
  mailbox_.die([this](EnvelopePtr envelope, Lane lane) { dead_letter(std::move(envelope), lane); });
}

bool ActorCell::receive(Context& context) {
  if (const auto failure = failure_of([&] { actor_->receive(context); })) [[unlikely]] {
    fail_in_receive(*context.envelope_, failure->c_str());
  }
  return true;
}

bool ActorCell::handle_user(Context& context) {
  EnvelopePtr& envelope = *context.envelope_;
  const Life now = life();
  if (envelope->target_generation() != now.generation || now.state != State::alive) [[unlikely]] {
    return handle_out_of_life(envelope, now);
  }
  // Relaxed load and store: the owner is the only writer.
  processed_count_.store(processed_count_.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
  if (envelope->type().role == MessageType::Role::runtime) [[unlikely]] {
    return handle_runtime_message(context);
  }
  if (envelope->wants_notices()) [[unlikely]] {
    return receive_with_notices(context);
  }
  return receive(context);
}

void ActorCell::run(Worker& worker, std::uint32_t throughput) {
  worker.cell_is_gone = false;
  if (state() == State::starting) {
    on_start();
    if (worker.cell_is_gone) return;
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
      mailbox_.publish_counts();
      worker.run_later(*this);
      break;
    }
    if (has_system) {
      ++handled;
      handle_system(mailbox_.pop_system());
      if (worker.cell_is_gone) break;
      continue;
    }
    if (state() == State::restarting) absorb_terminated();
    if (!may_handle_next()) {
      mailbox_.publish_counts();
      if (mailbox_.has_pushed() || !mailbox_.try_release(worker.id())) {
        mailbox_.take_pushed(worker.id());
        continue;
      }
      break;
    }
    if (++handled % kSliceCheck == 0) {
      const Instant now = system().clock().now();
      if (slice_end == Instant{}) slice_end = now + kTurnSlice;
      if (now >= slice_end) handled = throughput;
    }
    current = mailbox_.pop_user();
    if (handle_user(context)) ++processed;
    if (worker.cell_is_gone) break;
    current.reset();
  }
  worker.counters().processed.add(processed);
}

// While the actor waits for its children, it hands nothing out, so their Terminated count here; otherwise in their turn.
void ActorCell::absorb_terminated() {
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

void ActorCell::dead_letter(EnvelopePtr envelope, Lane lane) {
  const Pid target = Pid::of_cell(*this, envelope->target_generation());
  system().dead_letters().take(target, std::move(envelope), lane, DeadLetterReason::stopped);
}

void ActorCell::handle_system(EnvelopePtr envelope) {
  if (envelope->target_generation() != generation()) {
    dead_letter(std::move(envelope), Lane::system);
  } else if (envelope->is<FutureDone>()) {
    on_answer(std::move(envelope));
  } else if (auto* watch = envelope->get<Watch>()) {
    on_watch(watch->watcher);
  } else if (auto* unwatch = envelope->get<Unwatch>()) {
    if (extras_ != nullptr) extras_->watchers.remove(unwatch->watcher);
    update_watcher_count();
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

void ActorCell::on_start() {
  set_state(State::alive);
  tell_lifecycle<Started>();
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
  if (watcher == parent()) return;
  ensure_extras().watchers.add(watcher);
  update_watcher_count();
}

void ActorCell::on_continuation(EnvelopePtr envelope) {
  if (state() == State::stopping) return;
  if (suspended_ || state() == State::restarting) {
    ensure_extras().held.push_back(std::move(envelope));
    return;
  }
  // Out of the envelope, which the code may forward while it runs.
  Continuation continuation = std::move(*envelope->get<Continuation>());
  Context context(*this, *Worker::current(), &envelope);
  const auto failure = failure_of([&] { continuation.run(context); });
  if (failure) fail(*failure, "continuation");
}

void ActorCell::on_answer(EnvelopePtr envelope) {
  if ((suspended_ || state() == State::restarting) && state() != State::stopping) {
    ensure_extras().held.push_back(std::move(envelope));
    return;
  }
  FutureTable::Done done = system().futures().collect(*envelope->get<FutureDone>()->slot);
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
    return receive(context);
  }
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
  if (!envelope->wants_notices() || envelope->sender().empty()) return receive(context);
  const Pid asker = envelope->sender();
  const auto notify_asker = [&](Notice::Kind kind, std::string detail) {
    (void)system().registry().send_user(asker, make_envelope(Notice{kind, std::move(detail)}));
  };
  notify_asker(Notice::Kind::started, {});
  const auto failure = failure_of([&] { actor_->receive(context); });
  if (failure) {
    notify_asker(Notice::Kind::failed, *failure);
    fail(*failure, envelope == nullptr ? "(forwarded)" : envelope->type().name());
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
  const std::string answer_content_type = envelope->get<Payload>()->content_type;
  (**typed)->set_sender(envelope->sender());
  (**typed)->set_headers(envelope->headers());
  (**typed)->set_target_generation(envelope->target_generation());
  (**typed)->set_wants_notices(envelope->wants_notices());
  envelope = std::move(**typed);
  context.answer_content_type_ = &answer_content_type;
  const bool processed = receive_with_notices(context);
  context.answer_content_type_ = nullptr;
  return processed;
}

// A lifecycle message goes to the actor at once; what it throws in Started is a failure, in the others only a log line,
// because the actor object is on its way out.
template <typename Message>
void ActorCell::tell_lifecycle() {
  constexpr bool starting = std::is_same_v<Message, Started>;
  EnvelopePtr envelope = make_envelope(Message{});
  const auto failure = failure_of([&] {
    if (starting) actor_ = props_->producer();
    if (actor_ == nullptr) {
      // A producer may also fail by making nothing; later there may be no actor because it failed so.
      if (starting) throw std::runtime_error("the producer made no actor");
      return;
    }
    Context context(*this, *Worker::current(), &envelope);
    actor_->receive(context);
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

void ActorCell::fail(const std::string& reason, const std::string& message_name) {
  // A handler may have stopped its own actor before it threw.
  if (state() == State::stopping || state() == State::free) return;
  suspended_ = true;
  system().log().warn(
      "actor failed",
      {{"actor", self().to_string()}, {"message", message_name}, {"reason", reason}});
  send_system_to(parent(), make_envelope(Failure{self(), reason, message_name}));
}

void ActorCell::on_failure_of_child(const Failure& failure) {
  // In any other state the child has been told to stop.
  if (state() != State::alive || extras_ == nullptr || !is_child(failure.child)) return;
  const Instant now = system().clock().now();
  RestartStatistics& statistics = extras_->child_failures[failure.child];
  statistics.record_failure(now);
  Directive directive = Directive::stop;
  const auto thrown =
      failure_of([&] { directive = props_->strategy->decide(failure, statistics, now); });
  if (thrown) {
    system().log().error("supervision strategy threw, child is stopped",
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
  if (!extras_->child_failures.empty()) extras_->child_failures.erase(child);
  extras_->escalated.remove(child);
  cells.give_back(cell);
  return true;
}

// In the turn of the Terminated, not before: until then a second watch of the same actor is none.
void ActorCell::note_terminated(const Pid& who) {
  forget_child(who);
  if (extras_ != nullptr) extras_->watching.remove(who);
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

void ActorCell::when_children_are_gone() {
  if (child_count() > 0) return;
  if (state() == State::restarting) finish_restart();
  if (state() == State::stopping) finish_stop();
}

void ActorCell::stop_children() {
  for (const Pid& child : children()) send_system_to(child, make_envelope(Stop{}));
}

void ActorCell::begin_restart() {
  if (state() != State::alive) return;
  suspended_ = false;
  tell_lifecycle<Restarting>();
  set_state(State::restarting);
  stop_children();
  absorb_terminated();
  when_children_are_gone();
}

void ActorCell::finish_restart() {
  const std::uint32_t restarts = restart_count();
  if (restarts < std::numeric_limits<std::uint16_t>::max()) {
    restart_count_.store(static_cast<std::uint16_t>(restarts + 1), std::memory_order_relaxed);
  }
  actor_.reset();
  set_state(State::alive);
  if (extras_ != nullptr) {
    mailbox_.put_back(std::move(extras_->laid_aside));
    // Answers to what the old object asked, in its last turn too, must not reach the new one.
    EnvelopeList held = std::move(extras_->held);
    while (EnvelopePtr envelope = held.pop_front()) {
      if (auto* done = envelope->get<FutureDone>()) (void)system().futures().collect(*done->slot);
    }
  }
  tell_lifecycle<Started>();
}

void ActorCell::begin_stop() {
  if (state() == State::stopping || state() == State::free) return;
  suspended_ = false;
  if (extras_ != nullptr) mailbox_.put_back(std::move(extras_->laid_aside));
  set_state(State::stopping);
  tell_lifecycle<Stopping>();
  stop_children();
  replay_held();
  when_children_are_gone();
}

void ActorCell::finish_stop() {
  tell_lifecycle<Stopped>();
  actor_.reset();
  ActorSystem& actors = system();
  const Pid me = self();
  const Pid my_parent = parent();
  const std::unique_ptr<ContextExtras> extras = std::move(extras_);
  const std::vector<Pid> watchers =
      extras == nullptr ? std::vector<Pid>{} : extras->watchers.to_vector();
  const bool has_foreign_watcher =
      std::any_of(watchers.begin(), watchers.end(), [](const Pid& pid) { return pid.is_record(); });
  // What leaves the node is written later, when the cell may have another name.
  const Pid me_by_name = has_foreign_watcher ? Pid::of_name(me.address(), me.id()) : Pid{};
  if (name_ != nullptr) actors.registry().remove_actor(me);
  actors.cells().forget(*this);
  child_count_.store(0, std::memory_order_relaxed);
  watcher_count_.store(0, std::memory_order_relaxed);
  set_life(me.generation() + 1, State::free);
  // From here on the mailbox turns senders away.
  mailbox_.die([this](EnvelopePtr envelope, Lane lane) { dead_letter(std::move(envelope), lane); });
  Worker::current()->cell_is_gone = true;

  if (extras != nullptr) {
    for (const Pid& watched : extras->watching.to_vector()) {
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

void ActorCell::update_watcher_count() {
  const std::size_t count = extras_ == nullptr ? 0 : extras_->watchers.size();
  watcher_count_.store(static_cast<std::uint16_t>(
                           std::min<std::size_t>(count, std::numeric_limits<std::uint16_t>::max())),
                       std::memory_order_relaxed);
}

}  // namespace nexus::core
