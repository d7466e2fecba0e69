#include "core/actor/concurrent_pid_set.h"

#include <iterator>

namespace nexus::core {

// Holds the locks of all shards, taken in their order. Clang cannot follow locks in an array, so what relies on this one is
// not checked by it.
class ConcurrentPidSet::AllLocks {
 public:
  explicit AllLocks(const ConcurrentPidSet& set) NEXUS_THREAD_ATTRIBUTE(no_thread_safety_analysis)
      : shards_(set.shards_) {
    for (const Shard& shard : shards_) shard.mutex.lock();
  }
  ~AllLocks() NEXUS_THREAD_ATTRIBUTE(no_thread_safety_analysis) {
    for (const Shard& shard : shards_) shard.mutex.unlock();
  }
  AllLocks(const AllLocks&) = delete;
  AllLocks& operator=(const AllLocks&) = delete;

 private:
  const std::array<Shard, kShardCount>& shards_;
};

bool ConcurrentPidSet::add(const Pid& pid) {
  if (is_home_record(pid)) return add_home_record(pid);
  Shard& shard = shard_of(pid);
  const MutexLock lock(shard.mutex);
  return !home_records_.contains(pid) && shard.pids.add(pid);
}

bool ConcurrentPidSet::remove(const Pid& pid) {
  if (is_home_record(pid)) return remove_by_name(pid);
  {
    Shard& shard = shard_of(pid);
    const MutexLock lock(shard.mutex);
    if (shard.pids.remove(pid)) return true;
    if (!home_records_.contains(pid)) return false;
  }
  return remove_by_name(pid);
}

bool ConcurrentPidSet::contains(const Pid& pid) const {
  if (is_home_record(pid)) return contains_home_record(pid);
  const Shard& shard = shard_of(pid);
  const MutexLock lock(shard.mutex);
  return shard.pids.contains(pid) || home_records_.contains(pid);
}

NEXUS_THREAD_ATTRIBUTE(no_thread_safety_analysis)
bool ConcurrentPidSet::add_home_record(const Pid& record) {
  const AllLocks locks(*this);
  for (const Shard& shard : shards_) {
    if (shard.pids.contains(record)) return false;
  }
  return home_records_.add(record);
}

NEXUS_THREAD_ATTRIBUTE(no_thread_safety_analysis)
bool ConcurrentPidSet::remove_by_name(const Pid& pid) {
  const AllLocks locks(*this);
  for (Shard& shard : shards_) {
    if (shard.pids.remove(pid)) return true;
  }
  return home_records_.remove(pid);
}

NEXUS_THREAD_ATTRIBUTE(no_thread_safety_analysis)
bool ConcurrentPidSet::contains_home_record(const Pid& record) const {
  const AllLocks locks(*this);
  for (const Shard& shard : shards_) {
    if (shard.pids.contains(record)) return true;
  }
  return home_records_.contains(record);
}

NEXUS_THREAD_ATTRIBUTE(no_thread_safety_analysis)
std::size_t ConcurrentPidSet::size() const {
  const AllLocks locks(*this);
  std::size_t size = home_records_.size();
  for (const Shard& shard : shards_) size += shard.pids.size();
  return size;
}

NEXUS_THREAD_ATTRIBUTE(no_thread_safety_analysis)
std::vector<Pid> ConcurrentPidSet::to_vector() const {
  const AllLocks locks(*this);
  std::vector<Pid> all = home_records_.to_vector();
  for (const Shard& shard : shards_) {
    shard.pids.for_each([&all](const Pid& pid) { all.push_back(pid); });
  }
  return all;
}

NEXUS_THREAD_ATTRIBUTE(no_thread_safety_analysis)
std::vector<Pid> ConcurrentPidSet::take_all() {
  const AllLocks locks(*this);
  std::vector<Pid> all = home_records_.take_all();
  for (Shard& shard : shards_) {
    std::vector<Pid> some = shard.pids.take_all();
    all.insert(all.end(), std::make_move_iterator(some.begin()),
               std::make_move_iterator(some.end()));
  }
  return all;
}

}  // namespace nexus::core
