// EndpointWatcher: who of this node watches whom at one peer: watcher -> set of watchees, in sixteen shards with a lock each, so that
// a pair that is known already is found without the lock of the link.
//
//   knows()                         any thread   one shard's lock
//   size()                          any thread   no lock
//   add(), remove(), take_all()     owner        the endpoint, under its mutex; one shard's lock at a time
//   for_each()                      owner        no lock: nobody else changes what it reads
//
// The order of locks is endpoint, shard.
//
// T1  A pair is in here once. Of the calls that end it (remove(), take_all()) exactly one has it.
// T2  The owner sends what it changes before it lets go of its mutex: the peer hears of each pair's changes in their order.
// T3  What knows() has found began before that, and has not ended before knows() was called.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/actor/pid.h"
#include "core/actor/pid_set.h"
#include "core/base/mutex.h"
#include "remote/watch_registry.h"

namespace nexus::remote {

class EndpointWatcher {
 public:
  using Watch = WatchRegistry::Watch;

  bool knows(const core::Pid& watcher, const core::Pid& watchee) const;
  // Pairs. Exact once the threads that change them have been synchronised with.
  std::size_t size() const { return count_.load(std::memory_order_relaxed); }

  // False when the pair was known.
  [[nodiscard]] bool add(const core::Pid& watcher, const core::Pid& watchee);
  // False when the pair was not known.
  [[nodiscard]] bool remove(const core::Pid& watcher, const core::Pid& watchee);
  // Calls `visit(watcher, watchee)` for each pair. It must not call back.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Shard& shard : shards_) {
      // No structured binding: clang 14 cannot capture one.
      for (const auto& entry : shard.watches) {
        entry.second.for_each([&](const core::Pid& watchee) { visit(entry.first, watchee); });
      }
    }
  }
  // Leaves nothing, and its memory neither.
  std::vector<Watch> take_all();

 private:
  struct alignas(64) Shard {
    mutable core::Mutex mutex{"endpoint_watcher"};
    // Changed by the owner under this lock; read by others under it, and by the owner.
    std::unordered_map<core::Pid, core::PidSet> watches;
  };
  static constexpr std::size_t kShardCount = 16;

  // By the highest bits: the map takes the low ones.
  static std::size_t shard_of(const core::Pid& watcher) {
    return watcher.hash() / (~std::uint64_t{0} / kShardCount + 1);
  }

  std::array<Shard, kShardCount> shards_;
  // Changed under a shard's lock.
  std::atomic<std::size_t> count_{0};
};

}  // namespace nexus::remote
