// What does it cost to note a failure, and to ask how many there were lately, which a supervision strategy does at each: RestartStatistics,
// and what the seed had, a vector under a mutex that is searched and trimmed.
//
// `Read...` have a second thread that notes failures all the time: the reader of ours takes no lock.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "core/actor/restart_statistics.h"

namespace nexus {
namespace {

using core::Duration;
using core::Instant;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Locked {
 public:
  void record_failure(Instant now) {
    std::lock_guard lock(mutex_);
    failed_at_.push_back(now);
    if (failed_at_.size() > core::RestartStatistics::kFailureCountMax)
      failed_at_.erase(failed_at_.begin());
  }
  std::size_t failure_count(Instant now, Duration window) const {
    std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(
        failed_at_, [&](Instant at) { return at > now - window && at <= now; }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Instant> failed_at_;
};

// A failure and the strategy's question, with as many failures in the window as the argument says.
template <typename Statistics>
void FailAndAsk(benchmark::State& state) {
  Statistics statistics;
  Instant now{seconds(1'000)};
  const Duration window = seconds(10);
  const Duration step = window / state.range(0);
  for (auto _ : state) {
    now += step;
    statistics.record_failure(now);
    benchmark::DoNotOptimize(statistics.failure_count(now, window));
  }
}
BENCHMARK(FailAndAsk<core::RestartStatistics>)->Arg(1)->Arg(10)->Arg(100);
BENCHMARK(FailAndAsk<Locked>)->Arg(1)->Arg(10)->Arg(100);

template <typename Statistics>
void ReadBesideTheOwner(benchmark::State& state) {
  Statistics statistics;
  std::atomic<bool> done{false};
  std::thread owner([&] {
    Instant now{seconds(1'000)};
    while (!done.load(std::memory_order_relaxed)) {
      now += milliseconds(1);
      statistics.record_failure(now);
    }
  });
  const Instant now{seconds(2'000)};
  for (auto _ : state) benchmark::DoNotOptimize(statistics.failure_count(now, seconds(10)));
  done.store(true, std::memory_order_relaxed);
  owner.join();
}
BENCHMARK(ReadBesideTheOwner<core::RestartStatistics>);
BENCHMARK(ReadBesideTheOwner<Locked>);

}  // namespace
}  // namespace nexus
