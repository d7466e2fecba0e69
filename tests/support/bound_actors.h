// What every dispatcher keeps that actors are bound to, whatever its threads are.
//
//   all calls   the test's thread
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/test_system.h"

namespace nexus::test {

// Tries again while the dispatcher has no place.
inline core::Result<core::Pid> spawn_patiently(TestSystem& system, core::Props props) {
  const core::PropsPtr shared = share(std::move(props));
  core::Result<core::Pid> spawned = system->spawn(shared);
  EXPECT_TRUE(eventually([&] {
    if (!spawned.ok()) spawned = system->spawn(shared);
    return spawned.ok();
  }));
  return spawned;
}

// User messages that wait.
inline std::uint64_t waiting_count(core::ActorSystem& system) {
  std::uint64_t count = 0;
  for (const core::Pid& actor : system.cells().live(0, SIZE_MAX)) {
    count += actor.cell()->mailbox_count();
  }
  return count;
}

inline void expect_conservation(core::ActorSystem& system) {
  core::ProcessRegistry::Counters counters{};
  EXPECT_TRUE(eventually([&] {
    counters = system.registry().counters();
    return counters.accepted == counters.processed + counters.dead_lettered +
                                    counters.taken_by_processes + counters.forwarded +
                                    waiting_count(system);
  })) << counters.accepted
      << " accepted, " << counters.processed << " processed, " << counters.dead_lettered
      << " dead letters, " << counters.taken_by_processes << " taken, " << waiting_count(system)
      << " waiting";
}

struct Numbered {
  std::uint32_t sender;
  std::uint32_t number;
};

// Senders of all sorts of threads at one bound actor: each one's messages arrive in order, a system message before them, on one
// thread at a time, and the law of conservation holds.
inline void expect_order_and_conservation(std::shared_ptr<core::DispatcherFactory> dispatcher) {
  constexpr std::uint32_t kEach = 4'000;
  constexpr std::uint32_t kActors = 3;
  constexpr std::uint32_t kThreads = 2;
  constexpr std::uint32_t kBound = 2;
  constexpr std::uint32_t kSenders = kActors + kThreads + kBound;
  std::atomic<int> inside{0};
  std::atomic<std::uint32_t> arrived{0};
  std::vector<std::uint32_t> next(kSenders);
  {
    TestSystem system({.worker_count = 2});
    core::Props target_props = core::props_of([&](core::Context& context) {
      EXPECT_EQ(++inside, 1);
      if (const auto* item = context.message<Numbered>()) {
        EXPECT_EQ(item->number, next[item->sender]++);
        // Its own messages go another way than those of others.
        if (item->number % 64 == 0) context.send(context.self(), Done{});
        ++arrived;
      }
      --inside;
    });
    target_props.dispatcher = dispatcher;
    const core::Pid target = system.spawn(std::move(target_props));
    const auto producer = [&](std::uint32_t sender) {
      return core::props_of(
          [target, sender, sent = std::make_shared<std::uint32_t>(0)](core::Context& context) {
            if (context.message<Done>() == nullptr) return;
            for (int i = 0; i < 10 && *sent < kEach; ++i) {
              context.send(target, Numbered{sender, (*sent)++});
            }
            if (*sent < kEach) context.send(context.self(), Done{});
          });
    };
    for (std::uint32_t i = 0; i < kActors + kBound; ++i) {
      core::Props props = producer(i);
      if (i >= kActors) props.dispatcher = dispatcher;
      (void)system->send(system.spawn(std::move(props)), Done{});
    }
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, sender = kActors + kBound + t] {
        for (std::uint32_t i = 0; i < kEach; ++i) {
          (void)system->send(target, Numbered{sender, i});
          if (i % 100 == 0) {
            // A system message among them: who watches what is gone is told so.
            system->registry().send_system(target, core::make_envelope(core::Unwatch{target}));
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(eventually([&] { return arrived.load() == kSenders * kEach; }));
    expect_conservation(*system);
    EXPECT_TRUE(system->shutdown(kPatience));
  }
  for (const std::uint32_t number : next) EXPECT_EQ(number, kEach);
}

// Bound actors come, get messages from all sides, fail and go, again and again, with bound and unbound children.
inline void expect_churn(std::shared_ptr<core::DispatcherFactory> dispatcher) {
  TestSystem system({.worker_count = 2});
  std::atomic<std::uint32_t> stopped{0};
  constexpr std::uint32_t kRounds = 60;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    core::Props parent = core::props_of([&, round](core::Context& context) {
      if (context.message<core::Started>()) {
        for (std::uint32_t i = 0; i < 3; ++i) {
          core::Props child = core::props_of([&](core::Context& inner) {
            if (inner.message<core::Stopped>()) ++stopped;
            if (inner.message<Number>()) inner.send(inner.parent(), Done{});
            if (inner.message<Fail>()) throw std::runtime_error("asked for");
          });
          if ((round + i) % 2 == 0) child.dispatcher = dispatcher;
          const core::Result<core::Pid> pid = context.spawn(std::move(child));
          if (!pid.ok()) {
            ++stopped;
            continue;
          }
          for (int n = 0; n < 5; ++n) context.send(*pid, Number{n});
          context.send(*pid, Fail{});
          context.send(*pid, Number{5});
        }
      }
      if (context.message<core::Stopped>()) ++stopped;
    });
    if (round % 2 == 0) parent.dispatcher = dispatcher;
    const core::Pid pid = *spawn_patiently(system, std::move(parent));
    for (int n = 0; n < 20; ++n) (void)system->send(pid, Number{n});
    system->stop(pid);
  }
  EXPECT_TRUE(eventually([&] { return stopped.load() == kRounds * 4; }));
  expect_conservation(*system);
  EXPECT_TRUE(system->shutdown(kPatience));
}

}  // namespace nexus::test
