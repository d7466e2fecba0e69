#include "core/mailbox/mailbox_middleware.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/dispatch/single_thread.h"
#include "tests/support/bound_actors.h"

namespace nexus::core {
namespace {

using test::Done;
using test::eventually;
using test::expect_conservation;
using test::Number;
using test::TestSystem;

class Notes final : public MailboxMiddleware {
 public:
  void mailbox_started(const Pid&) override { lines.emplace_back("started"); }
  void message_posted(const Pid&, const Envelope& envelope) override {
    lines.push_back("posted " + value(envelope));
  }
  void message_received(const Pid&, const Envelope& envelope) override {
    lines.push_back("received " + value(envelope));
  }
  void mailbox_empty(const Pid&) override { lines.emplace_back("empty"); }

  std::vector<std::string> lines;

 private:
  static std::string value(const Envelope& envelope) {
    const auto* number = envelope.get<Number>();
    return number == nullptr ? "other" : std::to_string(number->value);
  }
};

class Counts final : public MailboxMiddleware {
 public:
  void message_posted(const Pid&, const Envelope&) override { ++posted; }
  void message_received(const Pid&, const Envelope&) override { ++received; }
  void mailbox_empty(const Pid&) override { ++empty; }

  std::atomic<std::uint64_t> posted{0};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> empty{0};
};

Props with(std::shared_ptr<MailboxMiddleware> middleware, Props props) {
  props.mailbox_middleware.push_back(std::move(middleware));
  return props;
}

TEST(MailboxMiddleware, IsToldOfStartPostReceiveAndEmpty) {
  auto thread = std::make_shared<SingleThread>();
  auto notes = std::make_shared<Notes>();
  TestSystem system({.dispatcher = thread});
  const Pid actor = system.spawn(with(notes, props_of([](Context& context) {
                                        const auto* number = context.message<Number>();
                                        if (number != nullptr && number->value == 2) {
                                          context.send(context.self(), Number{3});
                                        }
                                      })));
  thread->run_until_idle();
  (void)system->send(actor, Number{1});
  (void)system->send(actor, Number{2});
  thread->run_until_idle();
  EXPECT_EQ(notes->lines,
            (std::vector<std::string>{"started", "empty", "posted 1", "posted 2", "received 1",
                                      "received 2", "posted 3", "received 3", "empty"}));
}

TEST(MailboxMiddleware, IsNotToldOfWhatIsTurnedAway) {
  auto thread = std::make_shared<SingleThread>();
  auto counts = std::make_shared<Counts>();
  TestSystem system({.dispatcher = thread});
  Props props = with(counts, props_of([](Context&) {}));
  props.mailbox_user_count_max = 3;
  const Pid actor = system.spawn(std::move(props));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(system->send(actor, Number{i}), i < 3 ? Delivered::mailbox : Delivered::mailbox_full);
  }
  thread->run_until_idle();
  EXPECT_EQ(counts->posted.load(), 3u);
  EXPECT_EQ(counts->received.load(), 3u);
}

TEST(MailboxMiddleware, WhatItThrowsHarmsNobody) {
  class Throws final : public MailboxMiddleware {
    void mailbox_started(const Pid&) override { throw std::runtime_error("started"); }
    void message_posted(const Pid&, const Envelope&) override { throw 1; }
    void message_received(const Pid&, const Envelope&) override { throw 2; }
    void mailbox_empty(const Pid&) override { throw 3; }
  };
  TestSystem system;
  const Pid actor = system.spawn(with(std::make_shared<Throws>(), props_of([](Context& context) {
                                        if (context.message<Done>()) context.respond(Done{});
                                      })));
  EXPECT_EQ(system->ask(actor, Done{}, test::kPatience).outcome, Answer::Outcome::answered);
  EXPECT_EQ(actor.cell()->restart_count(), 0u);
}

TEST(MailboxMiddleware, SeesEachMessageOnceFromAllSides) {
  constexpr std::uint32_t kEach = 20'000;
  auto counts = std::make_shared<Counts>();
  TestSystem system({.worker_count = 2});
  std::vector<std::int64_t> last(3, -1);
  const Pid target = system.spawn(with(counts, props_of([&](Context& context) {
                                         const auto* item = context.message<test::Numbered>();
                                         if (item == nullptr) return;
                                         EXPECT_EQ(last[item->sender] + 1, item->number);
                                         last[item->sender] = item->number;
                                       })));
  (void)system->send(
      system.spawn(props_of([=, sent = std::make_shared<std::uint32_t>(0)](Context& context) {
        if (context.message<Done>() == nullptr) return;
        for (int i = 0; i < 50; ++i) context.send(target, test::Numbered{2, (*sent)++});
        if (*sent < kEach) context.send(context.self(), Done{});
      })),
      Done{});
  std::vector<std::thread> threads;
  for (std::uint32_t sender = 0; sender < 2; ++sender) {
    threads.emplace_back([&, sender] {
      for (std::uint32_t i = 0; i < kEach; ++i) {
        (void)system->send(target, test::Numbered{sender, i});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(eventually([&] { return counts->received.load() == 3 * kEach; }));
  EXPECT_EQ(counts->posted.load(), 3 * kEach);
  EXPECT_GE(counts->empty.load(), 1u);
  expect_conservation(*system);
}

// Posts to actors that end at that moment.
TEST(MailboxMiddleware, OutlivesItsActors) {
  auto counts = std::make_shared<Counts>();
  TestSystem system({.worker_count = 2});
  const PropsPtr props = test::share(with(counts, props_of([](Context&) {})));
  std::atomic<bool> over{false};
  Mutex mutex{"mailbox_middleware_test"};
  Pid current = *system->spawn(props);
  std::thread sender([&] {
    while (!over.load()) {
      Pid target;
      {
        const MutexLock lock(mutex);
        target = current;
      }
      (void)system->send(target, Done{});
    }
  });
  for (int i = 0; i < 500; ++i) {
    const Pid next = *system->spawn(props);
    Pid before;
    {
      const MutexLock lock(mutex);
      before = std::exchange(current, next);
    }
    system->stop(before);
  }
  over.store(true);
  sender.join();
  expect_conservation(*system);
}

}  // namespace
}  // namespace nexus::core
