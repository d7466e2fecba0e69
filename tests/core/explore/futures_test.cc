#include "core/process/futures.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <vector>

#include "core/actor/messages.h"
#include "tests/explore/crew.h"
#include "tests/explore/schedules.h"

namespace nexus::core {
namespace {

using test::choose;
using test::Crew;
using test::for_each_schedule;
using test::run_threads;
using Outcome = Answer::Outcome;

constexpr Instant kPast = Instant{} + Duration(1);
const Instant kFar = SteadyClock().now() + std::chrono::hours(10);
constexpr test::Rounds kFutureRounds{.schedule_count = 8'000, .thread_round_count = 200};

struct Number {
  int value;
};

// Futures that count how often they complete.
struct Requests {
  FutureTable& table() { return crew.system.futures(); }
  Pid open(std::size_t index, Instant deadline) {
    opened_count.fetch_add(1);
    return table().open(deadline, [this, index](Answer answer) {
      if (answer.outcome == Outcome::answered) {
        EXPECT_EQ(answer.message->get<Number>()->value, static_cast<int>(index)) << "of another";
        answered_count.fetch_add(1);
      }
      EXPECT_EQ(completed[index].fetch_add(1), 0) << "F1: twice";
      completed_count.fetch_add(1);
    });
  }
  void answer(const Pid& future, std::size_t index) {
    delivered_count.fetch_add(1);
    (void)crew.system.send(future, Number{static_cast<int>(index)});
  }
  void expect_all_completed() {
    test::pass_time(*crew.clock);
    EXPECT_TRUE(test::soon([&] { return completed_count.load() == opened_count.load(); }))
        << "F1: " << completed_count.load() << " of " << opened_count.load();
    EXPECT_EQ(table().open_count(), 0u);
    EXPECT_EQ(crew.system.dead_letters().count(DeadLetterReason::no_such_request),
              delivered_count.load() - answered_count.load());
  }

  std::array<std::atomic<int>, 8> completed{};
  std::atomic<std::uint32_t> opened_count{0};
  std::atomic<std::uint32_t> completed_count{0};
  std::atomic<std::uint32_t> answered_count{0};
  std::atomic<std::uint32_t> delivered_count{0};
  Crew crew{2};
};

TEST(FuturesSchedules, F1_AnswerDeadlineCancelAndCloseCompleteOnce) {
  for_each_schedule(
      [] {
        Requests requests;
        std::array<Pid, 2> futures;
        for (std::size_t i = 0; i < futures.size(); ++i) {
          futures[i] = requests.open(i, choose(2) == 0 ? kPast : kFar);
        }
        const bool closes = choose(4) == 0;
        run_threads({[&] {
                       for (std::size_t i = 0; i < futures.size(); ++i)
                         requests.answer(futures[i], i);
                     },
                     [&] {
                       for (const Pid& future : futures) (void)requests.table().cancel(future);
                     },
                     [&] { test::pass_time(*requests.crew.clock); },
                     [&] {
                       if (closes) requests.table().close();
                     }});
        requests.expect_all_completed();
      },
      kFutureRounds);
}

TEST(FuturesSchedules, F1_F3_ADeadlineIsNotMissedWhileASweepGoesOn) {
  for_each_schedule(
      [] {
        Requests requests;
        const auto open = [&](std::size_t first) {
          for (std::size_t i = first; i < first + 2; ++i) (void)requests.open(i, kPast);
        };
        run_threads({[&] { open(0); }, [&] { open(2); },
                     [&] {
                       for (int i = 0; i < 2; ++i) test::pass_time(*requests.crew.clock);
                     }});
        requests.expect_all_completed();
      },
      kFutureRounds);
}

TEST(FuturesSchedules, F1_NothingStaysOpenBehindClose) {
  for_each_schedule(
      [] {
        Requests requests;
        run_threads({[&] {
                       (void)requests.open(0, kFar);
                       (void)requests.open(1, kFar);
                     },
                     [&] { (void)requests.open(2, kFar); }, [&] { requests.table().close(); }});
        requests.expect_all_completed();
      },
      kFutureRounds);
}

TEST(FuturesSchedules, AnAnswerThatComesLateReachesNoLaterRequestInTheSlot) {
  for_each_schedule(
      [] {
        Requests requests;
        const Pid first = requests.open(0, kFar);
        const auto ask_again = [&](std::size_t index) {
          const Pid next = requests.open(index, kFar);
          requests.answer(next, index);
        };
        run_threads({[&] {
                       (void)requests.table().cancel(first);
                       ask_again(1);
                       ask_again(2);
                     },
                     [&] {
                       requests.answer(first, 0);
                       requests.answer(first, 0);
                     },
                     [&] { ask_again(3); }});
        requests.expect_all_completed();
      },
      kFutureRounds);
}

// An actor asks another, which answers or keeps silent, while the work is cancelled: it is told once, in its own turn.
TEST(FuturesSchedules, F2_WhatAnActorAskedForIsCollectedOnce) {
  struct Ask {};
  for_each_schedule(
      [] {
        Crew crew(2);
        CancellationSource source;
        const bool is_silent = choose(2) == 0;
        std::atomic<std::uint32_t> asked{0};
        std::atomic<std::uint32_t> told{0};
        const Pid target = *crew.system.spawn(share(props_of([&](Context& context) {
          if (context.message<Number>() != nullptr && !is_silent) context.respond(Number{1});
        })));
        const Pid asker = *crew.system.spawn(share(props_of([&](Context& context) {
          if (context.message<Ask>() == nullptr) return;
          asked.fetch_add(1);
          context.ask(target, Number{0}, std::chrono::hours(1),
                      [&](Context&, const Answer&) { told.fetch_add(1); });
        })));
        crew.run_all();
        const auto work = [&](std::size_t self) {
          test::act_as(&crew[self].worker);
          EnvelopePtr ask = make_envelope(Ask{});
          ask->set_cancellation(source.token());
          (void)crew.system.registry().send_user(asker, std::move(ask));
          for (int i = 0; i < 4; ++i) (void)crew[self].run_one(1 + choose(2));
        };
        run_threads({[&] { work(0); }, [&] { work(1); }, [&] { source.cancel(); }});
        crew.run_all();
        EXPECT_EQ(told.load(), asked.load());
        EXPECT_EQ(crew.system.futures().open_count(), 0u);
      },
      kFutureRounds);
}

}  // namespace
}  // namespace nexus::core
