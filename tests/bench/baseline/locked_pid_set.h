// Rivals of PidSet and ConcurrentPidSet, made of what the standard library has. Measured against, not used. They know a Pid by its
// hash and its sort: unlike PidSet they do not find an actor's handle by its record.
//
//   UnorderedPidSet   owner        std::unordered_set
//   RwLockPidSet      any thread   one reader-writer lock around it
//   ShardedPidSet     any thread   sixteen of them, each under a mutex
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <shared_mutex>
#include <unordered_set>

#include "core/actor/pid.h"
#include "tests/bench/baseline/same_pid.h"

namespace nexus::bench {

class UnorderedPidSet {
 public:
  bool add(const core::Pid& pid) { return pids_.insert(pid).second; }
  bool remove(const core::Pid& pid) { return pids_.erase(pid) == 1; }
  bool contains(const core::Pid& pid) const { return pids_.contains(pid); }
  std::size_t size() const { return pids_.size(); }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const core::Pid& pid : pids_) visit(pid);
  }

 private:
  std::unordered_set<core::Pid, std::hash<core::Pid>, SamePid> pids_;
};

class RwLockPidSet {
 public:
  bool add(const core::Pid& pid) {
    const std::unique_lock lock(mutex_);
    return pids_.add(pid);
  }
  bool remove(const core::Pid& pid) {
    const std::unique_lock lock(mutex_);
    return pids_.remove(pid);
  }
  bool contains(const core::Pid& pid) const {
    const std::shared_lock lock(mutex_);
    return pids_.contains(pid);
  }
  std::size_t size() const {
    const std::shared_lock lock(mutex_);
    return pids_.size();
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    const std::shared_lock lock(mutex_);
    pids_.for_each(visit);
  }

 private:
  mutable std::shared_mutex mutex_;
  UnorderedPidSet pids_;
};

class ShardedPidSet {
 public:
  bool add(const core::Pid& pid) {
    Shard& shard = shards_[index_of(pid)];
    const std::lock_guard lock(shard.mutex);
    return shard.pids.add(pid);
  }
  bool remove(const core::Pid& pid) {
    Shard& shard = shards_[index_of(pid)];
    const std::lock_guard lock(shard.mutex);
    return shard.pids.remove(pid);
  }
  bool contains(const core::Pid& pid) const {
    const Shard& shard = shards_[index_of(pid)];
    const std::lock_guard lock(shard.mutex);
    return shard.pids.contains(pid);
  }
  std::size_t size() const {
    std::size_t size = 0;
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      size += shard.pids.size();
    }
    return size;
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      shard.pids.for_each(visit);
    }
  }

 private:
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    UnorderedPidSet pids;
  };
  static std::size_t index_of(const core::Pid& pid) { return pid.hash() >> 60; }

  std::array<Shard, 16> shards_;
};

}  // namespace nexus::bench
