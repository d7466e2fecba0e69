// What does a lock cost with and without lock timing, when nobody else wants it and when another thread does?
//
// LockProbe<false> is what a Mutex does without the build option NEXUS_LOCK_TIMING, LockProbe<true> what it does with it; a bare
// std::mutex is the floor. Figures are per lock and unlock.

#include <benchmark/benchmark.h>

#include <mutex>

#include "core/telemetry/lock_site.h"

namespace nexus::core {
namespace {

struct Bare {
  explicit Bare(LockSiteName) {}
  void lock(std::mutex& mutex) const { mutex.lock(); }
};

// The same mutex for all threads of one run.
template <typename Probe>
void LockAndUnlock(benchmark::State& state) {
  static std::mutex mutex;
  static const Probe probe("bench");
  static std::uint64_t guarded = 0;
  for (auto step : state) {
    (void)step;
    probe.lock(mutex);
    benchmark::DoNotOptimize(++guarded);
    mutex.unlock();
  }
}
BENCHMARK_TEMPLATE(LockAndUnlock, Bare)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK_TEMPLATE(LockAndUnlock, LockProbe<false>)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK_TEMPLATE(LockAndUnlock, LockProbe<true>)->Threads(1)->Threads(2)->UseRealTime();

// What CellTable pays for each cell that it makes.
void MakeProbe(benchmark::State& state) {
  for (auto step : state) {
    (void)step;
    benchmark::DoNotOptimize(LockProbe<true>("bench"));
  }
}
BENCHMARK(MakeProbe);

void RecordOwned(benchmark::State& state) {
  static Histogram histogram;
  Duration duration{1};
  for (auto step : state) {
    (void)step;
    histogram.record(duration);
    duration = Duration((duration.count() * 3 + 1) & 0xFFFFF);
  }
}
BENCHMARK(RecordOwned);

void RecordShared(benchmark::State& state) {
  static SharedHistogram histogram;
  Duration duration{1};
  for (auto step : state) {
    (void)step;
    histogram.record(duration);
    duration = Duration((duration.count() * 3 + 1) & 0xFFFFF);
  }
}
BENCHMARK(RecordShared)->Threads(1)->Threads(2);

}  // namespace
}  // namespace nexus::core
