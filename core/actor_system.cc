#include "core/actor_system.h"

#include <algorithm>
#include <thread>

#include "core/actor/guardian.h"
#include "core/base/escape.h"
#include "core/dispatch/guest_workers.h"
#include "core/dispatch/work_stealing_dispatcher.h"

namespace nexus::core {
namespace {

constexpr std::size_t kNameBytesMax = 256;
// Of a name with those of all parents.
constexpr std::size_t kIdBytesMax = 65'535;

ActorSystem::Options with_defaults(ActorSystem::Options options) {
  if (options.worker_count == 0) {
    options.worker_count = std::max(1u, std::thread::hardware_concurrency());
  }
  CHECK(options.throughput >= 1 && options.mailbox_user_count_max >= 1);
  CHECK(options.spin >= Duration::zero());
  if (options.clock == nullptr) options.clock = std::make_shared<SteadyClock>();
  return options;
}

}  // namespace

ActorSystem::ActorSystem(Options options)
    : options_(with_defaults(std::move(options))),
      events_(*this, options_.log),
      registry_(options_.address, *this),
      dead_letters_(options_.dead_letters, *this, events_, *options_.clock, options_.log),
      timers_(*options_.clock),
      futures_(options_.futures, *this),
      cells_(options_.cells, *this),
      telemetry_(*this),
      guardian_(std::make_unique<Guardian>(*this)),
      guest_workers_(std::make_shared<GuestWorkers>(*this)) {
  NodeCache::keep_freed_pages();
  factories_.push_back(options_.dispatcher);
  dispatchers_[0] = options_.dispatcher == nullptr
                        ? std::make_unique<WorkStealingDispatcher>(
                              WorkStealingDispatcher::Options{.worker_count = options_.worker_count,
                                                              .throughput = options_.throughput,
                                                              .spin = options_.spin},
                              *this)
                        : options_.dispatcher->make(*this, DispatcherFactory::Scope::system);
  CHECK(dispatchers_[0] != nullptr);
  dispatcher_count_.store(1);
}

ActorSystem::~ActorSystem() {
  if (!stopped_) shutdown(Duration::zero());
  (void)stop_dispatchers(Instant::max());
  // No turn goes on. What is left ends while all that its destructors may call is still there.
  timers_.stop();
  cells_.end_all();
  lifeline_->close();
  for (auto& dispatcher : dispatchers_) dispatcher.reset();
}

OwnerId ActorSystem::take_worker_id() {
  const std::uint32_t id = worker_count_.fetch_add(1) + 1;
  CHECK(id <= kLastWorker);
  return static_cast<OwnerId>(id);
}

std::optional<std::uint8_t> ActorSystem::dispatcher_for(const Props& props) {
  if (props.dispatcher == nullptr) return std::uint8_t{0};
  MutexLock lock(dispatchers_mutex_);
  if (dispatchers_stopped_) return std::nullopt;
  const auto known = std::find(factories_.begin(), factories_.end(), props.dispatcher);
  const auto index = static_cast<std::size_t>(known - factories_.begin());
  if (known == factories_.end()) {
    if (index == kDispatcherCountMax) return std::nullopt;
    auto made = props.dispatcher->make(*this, DispatcherFactory::Scope::bound);
    if (made == nullptr) return std::nullopt;
    dispatchers_[index] = std::move(made);
    factories_.push_back(props.dispatcher);
    dispatcher_count_.store(index + 1);
  }
  return static_cast<std::uint8_t>(index);
}

Dispatcher* ActorSystem::loop_of_this_thread() {
  const std::size_t count = dispatcher_count_.load();
  for (std::size_t i = 0; i < count; ++i) {
    if (dispatchers_[i]->runs_here()) return dispatchers_[i].get();
  }
  return nullptr;
}

void ActorSystem::poke_loops() {
  const std::size_t count = dispatcher_count_.load();
  for (std::size_t i = 0; i < count; ++i) dispatchers_[i]->poke();
}

bool ActorSystem::stop_dispatchers(Instant deadline) {
  {
    MutexLock lock(dispatchers_mutex_);
    dispatchers_stopped_ = true;
  }
  bool all_ended = true;
  const std::size_t count = dispatcher_count_.load();
  for (std::size_t i = 0; i < count; ++i) all_ended &= dispatchers_[i]->stop(deadline);
  return guest_workers_->close(deadline) && all_ended;
}

bool ActorSystem::stop_actors(Duration patience) {
  guardian_->stop_all();
  return guardian_->wait_until_empty(deadline_after(SteadyClock().now(), patience));
}

bool ActorSystem::shutdown(Duration patience) {
  CHECK(!stopped_);
  stopped_ = true;
  const SteadyClock real_time;
  const Instant deadline = deadline_after(real_time.now(), patience);
  const bool all_stopped = stop_actors(patience);
  futures_.close();
  // A worker needs a moment to end even when it has nothing to do.
  const bool all_ended =
      stop_dispatchers(std::max(deadline, real_time.now() + std::chrono::milliseconds(100)));
  timers_.stop();
  return all_stopped && all_ended;
}

Status ActorSystem::check_name(const std::string& name) {
  const auto bad = [](std::string why) {
    return Error{Errc::invalid_argument, "actor name " + std::move(why), "INVALID_ID"};
  };
  if (name.empty()) return bad("is empty");
  if (name.size() > kNameBytesMax) {
    return bad("has " + std::to_string(name.size()) + " bytes, at most " +
               std::to_string(kNameBytesMax) + " are allowed");
  }
  if (!is_utf8(name)) return bad("is not UTF-8");
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return bad("holds a control character");
    if (c == '/' || c == '$')
      return bad("\"" + name + "\" holds '" + std::string(1, c) + "', which the node reserves");
  }
  return Nothing{};
}

Result<Pid> ActorSystem::spawn(PropsPtr props) {
  return spawn_actor(std::move(props), {}, nullptr);
}

Result<Pid> ActorSystem::spawn_named(PropsPtr props, const std::string& name) {
  if (Status status = check_name(name); !status.ok()) return status.error();
  return spawn_actor(std::move(props), name, nullptr);
}

Result<Pid> ActorSystem::spawn_system(PropsPtr props, const std::string& id) {
  return spawn_actor(std::move(props), id, nullptr);
}

Pid ActorSystem::guardian_pid() const { return Pid::of_process(*guardian_); }

// The mailbox is opened before the guardian and the name's users know of the actor, because from then on they send to it.
Result<Pid> ActorSystem::spawn_actor(PropsPtr props, const std::string& id, ActorCell* parent) {
  if (id.size() > kIdBytesMax) {
    return Error{Errc::invalid_argument,
                 "the actor's name with those of its parents has " + std::to_string(id.size()) +
                     " bytes, at most " + std::to_string(kIdBytesMax) + " are allowed",
                 "INVALID_ID"};
  }
  // What is told of each message must see each.
  const std::uint32_t user_count_max =
      props->mailbox_middleware.empty() ? mailbox_limit(*props) : 0;
  const std::optional<std::uint8_t> dispatcher = dispatcher_for(*props);
  if (!dispatcher) {
    return Error{Errc::resource_exhausted,
                 "the actor's dispatcher cannot start: the node is stopping, has no thread to "
                 "spare or has " +
                     std::to_string(kDispatcherCountMax) + " dispatchers already",
                 "OVERLOADED"};
  }
  ActorCell* cell = cells_.take(std::move(props), parent, id);
  if (cell == nullptr) {
    return Error{Errc::resource_exhausted,
                 "the node hosts core.actor_count_max = " +
                     std::to_string(options_.cells.actor_count_max) + " actors already",
                 "OVERLOADED"};
  }
  const Pid pid = Pid::of_cell(*cell, cell->generation());
  Worker* worker = Worker::current_of(*this);
  if (*dispatcher != 0 || (worker != nullptr && !worker->may_claim())) worker = nullptr;
  Dispatcher& runner = *dispatchers_[*dispatcher];
  if (!runner.admit(*cell)) {
    cell->end_unborn();
    cells_.give_back(*cell);
    return Error{Errc::resource_exhausted, "the actor's dispatcher has no thread for one more",
                 "OVERLOADED"};
  }
  cell->mailbox().start_life(worker == nullptr ? kQueued : worker->id(), user_count_max,
                             *dispatcher, cell->props().mailbox_overflow);
  if (parent == nullptr && !guardian_->adopt()) {
    runner.dismiss(*cell);
    cell->end_unborn();
    cells_.give_back(*cell);
    return Error{Errc::unavailable, "the node is shutting down", "DRAINING"};
  }
  if (!id.empty() && !registry_.add_actor(pid)) {
    if (parent == nullptr) guardian_->abandon();
    runner.dismiss(*cell);
    cell->end_unborn();
    cells_.give_back(*cell);
    return Error{Errc::already_exists, "an actor named \"" + id + "\" exists on this node",
                 "ACTOR_EXISTS"};
  }
  if (worker == nullptr) {
    runner.schedule(*cell);
  } else {
    worker->run_later(*cell);
  }
  return pid;
}

void ActorSystem::direct(const Pid& child, const Verdict& verdict) {
  switch (verdict.directive) {
    case Directive::resume:
      registry_.send_system(child, make_envelope(Resume{}));
      break;
    case Directive::restart:
      if (verdict.delay <= Duration::zero()) {
        registry_.send_system(child, make_envelope(Restart{}));
      } else {
        // Another failure may have it restarted before.
        timers_.schedule(deadline_after(clock().now(), verdict.delay),
                         [this, child, restart = Restart{child.cell()->restart_count()}] {
                           registry_.send_system(child, make_envelope(restart));
                         });
      }
      break;
    case Directive::stop:
    case Directive::escalate:
      stop(child);
      break;
  }
}

Future ActorSystem::request_envelope(const Pid& target, EnvelopePtr envelope, Duration timeout) {
  Pid sender;
  return open_request(target, std::move(envelope), timeout, nullptr, &sender);
}

Answer ActorSystem::ask_envelope(const Pid& target, EnvelopePtr envelope, Duration timeout) {
  Dispatcher* loop = loop_of_this_thread();
  Pid sender;
  Future future = open_request(target, std::move(envelope), timeout, loop, &sender);
  while (loop != nullptr && !future.is_done()) {
    if (!loop->run_instead_of_waiting(Instant::max())) (void)futures_.cancel(sender);
  }
  return std::move(future).wait();
}

Future ActorSystem::open_request(const Pid& target, EnvelopePtr envelope, Duration timeout,
                                 Dispatcher* loop, Pid* opened) {
  Promise promise;
  Future future = promise.future();
  const Pid sender = futures_.open(
      deadline_after(clock().now(), timeout),
      [promise = std::move(promise), loop](Answer answer) mutable {
        promise.complete(std::move(answer));
        if (loop != nullptr) loop->poke();
      },
      false, target);
  *opened = sender;
  if (sender) {
    envelope->set_sender(sender);
    envelope->set_wants_notices(true);
    (void)registry_.send_user(target, std::move(envelope));
  }
  return future;
}

Timers::Id ActorSystem::schedule_envelope(Duration delay, const Pid& target, EnvelopePtr message) {
  return timers_.schedule(deadline_after(clock().now(), delay),
                          [this, target, message = std::move(message)]() mutable {
                            (void)registry_.send_user(target, std::move(message));
                          });
}

// A watcher of its own: it sees the end of an actor of any node, and its absence.
Future ActorSystem::end_of(const Pid& target, Duration timeout, bool at_once) {
  struct Wait {
    Promise promise;
    bool is_over = false;
  };
  const auto wait = std::make_shared<Wait>();
  Future future = wait->promise.future();
  const auto end = [wait](Context& context, Answer answer) {
    // Its time may be over before the watcher has stopped.
    if (std::exchange(wait->is_over, true)) return;
    wait->promise.complete(std::move(answer));
    context.stop(context.self());
  };
  Props watcher = props_of([=](Context& context) {
    if (context.message<Started>() != nullptr) {
      context.watch(target);
      if (at_once) {
        context.stop(target);
      } else {
        context.poison(target);
      }
      context.set_receive_timeout(std::max(timeout, Duration(1)));
    } else if (const auto* terminated = context.message<Terminated>()) {
      end(context, {.outcome = Answer::Outcome::answered, .message = make_envelope(*terminated)});
    } else if (context.message<ReceiveTimeout>() != nullptr) {
      end(context, {.outcome = Answer::Outcome::deadline});
    }
  });
  watcher.system = true;
  if (Result<Pid> spawned = spawn(share(std::move(watcher))); !spawned.ok()) {
    wait->promise.complete(
        {.outcome = Answer::Outcome::cancelled, .detail = spawned.error().detail});
  }
  return future;
}

Future ActorSystem::stop_future(const Pid& target, Duration timeout) {
  return end_of(target, timeout, true);
}

Future ActorSystem::poison_future(const Pid& target, Duration timeout) {
  return end_of(target, timeout, false);
}

}  // namespace nexus::core
