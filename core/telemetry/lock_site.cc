#include "core/telemetry/lock_site.h"

#include <cstring>
#include <memory>
#include <utility>

namespace nexus::core {

struct LockSites::Site {
  // Null while the place is free.
  std::atomic<const char*> name{nullptr};
  // Made at the first wait, never freed.
  std::atomic<SharedHistogram*> waits{nullptr};
  std::atomic<std::uint32_t> waiting_count{0};
  // Acquisitions by threads that were ending.
  std::atomic<std::uint64_t> late_count{0};
};

namespace {

// The first place is kept for all that find no other.
constexpr LockSites::Index kOther = 0;
constexpr const char* kOtherName = "(other)";

// Has no destructor and so outlives GiveBack: other thread-local objects may lock while they are destroyed.
thread_local bool t_thread_is_ending = false;

}  // namespace

std::atomic<LockSites::ThreadCounts*> LockSites::all_counts_{nullptr};

std::array<LockSites::Site, kLockSiteCountMax>& LockSites::sites() {
  // Constant-initialised and without a destructor: mutexes may be made and locked before and after main().
  static constinit std::array<Site, kLockSiteCountMax> all{};
  return all;
}

LockSites::Index LockSites::index_of(LockSiteName name) {
  for (std::size_t step = 0; step < kLockSiteCountMax; ++step) {
    const auto index = static_cast<Index>((name.hash() + step) % kLockSiteCountMax);
    if (index == kOther) continue;
    std::atomic<const char*>& place = sites()[index].name;
    const char* known = place.load(std::memory_order_relaxed);
    // Relaxed: names are constants, there is nothing to publish. On failure `known` is who came first.
    if (known == nullptr &&
        place.compare_exchange_strong(known, name.text(), std::memory_order_relaxed)) {
      return index;
    }
    if (known == name.text() || std::strcmp(known, name.text()) == 0) return index;
  }
  sites()[kOther].name.store(kOtherName, std::memory_order_relaxed);
  return kOther;
}

// Hands the counts of an ending thread on.
struct LockSites::GiveBack {
  ~GiveBack() {
    t_thread_is_ending = true;
    ThreadCounts* counts = std::exchange(t_counts_, nullptr);
    // Release: the next owner goes on from these counts.
    counts->in_use.store(false, std::memory_order_release);
  }
};

LockSites::ThreadCounts* LockSites::adopt_counts() {
  // Acquire pairs with the release of whoever pushed the head; the rest of the chain never changes.
  ThreadCounts* head = all_counts_.load(std::memory_order_acquire);
  for (ThreadCounts* counts = head; counts != nullptr; counts = counts->next) {
    // Acquire pairs with the release of the thread that had it before.
    if (!counts->in_use.load(std::memory_order_relaxed) &&
        !counts->in_use.exchange(true, std::memory_order_acquire)) {
      return counts;
    }
  }
  ThreadCounts* made = std::make_unique<ThreadCounts>().release();
  made->next = head;
  while (!all_counts_.compare_exchange_weak(made->next, made, std::memory_order_release,
                                            std::memory_order_relaxed)) {
  }
  return made;
}

void LockSites::count_first(Index site) {
  if (t_thread_is_ending) {
    sites()[site].late_count.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  t_counts_ = adopt_counts();
  thread_local const GiveBack give_back;
  count_acquisition(site);
}

SharedHistogram& LockSites::waits_of(Site& site) {
  // Acquire and release: who finds the histogram finds it made.
  SharedHistogram* waits = site.waits.load(std::memory_order_acquire);
  if (waits != nullptr) return *waits;
  auto made = std::make_unique<SharedHistogram>();
  if (site.waits.compare_exchange_strong(waits, made.get(), std::memory_order_acq_rel)) {
    waits = made.release();
  }
  return *waits;
}

void LockSites::lock_contended(Index index, std::mutex& mutex) {
  Site& site = sites()[index];
  const SteadyClock clock;
  const Instant begun_at = clock.now();
  site.waiting_count.fetch_add(1, std::memory_order_relaxed);
  mutex.lock();
  site.waiting_count.fetch_sub(1, std::memory_order_relaxed);
  waits_of(site).record(clock.now() - begun_at);
}

std::vector<LockSites::State> LockSites::read() {
  std::vector<State> states;
  for (std::size_t i = 0; i < kLockSiteCountMax; ++i) {
    const Site& site = sites()[i];
    const char* name = site.name.load(std::memory_order_relaxed);
    if (name == nullptr) continue;
    State& state = states.emplace_back();
    state.name = name;
    state.acquisition_count = site.late_count.load(std::memory_order_relaxed);
    state.waiting_count = site.waiting_count.load(std::memory_order_relaxed);
    for (const ThreadCounts* counts = all_counts_.load(std::memory_order_acquire);
         counts != nullptr; counts = counts->next) {
      state.acquisition_count += counts->by_site[i].load(std::memory_order_relaxed);
    }
    const SharedHistogram* waits = site.waits.load(std::memory_order_acquire);
    if (waits != nullptr) waits->add_to(state.waits);
  }
  return states;
}

}  // namespace nexus::core
