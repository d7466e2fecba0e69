#include "core/testing/test_probe.h"

#include "core/actor_system.h"
#include "core/base/mutex.h"
#include "core/base/user_code.h"

namespace nexus::core {
namespace {

std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         " ms";
}

std::string describe(const Envelope& envelope) {
  const Pid& sender = envelope.sender();
  return envelope.type().name() + (sender ? " from " + sender.to_string() : "");
}

}  // namespace

// Messages between the actor and the test.
class TestProbe::Inbox {
 public:
  explicit Inbox(std::size_t count_max) : count_max_(count_max) {}

  // The actor. False when it is full.
  [[nodiscard]] bool has_room() {
    const MutexLock lock(mutex_);
    overflowed_ = overflowed_ || count_ >= count_max_;
    return count_ < count_max_;
  }
  void put(EnvelopePtr envelope) {
    const MutexLock lock(mutex_);
    messages_.push_back(std::move(envelope));
    ++count_;
    changed_.notify_one();
  }

  // The test. Null when none came up to `deadline`.
  EnvelopePtr take(Instant deadline) {
    const SteadyClock clock;
    const MutexLock lock(mutex_);
    if (std::exchange(overflowed_, false)) {
      throw ExpectationFailed("messages were dropped, because " + std::to_string(count_max_) +
                              " waited already");
    }
    while (messages_.empty()) {
      if (clock.now() >= deadline) return nullptr;
      changed_.wait_until(mutex_, deadline);
    }
    --count_;
    return messages_.pop_front();
  }

 private:
  const std::size_t count_max_;
  Mutex mutex_{"test_probe"};
  CondVar changed_;
  EnvelopeList messages_ GUARDED_BY(mutex_);
  std::size_t count_ GUARDED_BY(mutex_) = 0;
  bool overflowed_ GUARDED_BY(mutex_) = false;
};

// What the test wants done in the actor's turn.
struct TestProbe::Turn {
  struct Outcome {
    Mutex mutex{"test_probe_turn"};
    CondVar changed;
    bool done GUARDED_BY(mutex) = false;
    std::optional<std::string> failure GUARDED_BY(mutex);
  };
  std::function<void(Context&)> task;
  std::shared_ptr<Outcome> outcome;
};

class TestProbe::ProbeActor final : public Actor {
 public:
  explicit ProbeActor(std::shared_ptr<Inbox> inbox) : inbox_(std::move(inbox)) {}

  void receive(Context& context) override {
    if (auto* turn = context.message<Turn>()) {
      run(*turn, context);
    } else if (!is_own_life(context) && inbox_->has_room()) {
      inbox_->put(context.take_message());
    }
  }

 private:
  static bool is_own_life(Context& context) {
    return context.message<Started>() != nullptr || context.message<Restarting>() != nullptr ||
           context.message<Stopping>() != nullptr || context.message<Stopped>() != nullptr;
  }
  static void run(Turn& turn, Context& context) {
    // The task may forward the message that it is in.
    const Turn own = std::move(turn);
    auto failure = failure_of([&] { own.task(context); });
    const MutexLock lock(own.outcome->mutex);
    own.outcome->failure = std::move(failure);
    own.outcome->done = true;
    own.outcome->changed.notify_one();
  }

  const std::shared_ptr<Inbox> inbox_;
};

TestProbe::TestProbe(ActorSystem& system, Options options)
    : system_(system),
      options_(std::move(options)),
      inbox_(std::make_shared<Inbox>(options_.message_count_max)) {
  const PropsPtr props = share(Props([inbox = inbox_]() -> std::unique_ptr<Actor> {
    return std::make_unique<ProbeActor>(inbox);
  }));
  Result<Pid> spawned =
      options_.name.empty() ? system_.spawn(props) : system_.spawn_named(props, options_.name);
  if (!spawned.ok()) throw ExpectationFailed("no probe: " + spawned.error().detail);
  pid_ = std::move(*spawned);
}

TestProbe::~TestProbe() { system_.stop(pid_); }

TestProbe::Wait TestProbe::wait_of(std::optional<Duration> within) const {
  const Duration length = within.value_or(options_.patience);
  return {length, deadline_after(SteadyClock().now(), length)};
}

EnvelopePtr TestProbe::next(const Wait& wait, std::string_view expected) {
  // Waiting here would stall the worker's actors, the probe perhaps among them.
  CHECK(Worker::current() == nullptr);
  EnvelopePtr envelope = inbox_->take(wait.end);
  if (envelope == nullptr) {
    throw ExpectationFailed("expected " + std::string(expected) + ", but nothing came within " +
                            in_ms(wait.length));
  }
  last_sender_ = envelope->sender();
  last_headers_ = envelope->headers();
  return envelope;
}

EnvelopePtr TestProbe::next_of(const MessageType& type, const Wait& wait) {
  EnvelopePtr envelope = next(wait, type.name());
  if (&envelope->type() != &type) {
    throw ExpectationFailed("expected " + type.name() + ", but " + describe(*envelope) + " came");
  }
  return envelope;
}

EnvelopePtr TestProbe::expect_any(std::optional<Duration> within) {
  return next(wait_of(within), "a message");
}

Terminated TestProbe::expect_terminated(const Pid& who, std::optional<Duration> within) {
  const Terminated terminated = expect_message<Terminated>(within);
  if (terminated.who != who) {
    throw ExpectationFailed("expected the end of " + who.to_string() + ", but that of " +
                            terminated.who.to_string() + " came");
  }
  return terminated;
}

EnvelopePtr TestProbe::fish(const MessageType& type, const Wait& wait,
                            const std::function<bool(const Envelope&)>& wanted) {
  std::size_t other_count = 0;
  for (;;) {
    EnvelopePtr envelope = next(wait, "a certain " + type.name() + " after " +
                                          std::to_string(other_count) + " other messages");
    if (wanted(*envelope)) return envelope;
    ++other_count;
  }
}

void TestProbe::expect_no_message(Duration within) {
  CHECK(Worker::current() == nullptr);
  const EnvelopePtr envelope = inbox_->take(wait_of(within).end);
  if (envelope == nullptr) return;
  throw ExpectationFailed("expected no message, but " + describe(*envelope) + " came");
}

void TestProbe::in_turn(std::function<void(Context&)> task) {
  CHECK(Worker::current() == nullptr);
  const auto outcome = std::make_shared<Turn::Outcome>();
  (void)system_.send(pid_, Turn{std::move(task), outcome});
  const SteadyClock clock;
  const Instant end = wait_of({}).end;
  const MutexLock lock(outcome->mutex);
  while (!outcome->done) {
    if (clock.now() >= end) {
      throw ExpectationFailed("the probe did not get to its turn within " +
                              in_ms(options_.patience));
    }
    outcome->changed.wait_until(outcome->mutex, end);
  }
  if (outcome->failure) throw ExpectationFailed("in the probe's turn: " + *outcome->failure);
}

void TestProbe::watch(const Pid& target) {
  in_turn([target](Context& context) { context.watch(target); });
}

void TestProbe::unwatch(const Pid& target) {
  in_turn([target](Context& context) { context.unwatch(target); });
}

void TestProbe::send_envelope(const Pid& target, EnvelopePtr envelope, const Pid& sender) {
  envelope->set_sender(sender);
  (void)system_.registry().send_user(target, std::move(envelope));
}

}  // namespace nexus::core
