#include "core/process/future.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <utility>

#include "tests/explore/schedules.h"

namespace nexus::core {
namespace {

using test::choose;
using test::for_each_schedule;
using test::run_threads;
using Outcome = Answer::Outcome;

struct Value {
  int value;
};

TEST(FutureSchedules, FU1_FU2_ThenRunsOnceWithTheAnswer) {
  for_each_schedule([] {
    Promise promise;
    Future future = promise.future();
    const bool is_dropped = choose(4) == 0;
    std::atomic<int> run_count{0};
    run_threads({[&] {
                   Promise mine = std::move(promise);
                   if (!is_dropped) mine.answer(Value{7});
                 },
                 [&] {
                   std::move(future).then([&](Answer answer) {
                     EXPECT_EQ(answer.outcome, is_dropped ? Outcome::cancelled : Outcome::answered);
                     if (!is_dropped) {
                       EXPECT_EQ(answer.message->get<Value>()->value, 7);
                     }
                     run_count.fetch_add(1);
                   });
                 }});
    EXPECT_EQ(run_count.load(), 1);
  });
}

TEST(FutureSchedules, FU1_FU3_WhoWaitsIsWoken) {
  for_each_schedule([] {
    Promise promise;
    Future future = promise.future();
    const bool is_dropped = choose(4) == 0;
    run_threads({[&] {
                   Promise mine = std::move(promise);
                   if (!is_dropped) mine.answer(Value{7});
                 },
                 [&] {
                   const bool was_done = future.is_done();
                   const Answer answer = std::move(future).wait();
                   EXPECT_EQ(answer.outcome, is_dropped ? Outcome::cancelled : Outcome::answered);
                   EXPECT_TRUE(!was_done || is_dropped || answer.message != nullptr);
                 }});
  });
}

}  // namespace
}  // namespace nexus::core
