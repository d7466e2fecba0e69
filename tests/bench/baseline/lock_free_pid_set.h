// LockFreePidSet: a set of Pids without a lock, as cheap as one can be: a table of fixed capacity whose places are taken once. A
// Pid that was ever added keeps its place until the set is destroyed, and a flag says whether it is in the set now. So nothing is
// ever freed while another thread may look at it, and there is neither growth nor reclamation to pay for. Measured against, not
// used: a real one would have to pay for both.
//
//   all calls   any thread
//
// Like the rivals in locked_pid_set.h it does not find an actor's handle by its record.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/actor/pid.h"
#include "core/base/check.h"
#include "tests/bench/baseline/same_pid.h"

namespace nexus::bench {

class LockFreePidSet {
 public:
  // So many different Pids may ever be added.
  explicit LockFreePidSet(std::size_t count_max)
      : mask_(std::bit_ceil(2 * count_max) - 1),
        places_(std::make_unique<std::atomic<Entry*>[]>(mask_ + 1)) {}
  ~LockFreePidSet() {
    for (std::size_t i = 0; i <= mask_; ++i) std::unique_ptr<Entry>(places_[i].load()).reset();
  }
  LockFreePidSet(const LockFreePidSet&) = delete;
  LockFreePidSet& operator=(const LockFreePidSet&) = delete;

  bool add(const core::Pid& pid) {
    std::unique_ptr<Entry> made;
    for (std::size_t step = 0; step <= mask_; ++step) {
      std::atomic<Entry*>& place = places_[(pid.hash() + step) & mask_];
      Entry* entry = place.load(std::memory_order_acquire);
      if (entry == nullptr) {
        if (made == nullptr) made = std::make_unique<Entry>(pid);
        // Release publishes the entry; on failure acquire shows that of the thread that came first.
        if (place.compare_exchange_strong(entry, made.get(), std::memory_order_acq_rel)) {
          made.release();
          return true;
        }
      }
      if (SamePid()(entry->pid, pid))
        return !entry->present.exchange(true, std::memory_order_acq_rel);
    }
    CHECK(false && "more Pids than the set was made for");
  }
  bool remove(const core::Pid& pid) {
    Entry* entry = find(pid);
    return entry != nullptr && entry->present.exchange(false, std::memory_order_acq_rel);
  }
  bool contains(const core::Pid& pid) const {
    const Entry* entry = find(pid);
    return entry != nullptr && entry->present.load(std::memory_order_acquire);
  }
  std::size_t size() const {
    std::size_t size = 0;
    for_each([&size](const core::Pid&) { ++size; });
    return size;
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      const Entry* entry = places_[i].load(std::memory_order_acquire);
      if (entry != nullptr && entry->present.load(std::memory_order_acquire)) visit(entry->pid);
    }
  }

 private:
  struct Entry {
    explicit Entry(const core::Pid& p) : pid(p) {}
    const core::Pid pid;
    std::atomic<bool> present{true};
  };

  Entry* find(const core::Pid& pid) const {
    for (std::size_t step = 0; step <= mask_; ++step) {
      Entry* entry = places_[(pid.hash() + step) & mask_].load(std::memory_order_acquire);
      if (entry == nullptr || SamePid()(entry->pid, pid)) return entry;
    }
    return nullptr;
  }

  const std::size_t mask_;
  const std::unique_ptr<std::atomic<Entry*>[]> places_;
};

}  // namespace nexus::bench
