// TestSystem: an actor system for one test, and a sort of actor that a test steers from outside.
//
//   all calls   the test's thread
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/actor_system.h"
#include "tests/support/wait.h"

namespace nexus::test {

// Recorded by a SteeredActor as `number <value>`.
struct Number {
  int value;
};
// Makes a SteeredActor throw.
struct Fail {
  std::string why;
};
// Runs in the actor's turn; not recorded.
struct Do {
  std::function<void(core::Context&)> run;
};
// Recorded as `done`; for the end of a batch.
struct Done {};

// What a SteeredActor saw, as text, in order.
using Diary = Queue<std::string>;
inline std::shared_ptr<Diary> new_diary() { return std::make_shared<Diary>(); }

inline std::string describe(const core::Context& context) {
  if (context.message<core::Started>()) return "started";
  if (context.message<core::Restarting>()) return "restarting";
  if (context.message<core::Stopping>()) return "stopping";
  if (context.message<core::Stopped>()) return "stopped";
  if (const auto* number = context.message<Number>())
    return "number " + std::to_string(number->value);
  if (context.message<Done>()) return "done";
  if (const auto* terminated = context.message<core::Terminated>()) {
    static constexpr const char* kWhy[] = {"stopped", "address_terminated", "not_found"};
    return "terminated " + terminated->who.id() + " " + kWhy[static_cast<int>(terminated->why)];
  }
  if (context.message<core::DeadLetterResponse>()) return "dead_letter_response";
  if (const auto* touched = context.message<core::Touched>()) return "touched " + touched->who.id();
  return context.envelope().type().name();
}

// Notes each message in its diary, does what Do says and fails when Fail says so.
class SteeredActor : public core::Actor {
 public:
  explicit SteeredActor(std::shared_ptr<Diary> diary) : diary_(std::move(diary)) {}

  void receive(core::Context& context) override {
    if (const auto* task = context.message<Do>()) {
      task->run(context);
    } else if (const auto* fail = context.message<Fail>()) {
      throw std::runtime_error(fail->why);
    } else {
      diary_->push(describe(context));
    }
  }

 private:
  const std::shared_ptr<Diary> diary_;
};

inline core::Props steered(std::shared_ptr<Diary> diary) {
  return core::props<SteeredActor>(std::move(diary));
}

using core::share;

class TestSystem {
 public:
  explicit TestSystem(core::ActorSystem::Options options = {})
      : system_(quiet(std::move(options))) {}

  core::ActorSystem* operator->() { return &system_; }
  core::ActorSystem& operator*() { return system_; }

  core::Pid spawn(core::Props props) { return *system_.spawn(share(std::move(props))); }
  core::Pid spawn_named(core::Props props, const std::string& name) {
    return *system_.spawn_named(share(std::move(props)), name);
  }
  // Runs `task` in the turn of a SteeredActor and waits for it.
  void in_turn(const core::Pid& actor, std::function<void(core::Context&)> task) {
    auto done = std::make_shared<Gate>();
    (void)system_.send(actor, Do{[task = std::move(task), done](core::Context& context) {
                         task(context);
                         done->open();
                       }});
    EXPECT_TRUE(done->wait()) << actor.to_string() << " did not get to its turn";
  }
  // Spawns a child of a SteeredActor.
  core::Pid spawn_child(const core::Pid& parent, core::Props props, const std::string& name = {}) {
    core::Pid child;
    in_turn(parent, [&](core::Context& context) {
      auto shared = share(std::move(props));
      child = name.empty() ? *context.spawn(shared) : *context.spawn_named(shared, name);
    });
    return child;
  }
  // Waits until the handle leads nowhere.
  void await_gone(const core::Pid& actor) {
    EXPECT_TRUE(eventually([&] { return actor.cell()->generation() != actor.generation(); }));
  }
  // Stops and waits.
  void stop(const core::Pid& actor) {
    system_.stop(actor);
    await_gone(actor);
  }

 private:
  // The default log discards everything, so that tests print nothing.
  static core::ActorSystem::Options quiet(core::ActorSystem::Options options) {
    if (options.worker_count == 0) options.worker_count = 2;
    return options;
  }

  core::ActorSystem system_;
};

// accepted = processed + dead-lettered + taken by processes + forwarded, once nothing waits.
inline bool is_conserved(TestSystem& system) {
  return eventually([&] {
    const core::ProcessRegistry::Counters all = system->registry().counters();
    return all.accepted ==
           all.processed + all.dead_lettered + all.taken_by_processes + all.forwarded;
  });
}

// Expects that `diary` goes on with exactly these lines.
inline void expect_next(Diary& diary, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    const auto seen = diary.pop();
    ASSERT_TRUE(seen.has_value()) << "nothing came where \"" << line << "\" was expected";
    ASSERT_EQ(*seen, line);
  }
}

}  // namespace nexus::test
