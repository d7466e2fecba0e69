// What does a watch over a link cost in EndpointWatcher, and in one registry under the link's mutex?
//
// Rows: OPERATION<Watches>/WATCHERS/threads:N. Each thread has its own half of the watchers, each of which watches 16 actors.
//
//   Duplicate     a watch that is known
//   Change        an unwatch and a watch of the same pair, both forwarded
//   BesideSends   Duplicate, while one more thread takes the link's mutex again and again for as long as a message over it does
//   BesideSendAll Duplicate, while one more thread sends all watches, as when a link comes up; worst_ms is the longest that one took

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/actor_system.h"
#include "remote/endpoint_watcher.h"
#include "tests/bench/baseline/locked_watch_registry.h"

namespace nexus {
namespace {

using core::Pid;

constexpr std::size_t kWatcherCountMax = 4096;
constexpr std::size_t kWatcheeCount = 16;

// Ours, with the calls of the endpoint around it.
class Sharded {
 public:
  explicit Sharded(core::Mutex& link) : link_(link) {}
  template <typename Forward>
  bool add(const Pid& watcher, const Pid& watchee, Forward forward) {
    if (watches_.knows(watcher, watchee)) return false;
    const core::MutexLock lock(link_);
    if (!watches_.add(watcher, watchee)) return false;
    forward(watcher, watchee, true);
    return true;
  }
  template <typename Forward>
  bool remove(const Pid& watcher, const Pid& watchee, Forward forward) {
    const core::MutexLock lock(link_);
    if (!watches_.remove(watcher, watchee)) return false;
    forward(watcher, watchee, false);
    return true;
  }
  template <typename Forward>
  void send_all(Forward forward) {
    const core::MutexLock lock(link_);
    watches_.for_each(
        [&](const Pid& watcher, const Pid& watchee) { forward(watcher, watchee, true); });
  }

 private:
  core::Mutex& link_;
  remote::EndpointWatcher watches_;
};
using OneMutex = bench::LockedWatchRegistry;

struct Pids {
  std::vector<Pid> watchers;
  // The watchee comes as another record each time, as it does with a message.
  std::vector<Pid> watchees;
};
const Pids& pids() {
  static core::ActorSystem system({.worker_count = 1});
  static const Pids made = [] {
    const auto props = core::share(core::props_of([](core::Context&) {}));
    Pids all;
    for (std::size_t i = 0; i < kWatcherCountMax; ++i) {
      all.watchers.push_back(*system.spawn(props));
    }
    for (std::size_t i = 0; i < kWatcheeCount; ++i) {
      all.watchees.push_back(Pid::of_name("10.0.0.7:4020", "shop/basket-" + std::to_string(i)));
    }
    return all;
  }();
  return made;
}

// Stands for what the link does with a message about it.
struct Forwarded {
  void operator()(const Pid& watcher, const Pid& watchee, bool watch) {
    benchmark::DoNotOptimize(watcher.hash() + watchee.hash() + (watch ? 1 : 0));
  }
};

// One for all threads of a row.
template <typename Watches>
struct Link {
  explicit Link(std::size_t watcher_count) {
    for (std::size_t i = 0; i < watcher_count; ++i) {
      for (const Pid& watchee : pids().watchees) {
        (void)watches.add(pids().watchers[i], watchee, Forwarded{});
      }
    }
  }
  core::Mutex mutex{"bench_link"};
  Watches watches{mutex};
};
template <typename Watches>
std::unique_ptr<Link<Watches>> g_link;

template <typename Watches>
void set_up(const benchmark::State& state) {
  g_link<Watches> = std::make_unique<Link<Watches>>(static_cast<std::size_t>(state.range(0)));
}
template <typename Watches>
void tear_down(const benchmark::State&) {
  g_link<Watches>.reset();
}

// Goes over the pairs of this thread's half of the watchers.
class OwnPairs {
 public:
  explicit OwnPairs(const benchmark::State& state)
      : count_(static_cast<std::size_t>(state.range(0) / state.threads())),
        first_(count_ * static_cast<std::size_t>(state.thread_index())) {}
  const Pid& watcher() const { return pids().watchers[first_ + at_ % count_]; }
  const Pid& watchee() const { return pids().watchees[at_ / count_ % kWatcheeCount]; }
  void next() { ++at_; }

 private:
  const std::size_t count_;
  const std::size_t first_;
  std::size_t at_ = 0;
};

template <typename Watches>
void Duplicate(benchmark::State& state) {
  OwnPairs pairs(state);
  for (auto iteration : state) {
    (void)iteration;
    benchmark::DoNotOptimize(
        g_link<Watches>->watches.add(pairs.watcher(), pairs.watchee(), Forwarded{}));
    pairs.next();
  }
}

template <typename Watches>
void Change(benchmark::State& state) {
  OwnPairs pairs(state);
  for (auto iteration : state) {
    (void)iteration;
    benchmark::DoNotOptimize(
        g_link<Watches>->watches.remove(pairs.watcher(), pairs.watchee(), Forwarded{}));
    benchmark::DoNotOptimize(
        g_link<Watches>->watches.add(pairs.watcher(), pairs.watchee(), Forwarded{}));
    pairs.next();
  }
}

// About what writing a message into the frame that grows takes.
class Writing {
 public:
  void operator()() {
    for (char& byte : frame_) benchmark::DoNotOptimize(++byte);
  }

 private:
  std::vector<char> frame_ = std::vector<char>(256);
};

template <typename Watches>
void BesideSends(benchmark::State& state) {
  OwnPairs pairs(state);
  std::atomic<bool> ended{false};
  std::thread sender([&] {
    Writing write;
    while (!ended.load(std::memory_order_relaxed)) {
      const core::MutexLock lock(g_link<Watches>->mutex);
      write();
    }
  });
  for (auto iteration : state) {
    (void)iteration;
    benchmark::DoNotOptimize(
        g_link<Watches>->watches.add(pairs.watcher(), pairs.watchee(), Forwarded{}));
    pairs.next();
  }
  ended.store(true);
  sender.join();
}

template <typename Watches>
void BesideSendAll(benchmark::State& state) {
  OwnPairs pairs(state);
  std::atomic<bool> ended{false};
  std::thread sender([&] {
    Writing write;
    while (!ended.load(std::memory_order_relaxed)) {
      g_link<Watches>->watches.send_all([&](const Pid&, const Pid&, bool) { write(); });
    }
  });
  const core::SteadyClock clock;
  core::Duration worst{};
  for (auto iteration : state) {
    (void)iteration;
    const core::Instant begun_at = clock.now();
    benchmark::DoNotOptimize(
        g_link<Watches>->watches.add(pairs.watcher(), pairs.watchee(), Forwarded{}));
    worst = std::max(worst, clock.now() - begun_at);
    pairs.next();
  }
  ended.store(true);
  sender.join();
  state.counters["worst_ms"] = static_cast<double>(worst.count()) / 1e6;
}

#define NEXUS_WATCHES(operation, watches)       \
  BENCHMARK_TEMPLATE(operation, watches)        \
      ->Arg(64)                                 \
      ->Arg(static_cast<int>(kWatcherCountMax)) \
      ->Setup(set_up<watches>)                  \
      ->Teardown(tear_down<watches>)            \
      ->UseRealTime()

NEXUS_WATCHES(Duplicate, Sharded)->Threads(1)->Threads(2);
NEXUS_WATCHES(Duplicate, OneMutex)->Threads(1)->Threads(2);
NEXUS_WATCHES(Change, Sharded)->Threads(1)->Threads(2);
NEXUS_WATCHES(Change, OneMutex)->Threads(1)->Threads(2);
NEXUS_WATCHES(BesideSends, Sharded);
NEXUS_WATCHES(BesideSends, OneMutex);
NEXUS_WATCHES(BesideSendAll, Sharded)->Iterations(200'000);
NEXUS_WATCHES(BesideSendAll, OneMutex)->Iterations(200'000);

}  // namespace
}  // namespace nexus
