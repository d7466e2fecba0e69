// Explorer: runs a few threads in an order that a seed decides, and the same again for the same seed. The threads are fibers of one
// thread: exactly one runs, and at each operation of shadow/ (an atomic, a mutex, a fence) the seed says who goes on.
//
//   run()             once for each schedule, from a thread that is no fiber
//   run_threads()     the body, inside run()
//   random()          the body and its threads
//
// How a seed chooses: a quarter of the seeds goes on with anybody at each point, a quarter changes more seldom, and half have the
// threads run by priority, with a few points at which the one that runs falls behind all others (PCT: Burckhardt, Kothari,
// Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding bugs", ASPLOS 2010). For half of the
// seeds there are points behind the operations, too. For half, stores that are weaker than sequentially consistent are kept back
// for a while, in order, as x86 processors do (Sewell and others, "x86-TSO", CACM 2010). A weak compare_exchange fails now and
// then for no reason.
//
// What is not explored: any order that x86-TSO does not have, such as two relaxed stores seen the other way round, or stale loads;
// plain data between two points, which stay together; code that uses std::atomic itself; real time. ThreadSanitizer looks at
// the same tests with real threads and, because a change of fibers orders nothing for it, at each schedule that is explored.
//
// A schedule in which all threads wait, or that has more than kStepCountMax points, ends there: nothing of it is destroyed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/explore/hooks.h"

namespace nexus::explore {

// Small, fast, and the same everywhere (Steele, Lea, Flood, OOPSLA 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e37'79b9'7f4a'7c15) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
  }
  // 0 <= result < limit; limit > 0.
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>((next() >> 32) * limit >> 32);
  }

 private:
  std::uint64_t state_;
};

enum class End : std::uint8_t { done, deadlock, too_long };

class Explorer {
 public:
  static constexpr std::uint32_t kThreadCountMax = 8;
  static constexpr std::uint32_t kStepCountMax = 100'000;

  Explorer();
  ~Explorer();

  struct Schedule {
    End end = End::done;
    std::uint64_t step_count = 0;
    // Of who went on at which point.
    std::uint64_t fingerprint = 0;
  };
  // With `trace`, what each thread did goes there, line by line.
  Schedule run(std::uint64_t seed, const std::function<void()>& body,
               std::vector<std::string>* trace = nullptr);

  // At most kThreadCountMax; returns when all have ended. Several times, one after the other, if need be.
  void run_threads(const std::vector<std::function<void()>>& threads);
  Random& random();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::explore
