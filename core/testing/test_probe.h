// TestProbe: an actor that a test plays from its own thread: it waits for messages, looks at them and answers.
//
//   all calls   the test's thread, never an actor's turn; one thread at a time
//
// O1  Messages come out in the order in which they reached the actor, its own lifecycle messages excepted. PoisonPill and Touch do
//     what they do to any actor.
// O2  An expectation takes the messages that it looks at, also one that does not fit.
// O3  An expectation that is not met throws ExpectationFailed: every test framework shows its text and ends the test.
// O4  At most message_count_max messages wait. One more is dropped, and the next expectation says so.
//
//   TestProbe probe(system);
//   probe.request(account, Withdraw{10});
//   EXPECT_EQ(probe.expect_message<Balance>().amount, 90);
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "core/actor/envelope.h"
#include "core/actor/messages.h"
#include "core/actor/pid.h"
#include "core/base/clock.h"

namespace nexus::core {

class ActorSystem;
class Context;

class ExpectationFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class TestProbe {
 public:
  struct Options {
    // How long an expectation waits that is not told otherwise; far beyond what a loaded machine needs.
    Duration patience = std::chrono::seconds(30);
    std::size_t message_count_max = 100'000;
    // Of the actor; empty = unnamed.
    std::string name{};
  };

  explicit TestProbe(ActorSystem& system) : TestProbe(system, Options{}) {}
  // Throws ExpectationFailed when the actor cannot be spawned.
  TestProbe(ActorSystem& system, Options options);
  // Stops the actor.
  ~TestProbe();
  TestProbe(const TestProbe&) = delete;
  TestProbe& operator=(const TestProbe&) = delete;

  const Pid& pid() const { return pid_; }

  // The next message, which is a T.
  template <typename T>
  T expect_message(std::optional<Duration> within = {}) {
    return take<T>(next_of(message_type<T>(), wait_of(within)));
  }
  // The next message, whatever it is.
  EnvelopePtr expect_any(std::optional<Duration> within = {});
  // The next message is a Terminated of `who`.
  Terminated expect_terminated(const Pid& who, std::optional<Duration> within = {});
  // The first message that is a T and `wanted`; those before it are thrown away.
  template <typename T>
  T fish_for_message(const std::function<bool(const T&)>& wanted = {},
                     std::optional<Duration> within = {}) {
    return take<T>(fish(message_type<T>(), wait_of(within), [&](const Envelope& envelope) {
      const T* message = envelope.get<T>();
      return message != nullptr && (!wanted || wanted(*message));
    }));
  }
  // Nothing waits, and nothing comes for so long. This one always takes its time.
  void expect_no_message(Duration within);

  // Of the message that an expectation took last; empty when it had none, or there was no message yet.
  const Pid& last_sender() const { return last_sender_; }
  const Headers& last_headers() const { return last_headers_; }
  // Answers the last sender, as Context::respond() does.
  template <typename T>
  void reply(T message) {
    send_envelope(last_sender_, make_envelope(std::move(message)), Pid{});
  }

  template <typename T>
  void send(const Pid& target, T message) {
    send_envelope(target, make_envelope(std::move(message)), Pid{});
  }
  // Sends with the probe as sender: answers come to it.
  template <typename T>
  void request(const Pid& target, T message) {
    send_envelope(target, make_envelope(std::move(message)), pid_);
  }

  // Does something in the probe's own turn, as an actor does it, and waits until it is done: context.spawn(), for example.
  // Throws ExpectationFailed when `task` throws.
  void in_turn(std::function<void(Context&)> task);
  // From here on expect_terminated() sees its end.
  void watch(const Pid& target);
  void unwatch(const Pid& target);

 private:
  class Inbox;
  class ProbeActor;
  struct Turn;

  // How long an expectation waits, and until when.
  struct Wait {
    Duration length;
    Instant end;
  };
  Wait wait_of(std::optional<Duration> within) const;
  EnvelopePtr next(const Wait& wait, std::string_view expected);
  EnvelopePtr next_of(const MessageType& type, const Wait& wait);
  EnvelopePtr fish(const MessageType& type, const Wait& wait,
                   const std::function<bool(const Envelope&)>& wanted);
  void send_envelope(const Pid& target, EnvelopePtr envelope, const Pid& sender);

  template <typename T>
  static T take(EnvelopePtr envelope) {
    return std::move(*envelope->get<T>());
  }

  ActorSystem& system_;
  const Options options_;
  // Shared with the actor, which may live a little longer.
  const std::shared_ptr<Inbox> inbox_;
  Pid pid_;
  Pid last_sender_;
  Headers last_headers_;
};

}  // namespace nexus::core
