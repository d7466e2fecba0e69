#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "core/base/clock.h"
#include "core/dispatch/worker.h"
#include "tests/explore/schedules.h"
#include "tests/support/wait.h"

namespace nexus::test {
namespace {

thread_local std::minstd_rand t_random;
std::atomic<std::uint32_t> last_seed{0};

}  // namespace

void for_each_schedule(const std::function<void()>& body, Rounds rounds) {
  for (std::uint32_t round = 0; round < rounds.thread_round_count; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    body();
    if (testing::Test::HasFailure()) return;
  }
}

void run_threads(const std::vector<std::function<void()>>& threads) {
  // So that they begin together.
  std::atomic<std::size_t> missing{threads.size()};
  std::vector<std::thread> running;
  for (const auto& thread : threads) {
    running.emplace_back([&] {
      t_random.seed(last_seed.fetch_add(1) + 1);
      missing.fetch_sub(1);
      while (missing.load() > 0) std::this_thread::yield();
      thread();
      core::Worker::set_current(nullptr);
    });
  }
  for (std::thread& thread : running) thread.join();
}

std::uint32_t choose(std::uint32_t limit) { return static_cast<std::uint32_t>(t_random() % limit); }

void act_as(core::Worker* worker) { core::Worker::set_current(worker); }

std::shared_ptr<core::Clock> make_clock() { return std::make_shared<core::SteadyClock>(); }

void pass_time(core::Clock&) {}

bool soon(const std::function<bool()>& condition) { return eventually(condition); }

}  // namespace nexus::test
