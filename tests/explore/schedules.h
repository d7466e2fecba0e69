// One source for two tests of the same claim: under an Explorer, which runs a schedule for each seed, and with real threads.
//
//   for_each_schedule()   a test
//   run_threads()         its body, outside a thread of its own
//   the rest              the body and its threads
//
//   NEXUS_EXPLORE_SEED=17       only that schedule, and what its threads did when it fails
//   NEXUS_EXPLORE_COUNT=100000  so many schedules instead of the usual number
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace nexus::core {
class Clock;
class Worker;
}  // namespace nexus::core

namespace nexus::test {

struct Rounds {
  // Seeds, in a release build; fewer under sanitizers.
  std::uint32_t schedule_count = 100'000;
  // With real threads.
  std::uint32_t thread_round_count = 500;
};
// Each call of `body` begins with objects of its own. Ends with the first failure.
void for_each_schedule(const std::function<void()>& body, Rounds rounds = {});

// Until all have ended. The threads see what was written before, the caller what they wrote.
void run_threads(const std::vector<std::function<void()>>& threads);

// By chance, as the seed wants it: 0 <= result < limit.
std::uint32_t choose(std::uint32_t limit);

// The calling thread runs actors as this worker from now on (null: does not).
void act_as(core::Worker* worker);

// A clock for the objects of one body: explored, one that stands until pass_time(); with real threads one that goes by itself.
std::shared_ptr<core::Clock> make_clock();
// By one thread at a time: two milliseconds pass, and what is due by then runs here. With real threads nothing is to be done.
void pass_time(core::Clock& clock);

// The body: whether `condition` holds; with real threads, whether it comes to hold.
bool soon(const std::function<bool()>& condition);

}  // namespace nexus::test
