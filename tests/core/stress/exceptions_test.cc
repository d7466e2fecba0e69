// User code that throws, from every place where the runtime calls it: the actor system goes on, and no message is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/routing/router.h"
#include "core/routing/routing_key.h"
#include "tests/support/conservation.h"
#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Do;
using test::Done;
using test::eventually;
using test::Fail;
using test::kPatience;
using test::Number;
using test::TestSystem;

constexpr int kRounds = 200;

// Every second one is no std::exception.
[[noreturn]] void throw_something(int round) {
  if (round % 2 == 0) throw std::runtime_error("thrown on purpose");
  throw round;
}

class Exceptions : public testing::Test {
 protected:
  Exceptions() {
    Props props = test::steered(std::make_shared<test::Diary>());
    props.strategy = std::make_shared<AlwaysRestartStrategy>();
    parent_ = system_.spawn(std::move(props));
  }
  ~Exceptions() override { test::expect_conserved(*system_); }

  // Of an actor that is restarted whenever it fails.
  Pid spawn(Props props) { return system_.spawn_child(parent_, std::move(props)); }
  // The runtime still does what it is there for.
  void expect_alive() {
    const Pid echo = system_.spawn(props_of([](Context& context) {
      if (const auto* number = context.message<Number>()) context.respond(Number{number->value});
    }));
    const Answer answer = system_->ask(echo, Number{7}, kPatience);
    ASSERT_EQ(answer.outcome, Answer::Outcome::answered);
    EXPECT_EQ(answer.message->get<Number>()->value, 7);
  }
  bool restarted(const Pid& actor, std::uint32_t count) {
    return eventually([&] { return actor.cell()->restart_count() == count; });
  }

  TestSystem system_;
  Pid parent_;
};

TEST_F(Exceptions, FromTheProducer) {
  std::atomic<int> made{0};
  const Pid actor = spawn(Props([&made]() -> std::unique_ptr<Actor> {
    if (const int round = made.fetch_add(1); round < kRounds) throw_something(round);
    return std::make_unique<test::SteeredActor>(std::make_shared<test::Diary>());
  }));
  ASSERT_TRUE(restarted(actor, kRounds));
  (void)system_->send(actor, Done{});
  expect_alive();
}

TEST_F(Exceptions, FromTheHandlerOfAMessage) {
  const Pid actor = spawn(props_of([](Context& context) {
    if (const auto* number = context.message<Number>()) throw_something(number->value);
  }));
  for (int i = 0; i < kRounds; ++i) (void)system_->send(actor, Number{i});
  ASSERT_TRUE(restarted(actor, kRounds));
  expect_alive();
}

// Those of the runtime, each in its turn.
template <typename Message>
Props throws_at(std::atomic<int>& thrown) {
  return props_of([&thrown](Context& context) {
    if (context.message<Message>() != nullptr && thrown.load() < kRounds) {
      throw_something(thrown.fetch_add(1));
    }
    if (const auto* fail = context.message<Fail>()) throw std::runtime_error(fail->why);
  });
}

TEST_F(Exceptions, FromTheHandlerOfStarted) {
  std::atomic<int> thrown{0};
  const Pid actor = spawn(throws_at<Started>(thrown));
  ASSERT_TRUE(restarted(actor, kRounds));
  EXPECT_EQ(thrown.load(), kRounds);
  expect_alive();
}

TEST_F(Exceptions, FromTheHandlerOfRestarting) {
  std::atomic<int> thrown{0};
  const Pid actor = spawn(throws_at<Restarting>(thrown));
  for (int i = 0; i < kRounds; ++i) (void)system_->send(actor, Fail{"on purpose"});
  ASSERT_TRUE(restarted(actor, kRounds));
  EXPECT_EQ(thrown.load(), kRounds);
  expect_alive();
}

TEST_F(Exceptions, FromTheHandlersOfStoppingAndStopped) {
  std::atomic<int> stopping{0};
  std::atomic<int> stopped{0};
  for (int i = 0; i < kRounds; ++i) {
    const Pid first = spawn(throws_at<Stopping>(stopping));
    const Pid second = spawn(throws_at<Stopped>(stopped));
    (void)system_->send(first, Done{});
    system_->stop(first);
    system_->poison(second);
  }
  ASSERT_TRUE(eventually([&] { return stopping.load() == kRounds && stopped.load() == kRounds; }));
  ASSERT_TRUE(eventually([&] { return parent_.cell()->child_count() == 0; }));
  expect_alive();
}

TEST_F(Exceptions, FromTheHandlerOfTerminated) {
  std::atomic<int> heard{0};
  const Pid watcher = spawn(props_of([&heard](Context& context) {
    if (const auto* task = context.message<Do>()) task->run(context);
    if (context.message<Terminated>() != nullptr) throw_something(heard.fetch_add(1));
  }));
  for (int i = 0; i < kRounds; ++i) {
    const Pid watched = system_.spawn(props_of([](Context&) {}));
    system_.in_turn(watcher, [&](Context& context) { context.watch(watched); });
    system_->stop(watched);
  }
  ASSERT_TRUE(eventually([&] { return heard.load() == kRounds; }));
  ASSERT_TRUE(restarted(watcher, kRounds));
  expect_alive();
}

TEST_F(Exceptions, FromAStrategyAndFromItsDecider) {
  class Throws final : public SupervisionStrategy {
   public:
    Verdict decide(const Failure&, const RestartStatistics&, Instant) const override {
      throw_something(1);
    }
  };
  const auto by_itself = std::make_shared<Throws>();
  const auto by_decider = std::make_shared<OneForOneStrategy>(OneForOneStrategy::Options{
      .decider = [](const Failure&) -> Directive { throw_something(0); }});
  for (int i = 0; i < kRounds; ++i) {
    Props props = test::steered(std::make_shared<test::Diary>());
    if (i % 2 == 0) {
      props.strategy = by_itself;
    } else {
      props.strategy = by_decider;
    }
    const Pid parent = spawn(std::move(props));
    const Pid child = system_.spawn_child(parent, test::steered(std::make_shared<test::Diary>()));
    (void)system_->send(child, Fail{"on purpose"});
    system_.await_gone(child);
  }
  expect_alive();
}

TEST_F(Exceptions, FromAContinuation) {
  const Pid echo = system_.spawn(props_of([](Context& context) {
    if (context.message<Number>() != nullptr) context.respond(Done{});
  }));
  std::atomic<int> thrown{0};
  const Pid asker = spawn(props_of([&](Context& context) {
    if (context.message<Number>() == nullptr) return;
    context.ask(echo, Number{1}, kPatience,
                [&thrown](Context&, const Answer&) { throw_something(thrown.fetch_add(1)); });
  }));
  for (int i = 0; i < kRounds; ++i) {
    (void)system_->send(asker, Number{i});
    // An answer for the object before a restart is dropped.
    ASSERT_TRUE(restarted(asker, static_cast<std::uint32_t>(i + 1)));
  }
  EXPECT_EQ(thrown.load(), kRounds);
  expect_alive();
}

TEST_F(Exceptions, FromReadingAndWritingAPayload) {
  std::atomic<int> thrown{0};
  Props props = props_of([](Context& context) {
    if (const auto* number = context.message<Number>()) context.respond(Number{number->value});
  });
  props.read_payload = [&thrown](const Payload& payload) -> Result<EnvelopePtr> {
    if (payload.data == "reader") throw_something(thrown.fetch_add(1));
    return make_envelope(Number{1});
  };
  props.write_payload = [&thrown](const Envelope&, const std::string&) -> Result<Payload> {
    throw_something(thrown.fetch_add(1));
  };
  const Pid actor = spawn(std::move(props));
  for (int i = 0; i < kRounds; ++i) {
    const std::string what = i % 2 == 0 ? "reader" : "writer";
    const Answer answer = system_->ask(actor, Payload{{}, "text/plain", what}, kPatience);
    EXPECT_EQ(answer.outcome, Answer::Outcome::failed) << what;
  }
  ASSERT_TRUE(restarted(actor, kRounds));
  EXPECT_EQ(thrown.load(), kRounds);
  expect_alive();
}

TEST_F(Exceptions, FromAHandlerOfTheEventStream) {
  std::atomic<int> thrown{0};
  const auto subscription = system_->events().subscribe<DeadLetter>(
      [&thrown](const DeadLetter&) { throw_something(thrown.fetch_add(1)); });
  const Pid gone = system_.spawn(props_of([](Context&) {}));
  system_.stop(gone);
  // From this thread, and from an actor's turn.
  for (int i = 0; i < kRounds; ++i) (void)system_->send(gone, Number{i});
  system_.in_turn(parent_, [&](Context& context) {
    for (int i = 0; i < kRounds; ++i) context.send(gone, Number{i});
  });
  EXPECT_EQ(thrown.load(), 2 * kRounds);
  EXPECT_EQ(parent_.cell()->restart_count(), 0u);
  expect_alive();
}

TEST_F(Exceptions, FromTheKeyFunctionOfARouterAndFromItsRoutees) {
  std::atomic<int> keyed{0};
  std::atomic<int> handled{0};
  PoolOptions options;
  options.routing =
      consistent_hash_routing([&keyed](const Envelope&) -> std::optional<std::uint64_t> {
        const int round = keyed.fetch_add(1);
        if (round % 4 == 0) throw_something(round / 4);
        return mix64(static_cast<std::uint64_t>(round));
      });
  options.routee = share(props_of([&handled](Context& context) {
    if (context.message<Number>() != nullptr) throw_something(handled.fetch_add(1));
  }));
  options.routee_count = 4;
  options.strategy = std::make_shared<AlwaysRestartStrategy>();
  const Pid router = system_.spawn(pool_router(std::move(options)));
  for (int i = 0; i < kRounds; ++i) (void)system_->send(router, Number{i});
  ASSERT_TRUE(eventually([&] { return handled.load() == kRounds * 3 / 4; }));
  EXPECT_EQ(keyed.load(), kRounds);
  EXPECT_EQ(router.cell()->restart_count(), 0u);
  expect_alive();
}

}  // namespace
}  // namespace nexus::core
