// What do add, contains, remove and a walk cost in sets of 8, 64, 512 and 4096 Pids, ours beside four rivals and the seed's?
//
// Rows: OPERATION<Set>/SORT/SIZE[/threads:2]. SORT 0 is Pids of other nodes (records: text), SORT 1 actors of this node (handles),
// SORT 2 actors of one id at as many nodes. The column per_operation is the time of one.
//
//   Add, Remove          of all elements, one after the other, into and out of as many sets as make a thousand operations or more
//   Hit, Miss            contains() in a set of that size
//   Replace              remove() and add() of the same element, the set keeps its size
//   Walk                 for_each(), or to_vector() where there is none; per element
//   SharedHit, SharedReplace   the same by two threads in one set, each with half of the elements

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/actor/concurrent_pid_set.h"
#include "core/actor/pid_set.h"
#include "core/actor_system.h"
#include "tests/bench/baseline/lock_free_pid_set.h"
#include "tests/bench/baseline/locked_pid_set.h"
#include "tests/bench/baseline/seed_pid_set.h"

namespace nexus {
namespace {

using core::Pid;

constexpr std::size_t kSizeMax = 4096;

// Twice as many as the largest set holds: the second half is never added. Sets hold the first copy and are asked for the second: a
// Pid that comes over the wire is another record than the one in the set.
struct Pids {
  std::vector<Pid> held;
  std::vector<Pid> asked_for;
};
const Pids& pids_of_sort(std::int64_t sort) {
  static core::ActorSystem system({.worker_count = 1});
  static const auto made = [] {
    const auto props = core::share(core::props_of([](core::Context&) {}));
    std::array<Pids, 3> pids;
    for (std::size_t i = 0; i < 2 * kSizeMax; ++i) {
      const std::string address = "10.0.0." + std::to_string(i % 7) + ":4020";
      const std::string id = "shop/basket-" + std::to_string(i);
      pids[0].held.push_back(Pid::of_name(address, id));
      pids[0].asked_for.push_back(Pid::of_name(address, id));
      pids[1].held.push_back(*system.spawn(props));
      pids[1].asked_for.push_back(pids[1].held.back());
      const std::string own_address = "node-" + std::to_string(i) + ".example:4020";
      pids[2].held.push_back(Pid::of_name(own_address, "shop"));
      pids[2].asked_for.push_back(Pid::of_name(own_address, "shop"));
    }
    // The order of memory would be kinder than life.
    for (Pids& some : pids) {
      std::shuffle(some.held.begin(), some.held.end(), std::mt19937(1));
      std::shuffle(some.asked_for.begin(), some.asked_for.end(), std::mt19937(1));
    }
    return pids;
  }();
  return made[static_cast<std::size_t>(sort)];
}

template <typename Set>
std::unique_ptr<Set> make(std::size_t size) {
  if constexpr (std::is_constructible_v<Set, std::string>) {
    return std::make_unique<Set>("127.0.0.1:1");
  } else if constexpr (std::is_constructible_v<Set, std::size_t>) {
    return std::make_unique<Set>(size);
  } else {
    return std::make_unique<Set>();
  }
}

struct Input {
  explicit Input(const benchmark::State& state)
      : held(pids_of_sort(state.range(0)).held),
        asked_for(pids_of_sort(state.range(0)).asked_for),
        size(static_cast<std::size_t>(state.range(1))) {}
  template <typename Set>
  std::unique_ptr<Set> filled() const {
    auto set = make<Set>(size);
    for (std::size_t i = 0; i < size; ++i) set->add(held[i]);
    return set;
  }
  const std::vector<Pid>& held;
  const std::vector<Pid>& asked_for;
  const std::size_t size;
};

void count_operations(benchmark::State& state, std::size_t per_iteration) {
  const auto operations =
      static_cast<double>(per_iteration) * static_cast<double>(state.iterations());
  state.counters["per_operation"] =
      benchmark::Counter(operations / static_cast<double>(state.threads()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// Processor time of this thread: on a busy machine it is steadier than the clock on the wall.
std::chrono::nanoseconds thread_time() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Only what `step` does for each set counts, not how the sets are made.
template <typename Set, typename Prepare, typename Step>
void on_many_sets(benchmark::State& state, const Input& input, Prepare prepare, Step step) {
  const std::size_t set_count = std::max<std::size_t>(1, 1024 / input.size);
  for (auto iteration : state) {
    (void)iteration;
    std::vector<std::unique_ptr<Set>> sets;
    for (std::size_t i = 0; i < set_count; ++i) sets.push_back(prepare());
    const auto begun_at = thread_time();
    for (const auto& set : sets) step(*set);
    state.SetIterationTime(std::chrono::duration<double>(thread_time() - begun_at).count());
  }
  count_operations(state, set_count * input.size);
}

template <typename Set>
void Add(benchmark::State& state) {
  const Input input(state);
  on_many_sets<Set>(
      state, input, [&] { return make<Set>(input.size); },
      [&](Set& set) {
        for (std::size_t i = 0; i < input.size; ++i) {
          benchmark::DoNotOptimize(set.add(input.held[i]));
        }
      });
}

template <typename Set>
void Remove(benchmark::State& state) {
  const Input input(state);
  on_many_sets<Set>(
      state, input, [&] { return input.filled<Set>(); },
      [&](Set& set) {
        for (std::size_t i = 0; i < input.size; ++i) {
          benchmark::DoNotOptimize(set.remove(input.asked_for[i]));
        }
      });
}

template <typename Set, std::size_t offset>
void look_up(benchmark::State& state) {
  const Input input(state);
  const auto set = input.filled<Set>();
  for (auto iteration : state) {
    (void)iteration;
    for (std::size_t i = 0; i < input.size; ++i) {
      benchmark::DoNotOptimize(set->contains(input.asked_for[i + offset]));
    }
  }
  count_operations(state, input.size);
}
template <typename Set>
void Hit(benchmark::State& state) {
  look_up<Set, 0>(state);
}
template <typename Set>
void Miss(benchmark::State& state) {
  look_up<Set, kSizeMax>(state);
}

template <typename Set>
void Replace(benchmark::State& state) {
  const Input input(state);
  const auto set = input.filled<Set>();
  for (auto iteration : state) {
    (void)iteration;
    for (std::size_t i = 0; i < input.size; ++i) {
      benchmark::DoNotOptimize(set->remove(input.asked_for[i]));
      benchmark::DoNotOptimize(set->add(input.held[i]));
    }
  }
  count_operations(state, 2 * input.size);
}

template <typename Set>
void Walk(benchmark::State& state) {
  const Input input(state);
  const auto set = input.filled<Set>();
  for (auto iteration : state) {
    (void)iteration;
    if constexpr (
        requires { set->to_vector(); } && !requires { set->clear(); }) {
      for (const Pid& pid : set->to_vector()) benchmark::DoNotOptimize(pid.generation());
    } else {
      set->for_each([](const Pid& pid) { benchmark::DoNotOptimize(pid.generation()); });
    }
  }
  count_operations(state, input.size);
}

// Made by the first thread of a run, for all of them.
template <typename Set>
std::unique_ptr<Set>& shared_set() {
  static std::unique_ptr<Set> set;
  return set;
}

template <typename Set>
void on_shared_set(benchmark::State& state, bool replace) {
  const Input input(state);
  if (state.thread_index() == 0) shared_set<Set>() = input.filled<Set>();
  const auto first = static_cast<std::size_t>(state.thread_index());
  const auto step = static_cast<std::size_t>(state.threads());
  for (auto iteration : state) {
    (void)iteration;
    Set& set = *shared_set<Set>();
    for (std::size_t i = first; i < input.size; i += step) {
      if (replace) {
        benchmark::DoNotOptimize(set.remove(input.asked_for[i]));
        benchmark::DoNotOptimize(set.add(input.held[i]));
      } else {
        benchmark::DoNotOptimize(set.contains(input.asked_for[i]));
      }
    }
  }
  count_operations(state, (replace ? 2 : 1) * input.size / step);
}
template <typename Set>
void SharedHit(benchmark::State& state) {
  on_shared_set<Set>(state, false);
}
template <typename Set>
void SharedReplace(benchmark::State& state) {
  on_shared_set<Set>(state, true);
}

// The seed's key is text, which only records have at hand.
void records_only(benchmark::internal::Benchmark* bench) {
  bench->ArgsProduct({{0}, {8, 64, 512, 4096}});
}
void one_id(benchmark::internal::Benchmark* bench) {
  bench->ArgsProduct({{2}, {8, 64, 512, 4096}});
}
void both_sorts(benchmark::internal::Benchmark* bench) {
  bench->ArgsProduct({{0, 1}, {8, 64, 512, 4096}});
}

#define BENCH_SET(Set, sorts)                                     \
  BENCHMARK_TEMPLATE(Add, Set)->Apply(sorts)->UseManualTime();    \
  BENCHMARK_TEMPLATE(Hit, Set)->Apply(sorts);                     \
  BENCHMARK_TEMPLATE(Miss, Set)->Apply(sorts);                    \
  BENCHMARK_TEMPLATE(Remove, Set)->Apply(sorts)->UseManualTime(); \
  BENCHMARK_TEMPLATE(Replace, Set)->Apply(sorts);                 \
  BENCHMARK_TEMPLATE(Walk, Set)->Apply(sorts)

#define BENCH_SHARED_SET(Set)                                                       \
  BENCHMARK_TEMPLATE(SharedHit, Set)->Apply(both_sorts)->Threads(2)->UseRealTime(); \
  BENCHMARK_TEMPLATE(SharedReplace, Set)->Apply(both_sorts)->Threads(2)->UseRealTime()

using bench::LockFreePidSet;
using bench::RwLockPidSet;
using bench::SeedPidSet;
using bench::ShardedPidSet;
using bench::UnorderedPidSet;
using core::ConcurrentPidSet;
using core::PidSet;

BENCH_SET(PidSet, both_sorts);
BENCH_SET(UnorderedPidSet, both_sorts);
BENCH_SET(SeedPidSet, records_only);
BENCH_SET(ConcurrentPidSet, both_sorts);
BENCH_SET(RwLockPidSet, both_sorts);
BENCH_SET(ShardedPidSet, both_sorts);
BENCH_SET(LockFreePidSet, both_sorts);

// Pid::hash() leaves the address out, PidSet does not.
BENCHMARK_TEMPLATE(Hit, PidSet)->Apply(one_id);
BENCHMARK_TEMPLATE(Hit, UnorderedPidSet)->Apply(one_id);

BENCH_SHARED_SET(ConcurrentPidSet);
BENCH_SHARED_SET(RwLockPidSet);
BENCH_SHARED_SET(ShardedPidSet);
BENCH_SHARED_SET(LockFreePidSet);

}  // namespace
}  // namespace nexus
