#include "remote/endpoint_watcher.h"

#include <utility>

namespace nexus::remote {

bool EndpointWatcher::knows(const core::Pid& watcher, const core::Pid& watchee) const {
  const Shard& shard = shards_[shard_of(watcher)];
  const core::MutexLock lock(shard.mutex);
  const auto found = shard.watches.find(watcher);
  return found != shard.watches.end() && found->second.contains(watchee);
}

bool EndpointWatcher::add(const core::Pid& watcher, const core::Pid& watchee) {
  Shard& shard = shards_[shard_of(watcher)];
  const core::MutexLock lock(shard.mutex);
  if (!shard.watches[watcher].add(watchee)) return false;
  // Relaxed, here and below: a statistic, it publishes nothing.
  count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool EndpointWatcher::remove(const core::Pid& watcher, const core::Pid& watchee) {
  Shard& shard = shards_[shard_of(watcher)];
  const core::MutexLock lock(shard.mutex);
  const auto found = shard.watches.find(watcher);
  if (found == shard.watches.end() || !found->second.remove(watchee)) return false;
  if (found->second.empty()) shard.watches.erase(found);
  count_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

std::vector<EndpointWatcher::Watch> EndpointWatcher::take_all() {
  std::vector<Watch> all;
  all.reserve(size());
  for (Shard& shard : shards_) {
    const core::MutexLock lock(shard.mutex);
    // Assigning an empty one gives the buckets back, clear() keeps them.
    const auto watches = std::exchange(shard.watches, {});
    std::size_t taken_count = 0;
    for (const auto& entry : watches) {
      entry.second.for_each([&](const core::Pid& watchee) {
        all.push_back({entry.first, watchee});
      });
      taken_count += entry.second.size();
    }
    count_.fetch_sub(taken_count, std::memory_order_relaxed);
  }
  return all;
}

}  // namespace nexus::remote
