// LockSites: what is counted of all mutexes that were made under one name, such as "cell_table". LockProbe: the part of a Mutex
// that counts; with the build option NEXUS_LOCK_TIMING off it is empty and does nothing.
//
//   all calls   any thread   count_acquisition() has no atomic read-modify-write, no lock and, but for a thread's first, no
//                            allocation
//
// X1  Every acquisition is counted, exactly once. A reader that has synchronised with the counting threads sees them all.
// X2  A wait begins when the mutex was found taken and ends when it was acquired; waiting for a condition is none.
// X3  A site is never forgotten. Past kLockSiteCountMax all further names share the site "(other)".
//
// A site belongs to the process, not to a node: two nodes in one process are counted together.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/telemetry/histogram.h"

namespace nexus::core {

#ifdef NEXUS_LOCK_TIMING
inline constexpr bool kLockTiming = true;
#else
inline constexpr bool kLockTiming = false;
#endif

// The name of a site: a constant string, hashed by the compiler.
class LockSiteName {
 public:
  // Implicit, so that a mutex is made with `Mutex mutex_{"cell_table"}`.
  consteval LockSiteName(const char* text) : text_(text) {
    // FNV-1a.
    for (const char* c = text; *c != '\0'; ++c) {
      hash_ = (hash_ ^ static_cast<unsigned char>(*c)) * 16777619u;
    }
  }
  constexpr const char* text() const { return text_; }
  constexpr std::uint32_t hash() const { return hash_; }

 private:
  const char* text_;
  std::uint32_t hash_ = 2166136261u;
};

inline constexpr std::size_t kLockSiteCountMax = 128;

class LockSites {
 public:
  using Index = std::uint32_t;

  // The same for the same name.
  static Index index_of(LockSiteName name);

  static void count_acquisition(Index site) {
    ThreadCounts* counts = t_counts_;
    if (counts == nullptr) [[unlikely]]
      return count_first(site);
    OneWriter::add(counts->by_site[site], 1);
  }
  // Locks a mutex that was found taken.
  static void lock_contended(Index site, std::mutex& mutex);

  struct State {
    std::string_view name;
    std::uint64_t acquisition_count;
    // Threads that wait now.
    std::uint32_t waiting_count;
    HistogramSnapshot waits;
  };
  // Of every site that was ever named, in no order.
  static std::vector<State> read();

 private:
  struct ThreadCounts;
  struct Site;
  struct GiveBack;

  static std::array<Site, kLockSiteCountMax>& sites();
  static SharedHistogram& waits_of(Site& site);
  static void count_first(Index site);
  static ThreadCounts* adopt_counts();

  // Counts of one thread at a time. Never freed: a later thread goes on with the counts of one that has ended.
  struct alignas(64) ThreadCounts {
    std::array<std::atomic<std::uint64_t>, kLockSiteCountMax> by_site{};
    std::atomic<bool> in_use{true};
    ThreadCounts* next = nullptr;
  };
  // Newest first.
  static std::atomic<ThreadCounts*> all_counts_;
  // Null before the first acquisition of this thread, and after its end.
  inline static constinit thread_local ThreadCounts* t_counts_ = nullptr;
};

template <bool timed>
class LockProbe;

template <>
class LockProbe<true> {
 public:
  explicit LockProbe(LockSiteName name) : site_(LockSites::index_of(name)) {}
  void lock(std::mutex& mutex) const {
    if (!mutex.try_lock()) [[unlikely]]
      LockSites::lock_contended(site_, mutex);
    LockSites::count_acquisition(site_);
  }

 private:
  const LockSites::Index site_;
};

template <>
class LockProbe<false> {
 public:
  explicit LockProbe(LockSiteName) {}
  void lock(std::mutex& mutex) const { mutex.lock(); }
};

}  // namespace nexus::core
