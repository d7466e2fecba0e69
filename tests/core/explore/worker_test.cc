#include "core/dispatch/worker.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "core/base/atomic.h"
#include "tests/explore/crew.h"
#include "tests/explore/schedules.h"

namespace nexus::core {
namespace {

using test::choose;
using test::Crew;
using test::for_each_schedule;
using test::run_threads;

constexpr std::uint32_t kActorCount = 3;
constexpr std::uint32_t kSenderCount = 4 + kActorCount;

struct Note {
  std::uint32_t sender;
  std::uint32_t number;
  // The actor sends that many more, one after the other.
  std::uint32_t hop_count;
};

// Actors that note what they get and pass it on; senders 0 to 3 are the test's, the others the actors.
struct Office {
  explicit Office(std::size_t member_count) : crew(member_count) {
    for (std::uint32_t i = 0; i < kActorCount; ++i) {
      actors[i] = *crew.system.spawn(share(props_of([this, i](Context& context) {
        if (const auto* note = context.message<Note>()) receive(i, context, *note);
      })));
    }
    crew.run_all();
  }

  void send(std::uint32_t sender, std::uint32_t actor, std::uint32_t hop_count = 0) {
    const Note note{sender, ++sent[sender][actor], hop_count};
    EXPECT_EQ(crew.system.send(actors[actor], note), Delivered::mailbox);
  }
  void expect_all_handled() {
    crew.run_all();
    for (std::uint32_t sender = 0; sender < kSenderCount; ++sender) {
      for (std::uint32_t actor = 0; actor < kActorCount; ++actor) {
        EXPECT_EQ(got[sender][actor], sent[sender][actor])
            << "of sender " << sender << " at actor " << actor;
      }
    }
    for (const Pid& actor : actors) {
      EXPECT_EQ(actor.cell()->mailbox().owner(), kIdle);
      EXPECT_EQ(actor.cell()->mailbox_count(), 0u);
    }
    const auto counters = crew.system.registry().counters();
    EXPECT_EQ(counters.accepted, counters.processed);
  }

  Crew crew;
  std::array<Pid, kActorCount> actors;
  // What an actor sends for each note that goes on.
  std::uint32_t burst = 1;

 private:
  void receive(std::uint32_t actor, Context& context, const Note& note) {
    EXPECT_FALSE(busy[actor]) << "C1: two turns at once";
    busy[actor] = true;
    // Others may go on in the middle of the turn.
    (void)middle.load();
    EXPECT_EQ(note.number, got[note.sender][actor] + 1) << "D2: of sender " << note.sender;
    got[note.sender][actor] = note.number;
    for (std::uint32_t i = 0; note.hop_count > 0 && i < burst; ++i) {
      const std::uint32_t next = (actor + 1) % kActorCount;
      context.send(actors[next], Note{4 + actor, ++sent[4 + actor][next], note.hop_count - 1});
      (void)middle.load();
    }
    busy[actor] = false;
  }

  Atomic<bool> middle{false};
  std::array<bool, kActorCount> busy{};
  std::array<std::array<std::uint32_t, kActorCount>, kSenderCount> sent{};
  std::array<std::array<std::uint32_t, kActorCount>, kSenderCount> got{};
};

TEST(WorkerSchedules, K1_K3_ARescuerAndTheOwnerLoseAndDoubleNothing) {
  for_each_schedule(
      [] {
        Office office(2);
        run_threads({[&] {
                       test::act_as(&office.crew[0].worker);
                       for (std::uint32_t i = 0; i < 4; ++i) {
                         office.send(0, choose(kActorCount));
                         if (choose(2) == 0) (void)office.crew[0].run_one();
                       }
                     },
                     [&] {
                       for (int i = 0; i < 2; ++i) office.crew[0].rescue();
                     }});
        office.expect_all_handled();
      },
      {.schedule_count = 5'000, .thread_round_count = 200});
}

TEST(WorkerSchedules, C1_D2_WorkersThatSendRunShareAndRescueKeepActorsAndTheirOrder) {
  for_each_schedule(
      [] {
        Office office(2);
        const auto work = [&](std::uint32_t self) {
          Crew::Member& member = office.crew[self];
          test::act_as(&member.worker);
          for (std::uint32_t i = 0; i < 3; ++i) {
            office.send(self, choose(kActorCount), choose(3));
            switch (choose(4)) {
              case 0:
                member.hand_out(1 + choose(2));
                break;
              case 1:
                office.crew[1 - self].rescue();
                break;
              default:
                (void)member.run_one(1 + choose(3));
            }
          }
        };
        run_threads({[&] { work(0); }, [&] { work(1); },
                     [&] {
                       for (std::uint32_t i = 0; i < 2; ++i) office.send(2, choose(kActorCount));
                     }});
        office.expect_all_handled();
      },
      {.schedule_count = 5'000, .thread_round_count = 200});
}

TEST(WorkerSchedules, K4_WhatIsHeldKeepsItsOrderAndIsNotLost) {
  for_each_schedule(
      [] {
        Office office(2);
        office.burst = 2;
        for (auto& member : office.crew.members) member->worker.hold_from(0);
        const auto work = [&](std::uint32_t self) {
          Crew::Member& member = office.crew[self];
          test::act_as(&member.worker);
          for (std::uint32_t i = 0; i < 2; ++i) {
            office.send(self, choose(kActorCount), 1 + choose(2));
            if (choose(4) == 0) office.crew[1 - self].rescue();
            (void)member.run_one(1 + choose(2));
          }
        };
        run_threads({[&] { work(0); }, [&] { work(1); },
                     [&] {
                       for (int i = 0; i < 2; ++i) office.crew[choose(2)].rescue();
                     }});
        office.expect_all_handled();
      },
      {.schedule_count = 5'000, .thread_round_count = 200});
}

// Cells without turns, so that most of a schedule is sections.
TEST(WorkerSchedules, K3_RescuersAndTheOwnerAreNeverInTheRingTogether) {
  for_each_schedule(
      [] {
        Office office(1);
        Worker& worker = office.crew[0].worker;
        for (const Pid& actor : office.actors) {
          EXPECT_EQ(actor.cell()->mailbox().claim(worker.id()), Mailbox::Claim::claimed);
          worker.run_later(*actor.cell());
        }
        std::array<Worker::Rescued, 3> rescued;
        const auto rescue = [&](std::size_t index) {
          for (int i = 0; i < 2; ++i) (void)worker.rescue(rescued[index]);
        };
        run_threads({[&] {
                       for (int i = 0; i < 4; ++i) {
                         ActorCell* cell = worker.take_next();
                         if (cell != nullptr) worker.run_later(*cell);
                       }
                     },
                     [&] { rescue(0); }, [&] { rescue(1); }});
        while (ActorCell* cell = worker.take_next()) rescued[2].cells.push_back(cell);
        std::array<std::size_t, kActorCount> found{};
        for (const Worker::Rescued& each : rescued) {
          for (ActorCell* cell : each.cells) {
            for (std::uint32_t i = 0; i < kActorCount; ++i) {
              found[i] += office.actors[i].cell() == cell ? 1 : 0;
            }
            EXPECT_EQ(cell->mailbox().owner(), &each == &rescued[2] ? worker.id() : kQueued);
          }
        }
        for (const std::size_t count : found) EXPECT_EQ(count, 1u) << "lost or doubled";
      },
      {.schedule_count = 5'000, .thread_round_count = 200});
}

TEST(WorkerSchedules, TwoWorkersRescueEachOther) {
  for_each_schedule(
      [] {
        Office office(2);
        const auto work = [&](std::uint32_t self) {
          test::act_as(&office.crew[self].worker);
          office.send(self, self);
          office.crew[1 - self].rescue();
          office.send(self, 2);
          (void)office.crew[self].run_one();
        };
        run_threads({[&] { work(0); }, [&] { work(1); }});
        office.expect_all_handled();
      },
      {.schedule_count = 5'000, .thread_round_count = 200});
}

}  // namespace
}  // namespace nexus::core
