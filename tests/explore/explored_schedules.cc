#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/atomic.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/dispatch/worker.h"
#include "tests/explore/explorer.h"
#include "tests/explore/find_failure.h"
#include "tests/explore/schedules.h"

namespace nexus::test {
namespace {

using explore::End;
using explore::Explorer;

// Lines of a failed schedule that are printed.
constexpr std::size_t kTraceLinesMax = 80;

Explorer& explorer() {
  // Never destroyed: threads of a schedule that was given up have read it last.
  static Explorer& one = *std::make_unique<Explorer>().release();
  return one;
}

// What core::ManualClock is, for threads that are not those of the operating system.
class StandingClock final : public core::Clock {
 public:
  core::Instant now() const override { return core::Instant(core::Duration(now_.load())); }
  bool follow(core::ClockFollower& follower) override {
    const core::MutexLock lock(mutex_);
    followers_.push_back(&follower);
    return true;
  }
  void unfollow(core::ClockFollower& follower) override {
    const core::MutexLock lock(mutex_);
    while (moves_) stands_.wait(mutex_);
    std::erase(followers_, &follower);
  }
  void advance(core::Duration by) {
    std::vector<core::ClockFollower*> followers;
    {
      const core::MutexLock lock(mutex_);
      moves_ = true;
      followers = followers_;
    }
    now_.store(now_.load() + by.count());
    for (core::ClockFollower* follower : followers) follower->clock_moved();
    const core::MutexLock lock(mutex_);
    moves_ = false;
    stands_.notify_all();
  }

 private:
  // An hour after the beginning of time.
  core::Atomic<core::Duration::rep> now_{core::Duration(std::chrono::hours(1)).count()};
  core::Mutex mutex_{"standing_clock"};
  core::CondVar stands_;
  bool moves_ = false;
  std::vector<core::ClockFollower*> followers_;
};

std::optional<std::uint64_t> number_of(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

std::uint32_t count_of(const Rounds& rounds) {
  if (const auto count = number_of("NEXUS_EXPLORE_COUNT"))
    return static_cast<std::uint32_t>(*count);
#if defined(NEXUS_EXPLORE_SLOW)
  return rounds.schedule_count / 10;
#else
  return rounds.schedule_count;
#endif
}

std::string replay_command(std::uint64_t seed) {
  std::string program(4096, '\0');
  const ssize_t bytes = readlink("/proc/self/exe", program.data(), program.size());
  program.resize(bytes < 0 ? 0 : static_cast<std::size_t>(bytes));
  const auto& info = *testing::UnitTest::GetInstance()->current_test_info();
  return "NEXUS_EXPLORE_SEED=" + std::to_string(seed) + " " + program +
         " --gtest_filter=" + info.test_suite_name() + "." + info.name();
}

// What a crash leaves on the screen: made before, because then it is too late.
std::string crash_text;
std::uint64_t running_seed = 0;
void tell_seed(int) {
  char digits[24];
  char* at = digits + sizeof(digits);
  *--at = '\n';
  std::uint64_t rest = running_seed;
  do {
    *--at = static_cast<char>('0' + rest % 10);
  } while ((rest /= 10) != 0);
  (void)!write(2, crash_text.data(), crash_text.size());
  (void)!write(2, at, static_cast<std::size_t>(digits + sizeof(digits) - at));
}

std::optional<std::string> failure_in(std::uint64_t seed, const std::function<void()>& body,
                                      std::vector<std::string>* trace) {
  testing::TestPartResultArray results;
  Explorer::Schedule schedule;
  {
    const testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    schedule = explorer().run(seed, body, trace);
  }
  if (schedule.end == End::deadlock) return "all threads wait for each other";
  if (schedule.end == End::too_long) {
    return "the threads did not end within " + std::to_string(Explorer::kStepCountMax) + " points";
  }
  if (results.size() == 0) return std::nullopt;
  return results.GetTestPartResult(0).message();
}

}  // namespace

std::optional<Failure> find_failure(const std::function<void()>& body, Rounds rounds) {
  // Each schedule makes large tables anew: their memory is kept instead of going back and forth between here and the kernel.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  // A process that never had a second thread counts the references of a shared_ptr without atomic operations.
  std::thread([] {}).join();
  std::uint64_t first = 1;
  std::uint64_t last = count_of(rounds);
  if (const auto only = number_of("NEXUS_EXPLORE_SEED")) first = last = *only;
  crash_text = "the schedule that crashed: " + replay_command(0) + ", with the seed ";
  std::signal(SIGABRT, tell_seed);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    running_seed = seed;
    if (const auto message = failure_in(seed, body, nullptr)) return Failure{seed, *message};
  }
  std::signal(SIGABRT, SIG_DFL);
  return std::nullopt;
}

void for_each_schedule(const std::function<void()>& body, Rounds rounds) {
  const auto failure = find_failure(body, rounds);
  if (!failure) return;
  std::vector<std::string> trace;
  (void)failure_in(failure->seed, body, &trace);
  std::string lines;
  const std::size_t first = trace.size() - std::min(trace.size(), kTraceLinesMax);
  for (std::size_t i = first; i < trace.size(); ++i) lines += "  " + trace[i] + "\n";
  ADD_FAILURE() << "schedule " << failure->seed << ": " << failure->message
                << "\nagain: " << replay_command(failure->seed) << "\n"
                << lines;
}

void run_threads(const std::vector<std::function<void()>>& threads) {
  explorer().run_threads(threads);
}

std::uint32_t choose(std::uint32_t limit) { return explorer().random().below(limit); }

void act_as(core::Worker* worker) { core::Worker::set_current(worker); }

std::shared_ptr<core::Clock> make_clock() { return std::make_shared<StandingClock>(); }

void pass_time(core::Clock& clock) {
  static_cast<StandingClock&>(clock).advance(std::chrono::milliseconds(2));
}

bool soon(const std::function<bool()>& condition) { return condition(); }

}  // namespace nexus::test
