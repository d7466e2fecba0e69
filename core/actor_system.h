// ActorSystem: the actor runtime of one node. Owns workers, timers, registry, futures, dead letters and all actors.
//
//   all calls   any thread, unless said otherwise
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/actor/cell_table.h"
#include "core/actor/context.h"
#include "core/actor/props.h"
#include "core/base/lifeline.h"
#include "core/base/log.h"
#include "core/base/result.h"
#include "core/base/type_map.h"
#include "core/dispatch/dispatcher.h"
#include "core/process/dead_letters.h"
#include "core/process/event_stream.h"
#include "core/process/future.h"
#include "core/process/futures.h"
#include "core/process/process_registry.h"
#include "core/telemetry/runtime_telemetry.h"
#include "core/time/timers.h"

namespace nexus::core {

class GuestWorkers;
class Guardian;

class ActorSystem {
 public:
  struct Options {
    // `host:port` by which peers reach this node.
    std::string address = "nonhost";
    // Worker threads; 0 = one per processor.
    std::uint32_t worker_count = 0;
    // User messages that an actor handles before the next one gets its turn; >= 1.
    std::uint32_t throughput = 300;
    // How long a worker that has nothing to do looks around, with a processor of its own, before it sleeps; >= 0. Waking it
    // up takes tens of microseconds.
    Duration spin = std::chrono::microseconds(50);
    // Default limit of a mailbox; >= 1.
    std::uint32_t mailbox_user_count_max = 1'000'000;
    // What the guardian does about actors without a parent whose Props do not say.
    std::shared_ptr<const SupervisionStrategy> guardian_strategy =
        std::make_shared<OneForOneStrategy>();
    CellTable::Options cells{};
    FutureTable::Options futures{};
    DeadLetters::Options dead_letters{};
    Log log{};
    // Runs the actors whose Props name no dispatcher; null = a work-stealing pool of worker_count threads.
    std::shared_ptr<DispatcherFactory> dispatcher{};
    // By which timeouts, schedules, deadlines and delays of actors and asks go; null = the real time. Threads, locks, the patience
    // of stop_actors() and shutdown(), and links to other nodes go by the real time in any case, so that only a system
    // without links may have another. For tests: core/testing/manual_clock.h.
    std::shared_ptr<Clock> clock{};
  };
  // Dispatchers that a system may have, its own included.
  static constexpr std::size_t kDispatcherCountMax = 64;

  // Starts the threads.
  explicit ActorSystem(Options options);
  // shutdown() with no patience, if it was not called.
  ~ActorSystem();
  ActorSystem(const ActorSystem&) = delete;
  ActorSystem& operator=(const ActorSystem&) = delete;

  const std::string& address() const { return registry_.address(); }
  const Options& options() const { return options_; }
  const Log& log() const { return options_.log; }
  const Clock& clock() const { return *options_.clock; }
  ProcessRegistry& registry() { return registry_; }
  DeadLetters& dead_letters() { return dead_letters_; }
  EventStream& events() { return events_; }
  FutureTable& futures() { return futures_; }
  Timers& timers() { return timers_; }
  CellTable& cells() { return cells_; }
  RuntimeTelemetry& telemetry() { return telemetry_; }
  Dispatcher& dispatcher() { return *dispatchers_[0]; }

  // An actor without a parent. About its failures the guardian decides, by Props::guardian_strategy or else by
  // Options::guardian_strategy; what would be escalated is stopped.
  Result<Pid> spawn(PropsPtr props);
  // `name`: 1 to 256 bytes of UTF-8 without control characters, '/' and '$'; ALREADY_EXISTS when taken.
  Result<Pid> spawn_named(PropsPtr props, const std::string& name);
  // For the node's own actors: any id, e.g. `activator`. A second name of the same actor is added with registry().add().
  Result<Pid> spawn_system(PropsPtr props, const std::string& id);

  template <typename T>
  Delivered send(const Pid& target, T message) {
    return registry_.send_user(target, make_envelope(std::move(message)));
  }
  void stop(const Pid& target) { registry_.send_system(target, make_envelope(Stop{})); }
  void poison(const Pid& target) { (void)send(target, PoisonPill{}); }
  // Sends and waits. For foreign threads: a worker that waits here stalls its actors, but that of a SingleThread runs them
  // meanwhile; there the ask is `cancelled` when SingleThread::kNestedMax turns wait inside each other.
  template <typename T>
  Answer ask(const Pid& target, T message, Duration timeout) {
    return ask_envelope(target, make_envelope(std::move(message)), timeout);
  }
  Answer ask_envelope(const Pid& target, EnvelopePtr envelope, Duration timeout);
  // Sends; the answer, or why there is none, comes in the Future.
  template <typename T>
  Future request(const Pid& target, T message, Duration timeout) {
    return request_envelope(target, make_envelope(std::move(message)), timeout);
  }
  Future request_envelope(const Pid& target, EnvelopePtr envelope, Duration timeout);

  // Stops the actor, and answers with its Terminated when it has stopped, or was not there (any more). An actor of another node,
  // too.
  Future stop_future(const Pid& target, Duration timeout);
  // The same when it has handled what is in its mailbox.
  Future poison_future(const Pid& target, Duration timeout);

  // Sends after `delay`, on the timer thread. False from cancel_schedule(): it has been sent.
  template <typename T>
  Timers::Id schedule_once(Duration delay, const Pid& target, T message) {
    return schedule_envelope(delay, target, make_envelope(std::move(message)));
  }
  Timers::Id schedule_envelope(Duration delay, const Pid& target, EnvelopePtr message);
  bool cancel_schedule(Timers::Id id) { return timers_.cancel(id); }

  // For code that may run on other threads after the system has ended.
  const std::shared_ptr<Lifeline>& lifeline() const { return lifeline_; }

  // What parts of a program keep for all actors of this system.
  SharedTypeMap& extensions() { return extensions_; }

  // Stops all actors, children first, and waits for them up to `patience`; no root actor can be spawned afterwards. False when
  // some had not stopped by then; calling again waits again. Not from an actor.
  bool stop_actors(Duration patience);
  // stop_actors(), then ends the threads. False when some actor had not stopped or some worker was still in a turn: the
  // destructor then waits for that turn. Once, not from an actor.
  bool shutdown(Duration patience);

  // Ends the threads of all dispatchers, as Dispatcher::stop(). Idempotent; no actor runs any more.
  bool stop_dispatchers(Instant deadline);

  // Used by dispatchers and mailboxes.
  std::uint32_t mailbox_limit(const Props& props) const {
    return props.mailbox_user_count_max != 0 ? props.mailbox_user_count_max
                                             : options_.mailbox_user_count_max;
  }
  OwnerId take_worker_id();
  const std::shared_ptr<GuestWorkers>& guest_workers() const { return guest_workers_; }
  // The owner of the cell's mailbox, or who found it idle.
  Dispatcher& dispatcher_of(ActorCell& cell) { return *dispatchers_[cell.mailbox().dispatcher()]; }
  // The dispatcher whose cells the calling thread runs, where it is a SingleThread's; null on all other threads.
  Dispatcher* loop_of_this_thread();
  // Wakes the threads that run such loops while they wait for something.
  void poke_loops();

  // Used by Context and by supervisors: has a failed child do what was decided, escalation excepted.
  void direct(const Pid& child, const Verdict& verdict);
  Result<Pid> spawn_actor(PropsPtr props, const std::string& id, ActorCell* parent);
  Pid guardian_pid() const;
  static Status check_name(const std::string& name);

 private:
  Future end_of(const Pid& target, Duration timeout, bool at_once);
  Future open_request(const Pid& target, EnvelopePtr envelope, Duration timeout, Dispatcher* loop,
                      Pid* opened);
  // Its index; nothing when there are too many or the system has stopped.
  std::optional<std::uint8_t> dispatcher_for(const Props& props);

  const Options options_;
  std::atomic<std::uint32_t> worker_count_{0};
  EventStream events_;
  ProcessRegistry registry_;
  DeadLetters dead_letters_;
  Timers timers_;
  FutureTable futures_;
  CellTable cells_;
  RuntimeTelemetry telemetry_;
  std::unique_ptr<Guardian> guardian_;
  const std::shared_ptr<GuestWorkers> guest_workers_;

  // Taken by the spawn of actors that are bound to a dispatcher, and by stop.
  Mutex dispatchers_mutex_{"dispatchers"};
  // Whose dispatcher has which index; null for the system's own.
  std::vector<std::shared_ptr<DispatcherFactory>> factories_ GUARDED_BY(dispatchers_mutex_);
  bool dispatchers_stopped_ GUARDED_BY(dispatchers_mutex_) = false;
  // Places below the count never change.
  std::atomic<std::size_t> dispatcher_count_{0};
  std::array<std::unique_ptr<Dispatcher>, kDispatcherCountMax> dispatchers_;
  bool stopped_ = false;
  const std::shared_ptr<Lifeline> lifeline_ = std::make_shared<Lifeline>();
  SharedTypeMap extensions_;
};

}  // namespace nexus::core
