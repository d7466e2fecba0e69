// Crew: a dispatcher whose workers are the threads of a test: they send, run cells, and rescue one another when the test says so.
//
//   take_any(), push()        any thread
//   Member::run_one()         the member's thread
//   Crew::run_all()           the body, when no thread runs
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "core/actor_system.h"
#include "core/base/mutex.h"
#include "core/dispatch/worker.h"
#include "tests/explore/schedules.h"

namespace nexus::test {

// The queue that the members share.
class CrewQueue {
 public:
  void push(core::ActorCell& cell) {
    const core::MutexLock lock(mutex_);
    cells_.push_back(&cell);
  }
  core::ActorCell* take() {
    const core::MutexLock lock(mutex_);
    if (cells_.empty()) return nullptr;
    core::ActorCell* cell = cells_.front();
    cells_.pop_front();
    return cell;
  }

 private:
  core::Mutex mutex_{"crew"};
  std::deque<core::ActorCell*> cells_ GUARDED_BY(mutex_);
};

// Makes the dispatcher of one system.
class CrewFactory final : public core::DispatcherFactory {
 public:
  explicit CrewFactory(CrewQueue& queue) : queue_(queue) {}
  std::unique_ptr<core::Dispatcher> make(core::ActorSystem&, Scope) override {
    return std::make_unique<Dispatcher>(queue_);
  }

 private:
  class Dispatcher final : public core::Dispatcher {
   public:
    explicit Dispatcher(CrewQueue& queue) : queue_(queue) {}
    void schedule(core::ActorCell& cell) override { queue_.push(cell); }
    bool stop(core::Instant) override { return true; }

   private:
    CrewQueue& queue_;
  };

  CrewQueue& queue_;
};

class Crew {
 public:
  class Member {
   public:
    explicit Member(Crew& crew)
        : worker(crew.system.take_worker_id(), crew.system, crew.system.registry(),
                 crew.system.registry().add_worker_counters()),
          crew_(crew) {}

    // One turn of any cell; false when none waits.
    bool run_one(std::uint32_t throughput = 1) {
      core::ActorCell* cell = worker.take_next();
      if (cell == nullptr) {
        cell = crew_.queue.take();
        if (cell == nullptr) return false;
        EXPECT_EQ(cell->mailbox().owner(), core::kQueued);
        cell->mailbox().adopt(worker.id());
      }
      EXPECT_EQ(cell->mailbox().owner(), worker.id()) << "K1";
      cell->run(worker, throughput);
      return true;
    }
    // What waits here, or a part of it, for all.
    void hand_out(std::size_t count) {
      std::vector<core::ActorCell*> cells;
      worker.hand_out(count, cells);
      for (core::ActorCell* cell : cells) crew_.queue.push(*cell);
    }
    // As another thread: what waits here, for all.
    void rescue() {
      core::Worker::Rescued rescued;
      (void)worker.rescue(rescued);
      for (core::ActorCell* cell : rescued.cells) crew_.queue.push(*cell);
      for (core::Outbox::Chain& held : rescued.turned_away) {
        crew_.system.registry().turn_away(*held.cell, std::move(held.envelopes));
      }
    }

    core::Worker worker;

   private:
    Crew& crew_;
  };

  explicit Crew(std::size_t member_count)
      : system({.dispatcher = std::make_shared<CrewFactory>(queue), .clock = clock}) {
    for (std::size_t i = 0; i < member_count; ++i) {
      members.push_back(std::make_unique<Member>(*this));
    }
  }

  Member& operator[](std::size_t index) { return *members[index]; }
  // Until nothing waits.
  void run_all() {
    for (bool is_idle = false; !is_idle;) {
      is_idle = true;
      for (auto& member : members) {
        act_as(&member->worker);
        while (member->run_one()) is_idle = false;
      }
      act_as(nullptr);
    }
  }

  const std::shared_ptr<core::Clock> clock = make_clock();
  CrewQueue queue;
  core::ActorSystem system;
  std::vector<std::unique_ptr<Member>> members;
};

}  // namespace nexus::test
