#include "core/process/process_registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/process/client_name.h"
#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::Diary;
using test::Done;
using test::eventually;
using test::expect_next;
using test::Number;
using test::steered;
using test::TestSystem;

// Takes what is sent to it and notes it.
class Recorder final : public Process, public ForeignRoute {
 public:
  explicit Recorder(std::string address) : address_(std::move(address)) {}

  void deliver(const Pid& target, EnvelopePtr envelope, Lane lane) override {
    note(target, "", *envelope, lane);
  }
  void deliver_foreign(const Pid& target, EnvelopePtr envelope, Lane lane) override {
    note(target, target.to_string() + " ", *envelope, lane);
  }
  const std::string& address() const override { return address_; }
  const std::string& id() const override { return id_; }

  Diary diary;

 private:
  void note(const Pid& pid, const std::string& target, const Envelope& envelope, Lane lane) {
    diary.push(target + (lane == Lane::user ? "user " : "system ") + envelope.type().name() + " " +
               std::to_string(pid.request_id()));
  }

  const std::string address_;
  const std::string id_ = "recorder";
};

TEST(ProcessRegistry, D3_ANameIsGivenOnce) {
  TestSystem system;
  ProcessRegistry& registry = system->registry();
  Recorder one(system->address());
  Recorder two(system->address());
  EXPECT_TRUE(registry.add("r", Pid::of_process(one)));
  EXPECT_FALSE(registry.add("r", Pid::of_process(two)));
  EXPECT_EQ(registry.find("r"), Pid::of_process(one));
  // Who does not own the name cannot remove it.
  registry.remove("r", Pid::of_process(two));
  EXPECT_EQ(registry.find("r"), Pid::of_process(one));
  registry.remove("r", Pid::of_process(one));
  EXPECT_TRUE(registry.find("r").empty());
  EXPECT_TRUE(registry.add("r", Pid::of_process(two)));
  registry.remove("r", Pid::of_process(two));
}

TEST(ProcessRegistry, ResolvesWhatLivesHereAndNamesTheRest) {
  TestSystem system({.address = "n1:1"});
  const Pid actor = system.spawn_named(steered(std::make_shared<Diary>()), "cart");
  const ProcessRegistry& registry = system->registry();
  EXPECT_TRUE(registry.resolve("n1:1", "cart").is_cell());
  EXPECT_EQ(registry.resolve("n1:1", "cart"), actor);
  EXPECT_TRUE(registry.resolve("n1:1", "nobody").is_record());
  EXPECT_TRUE(registry.resolve("n2:1", "cart").is_record());
  const auto names = registry.names();
  EXPECT_TRUE(std::any_of(names.begin(), names.end(),
                          [](const auto& name) { return name.first == "cart"; }));
}

TEST(ProcessRegistry, AProcessGetsBothLanesAndTheRequestId) {
  TestSystem system;
  Recorder recorder(system->address());
  ASSERT_TRUE(system->registry().add("recorder", Pid::of_process(recorder)));
  EXPECT_EQ(system->send(Pid::of_process(recorder).with_request_id(7), Number{1}),
            Delivered::process);
  EXPECT_EQ(system->send(Pid::of_name(system->address(), "recorder", 8), Number{1}),
            Delivered::process);
  system->stop(Pid::of_process(recorder));
  expect_next(recorder.diary, {"user nexus::test::Number 7", "user nexus::test::Number 8",
                               "system nexus::core::Stop 0"});
  EXPECT_EQ(system->registry().counters().taken_by_processes, 2u);
}

TEST(ProcessRegistry, WhatIsAddressedElsewhereTakesTheForeignRoute) {
  Recorder route("");
  TestSystem system({.address = "n1:1"});
  const Pid far = Pid::of_name("n2:1", "x");
  EXPECT_EQ(system->send(far, Number{1}), Delivered::dead_letter);
  system->registry().set_foreign_route(&route);
  EXPECT_EQ(system->send(far, Number{1}), Delivered::foreign);
  system->stop(far);
  expect_next(route.diary,
              {"n2:1/x user nexus::test::Number 0", "n2:1/x system nexus::core::Stop 0"});
  EXPECT_EQ(system->registry().counters().forwarded, 1u);
}

TEST(ProcessRegistry, AnActorOfAClientIsReachedThroughTheNodeThatItsPidNames) {
  Recorder route("");
  TestSystem system({.address = "n1:1"});
  ProcessRegistry& registry = system->registry();
  registry.set_foreign_route(&route);
  const Pid ours = Pid::of_name("n1:1", "$client/c/x/y");
  EXPECT_EQ(registry.resolve("$client/c", "x/y"), ours) << "as the client calls itself";
  EXPECT_EQ(registry.resolve("n1:1", "$client/c/x/y"), ours);
  EXPECT_EQ(system->send(ours, Number{1}), Delivered::foreign);
  EXPECT_EQ(system->send(Pid::of_name("n2:1", "$client/c/x"), Number{1}), Delivered::foreign);
  expect_next(route.diary, {"n1:1/$client/c/x/y user nexus::test::Number 0",
                            "n2:1/$client/c/x user nexus::test::Number 0"});
  for (const char* nobody : {"$client", "$client/", "$client/c", "$client/c/", "$client//x"}) {
    EXPECT_EQ(system->send(Pid::of_name("n1:1", nobody), Number{1}), Delivered::dead_letter)
        << nobody;
  }
}

TEST(ProcessRegistry, TheRouteOfARecord) {
  const auto route = [](const char* address, const char* id) {
    return std::string(route_of(*Pid::of_name(address, id).record(), "n1:1"));
  };
  EXPECT_EQ(route("n1:1", "x"), "");
  EXPECT_EQ(route("n1:1", "$client/c/x"), "$client/c");
  EXPECT_EQ(route("n1:1", "$client/c"), "");
  EXPECT_EQ(route("n2:1", "x"), "n2:1");
  EXPECT_EQ(route("n2:1", "$client/c/x"), "n2:1");
}

TEST(ProcessRegistry, AForeignWatcherIsToldByName) {
  Recorder route("");
  TestSystem system({.address = "n1:1"});
  system->registry().set_foreign_route(&route);
  const Pid actor = system.spawn(steered(std::make_shared<Diary>()));
  const std::string name = actor.id();
  system->registry().send_system(actor, make_envelope(Watch{Pid::of_name("n2:1", "w")}));
  system.stop(actor);
  expect_next(route.diary, {"n2:1/w user nexus::core::Terminated 0"});
  EXPECT_EQ(actor.id(), name);
}

TEST(ProcessRegistry, D2_MessagesByNameAndByHandleKeepTheOrderOfTheCalls) {
  std::atomic<int> next{0};
  std::atomic<int> disordered{0};
  TestSystem system;
  const Pid actor = system.spawn_named(props_of([&](Context& context) {
                                         const auto* number = context.message<Number>();
                                         if (number != nullptr && number->value != next++)
                                           ++disordered;
                                       }),
                                       "t");
  const Pid by_name = Pid::of_name(system->address(), "t");
  for (int i = 0; i < 10'000; ++i) (void)system->send(i % 2 == 0 ? actor : by_name, Number{i});
  EXPECT_TRUE(eventually([&] { return next.load() == 10'000; }));
  EXPECT_EQ(disordered.load(), 0);
}

TEST(ProcessRegistry, D3_ManyThreadsCompeteForAName) {
  std::atomic<int> owners{0};
  std::atomic<int> overlaps{0};
  std::atomic<int> spawned{0};
  TestSystem system;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        const Result<Pid> actor = system->spawn_named(test::share(props_of([&](Context& context) {
                                                        if (context.message<Started>())
                                                          overlaps += owners.fetch_add(1);
                                                        if (context.message<Stopped>())
                                                          owners.fetch_sub(1);
                                                      })),
                                                      "one");
        if (!actor.ok()) {
          EXPECT_EQ(actor.error().reason, "ACTOR_EXISTS");
          std::this_thread::yield();
          continue;
        }
        ++spawned;
        system->stop(*actor);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(overlaps.load(), 0);
  EXPECT_GT(spawned.load(), 0);
  EXPECT_TRUE(eventually([&] { return system->cells().live_count() == 0; }));
  EXPECT_TRUE(system->registry().find("one").empty());
}

// Many senders, actors that stop, fail, come back under their name and watch each other: in the end every message is
// accounted for.
TEST(ProcessRegistry, D1_NothingIsLostOrCountedTwice) {
  constexpr int kNames = 8;
  TestSystem system(
      {.worker_count = 3, .mailbox_user_count_max = 50, .cells = {.resting_count = 2}});
  static const auto name = [](int i) { return "a" + std::to_string(i % kNames); };
  const auto props = [](int i) {
    return test::share(props_of([i](Context& context) {
      const Pid neighbour = Pid::of_name(context.system().address(), name(i + 1));
      if (context.message<Started>()) context.watch(neighbour);
      const auto* number = context.message<Number>();
      if (number == nullptr) return;
      switch (number->value % 16) {
        case 0:
          context.stop(context.self());
          break;
        case 1:
          throw std::runtime_error("boom");
        case 2:
          context.send(neighbour, Done{});
          break;
        case 3:
          context.respond(Done{});
          break;
        case 4:
          context.request(neighbour, Done{});
          break;
        case 5:
          (void)context.spawn(props_of([](Context&) {}));
          break;
        case 6:
          context.poison(context.self());
          break;
        case 7:
          context.forward(neighbour);
          break;
        default:
          break;
      }
    }));
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Pid handle;
      for (int i = 0; i < 20'000; ++i) {
        const int number = (i * 31 + t * 7) % 1'000;
        if (i % 20 == 0) {
          if (const auto actor = system->spawn_named(props(i / 20), name(i / 20)); actor.ok())
            handle = *actor;
        }
        (void)system->send(i % 2 == 0 ? handle : Pid::of_name(system->address(), name(i)),
                           Number{number});
        if (i % 500 == 0) (void)system->ask(handle, Number{3}, std::chrono::milliseconds(1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kNames; ++i) system->poison(Pid::of_name(system->address(), name(i)));
  const bool balanced = eventually([&] {
    const auto c = system->registry().counters();
    std::uint64_t waiting = 0;
    for (const Pid& actor : system->cells().live(0, 100'000))
      waiting += actor.cell()->mailbox_count();
    return c.accepted ==
           c.processed + c.dead_lettered + c.taken_by_processes + c.forwarded + waiting;
  });
  const auto c = system->registry().counters();
  EXPECT_TRUE(balanced) << "accepted " << c.accepted << ", processed " << c.processed
                        << ", dead letters " << c.dead_lettered << ", processes "
                        << c.taken_by_processes;
  EXPECT_GT(c.processed, 0u);
  EXPECT_GT(c.dead_lettered, 0u);
}

TEST(ProcessRegistry, APoisonPillGetsIntoAFullMailbox) {
  TestSystem system;
  auto gate = std::make_shared<test::Gate>();
  Props props = props_of([gate](Context& context) {
    if (context.message<Started>() == nullptr) (void)gate->wait();
  });
  props.mailbox_user_count_max = 1;
  const Pid actor = system.spawn(props);
  while (system->send(actor, test::Number{1}) == Delivered::mailbox) {
  }
  EXPECT_EQ(system->send(actor, PoisonPill{}), Delivered::mailbox);
  gate->open();
  system.await_gone(actor);
}

}  // namespace
}  // namespace nexus::core
