#include "core/time/timers.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>

#include "core/base/mutex.h"
#include "tests/explore/schedules.h"

namespace nexus::core {
namespace {

using test::choose;
using test::for_each_schedule;
using test::make_clock;
using test::pass_time;
using test::run_threads;
using test::soon;

// Timers, and what became of each of the alarms that were set.
class Alarms {
 public:
  static constexpr std::size_t kCount = 8;

  // By one thread for each alarm.
  void set(std::size_t alarm, Duration in) {
    const Instant deadline = clock->now() + in;
    Timers::Task task = [this, alarm, deadline] {
      EXPECT_GE(clock->now(), deadline) << "too early";
      EXPECT_FALSE(stopped.load()) << "after stop()";
      rung[alarm].fetch_add(1);
    };
    ids[alarm] = timers.schedule(deadline, std::move(task));
    taken[alarm] = !(ids[alarm] == Timers::Id{});
    EXPECT_EQ(static_cast<bool>(task), !taken[alarm]) << "what was refused stays with the caller";
  }
  void cancel(std::size_t alarm) { cancelled[alarm] = timers.cancel(ids[alarm]); }
  std::size_t open_count() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < kCount; ++i)
      count += rung[i].load() == 0 && taken[i] && !cancelled[i];
    return count;
  }
  void expect_once_each() const {
    for (std::size_t i = 0; i < kCount; ++i) {
      EXPECT_LE(rung[i].load(), taken[i] && !cancelled[i] ? 1 : 0) << "alarm " << i;
    }
  }

  const std::shared_ptr<Clock> clock = make_clock();
  std::array<std::atomic<int>, kCount> rung{};
  std::array<Timers::Id, kCount> ids{};
  std::array<bool, kCount> taken{};
  std::array<bool, kCount> cancelled{};
  std::atomic<bool> stopped{false};
  Timers timers{*clock};
};

Duration up_to_3_ms() { return std::chrono::microseconds(500 * choose(7)); }

TEST(TimersSchedules, EachRunsOnceAndNoneThatWasCancelled) {
  for_each_schedule(
      [] {
        Alarms alarms;
        const auto use = [&](std::size_t first) {
          for (std::size_t i = first; i < first + 4; ++i) alarms.set(i, up_to_3_ms());
          for (std::size_t i = first; i < first + 4; ++i) {
            if (choose(2) == 0) alarms.cancel(i);
          }
        };
        run_threads({[&] { use(0); }, [&] { use(4); },
                     [&] {
                       for (int i = 0; i < 2; ++i) pass_time(*alarms.clock);
                     }});
        for (int i = 0; i < 2; ++i) pass_time(*alarms.clock);
        EXPECT_TRUE(soon([&] { return alarms.open_count() == 0; }));
        alarms.expect_once_each();
        EXPECT_EQ(alarms.timers.waiting_count(), 0u);
      },
      {.schedule_count = 20'000, .thread_round_count = 50});
}

// What a task schedules, and a place of the wheel that was another's a moment ago.
TEST(TimersSchedules, ATaskMaySetTheNextWhileOthersSetAndCancel) {
  for_each_schedule(
      [] {
        Alarms alarms;
        std::atomic<int> beats{0};
        struct Beat {
          Alarms& alarms;
          std::atomic<int>& beats;
          void operator()() const {
            if (beats.fetch_add(1) < 2) {
              (void)alarms.timers.schedule(alarms.clock->now() + std::chrono::milliseconds(1),
                                           *this);
            }
          }
        };
        Beat{alarms, beats}();
        run_threads({[&] {
                       for (std::size_t i = 0; i < Alarms::kCount; ++i) {
                         alarms.set(i, up_to_3_ms());
                         alarms.cancel(i);
                       }
                     },
                     [&] {
                       for (int i = 0; i < 2; ++i) pass_time(*alarms.clock);
                     }});
        for (int i = 0; i < 2; ++i) pass_time(*alarms.clock);
        EXPECT_TRUE(soon([&] { return beats.load() == 3 && alarms.open_count() == 0; }));
        alarms.expect_once_each();
      },
      {.schedule_count = 20'000, .thread_round_count = 50});
}

TEST(TimersSchedules, NothingRunsAfterTheStopAndNothingIsTaken) {
  for_each_schedule(
      [] {
        Alarms alarms;
        run_threads({[&] {
                       for (std::size_t i = 0; i < 4; ++i) alarms.set(i, up_to_3_ms());
                     },
                     [&] {
                       alarms.timers.stop();
                       alarms.stopped.store(true);
                     },
                     [&] { pass_time(*alarms.clock); }});
        pass_time(*alarms.clock);
        alarms.expect_once_each();
        EXPECT_EQ(alarms.timers.waiting_count(), 0u);
        alarms.set(4, Duration::zero());
        EXPECT_FALSE(alarms.taken[4]);
      },
      {.schedule_count = 20'000, .thread_round_count = 50});
}

}  // namespace
}  // namespace nexus::core
