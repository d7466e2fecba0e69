// Stage: the actor system of one run, with what its actors tell the main thread: when it began, when it was over, and how
// many messages they handled.
//
//   begin()            actor         when the measured part begins
//   done(), fail()     actor         done(): each of finisher_count once; the last one ends the measured part
//   Handled            actor         a member that counts messages
//   the rest           main thread
//
// G1  A run in which a message was lost, doubled or turned away throws Broken.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/actor_system.h"
#include "tests/bench/core/workload.h"

namespace nexus::bench {

// Tells a driver to begin.
struct Go {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

class Stage {
 public:
  explicit Stage(const Setting& setting, std::uint32_t finisher_count = 1);

  core::ActorSystem& system() { return system_; }

  // An actor of the class with default Props, made from copies of `arguments`.
  template <typename A, typename... Arguments>
  core::Pid spawn(Arguments... arguments) {
    return expect_spawned(system_.spawn(core::share(core::props<A>(arguments...))));
  }
  template <typename A, typename... Arguments>
  std::vector<core::Pid> spawn_many(std::size_t count, Arguments... arguments) {
    const auto props = core::share(core::props<A>(arguments...));
    std::vector<core::Pid> pids;
    for (std::size_t i = 0; i < count; ++i) pids.push_back(expect_spawned(system_.spawn(props)));
    return pids;
  }
  static core::Pid expect_spawned(core::Result<core::Pid> spawned);

  template <typename T>
  void send(const core::Pid& target, T message) {
    static_assert(sizeof(T) == 16);
    if (system_.send(target, std::move(message)) != core::Delivered::mailbox) {
      throw Broken("a message was turned away");
    }
  }
  // Sends Go, waits for the last done(), stops all actors and checks that they handled `handled_count` messages. The answer is
  // the time from begin() to the last done().
  core::Duration run(const core::Pid& driver, std::uint64_t handled_count);
  // The second half of run(), for runs that have several drivers.
  core::Duration finish(std::uint64_t handled_count);
  // See Sample.
  std::vector<std::uint64_t> worker_messages() const;

  void begin() { begin_ = clock_.now(); }
  void done();
  // Ends the run; `why` is what Broken says.
  void fail(const std::string& why);

 private:
  friend class Handled;

  const core::SteadyClock clock_{};
  const std::uint32_t worker_count_;
  // Written by an actor, read by the main thread when the future is ready.
  core::Instant begin_{};
  core::Instant end_{};
  std::promise<void> ended_;
  std::atomic<bool> told_{false};
  // Any worker.
  std::atomic<std::uint32_t> unfinished_count_;
  std::atomic<std::uint64_t> handled_count_{0};
  // Last, so that its threads end before what they write to.
  core::ActorSystem system_;
};

// Counts for one actor and adds to the stage's sum when that actor is destroyed.
class Handled {
 public:
  explicit Handled(Stage* stage) : stage_(stage) {}
  Handled(const Handled&) = delete;
  Handled& operator=(const Handled&) = delete;
  ~Handled() { stage_->handled_count_.fetch_add(count_); }

  std::uint64_t operator++() { return ++count_; }

 private:
  Stage* const stage_;
  std::uint64_t count_ = 0;
};

}  // namespace nexus::bench
