// ConcurrentPidSet: a PidSet that any thread may use, for registries of watches: sixteen PidSets, each under a lock of its own.
//
//   add(), remove(), contains()      any thread   one lock of sixteen
//   size(), to_vector(), take_all()  any thread   all locks
//
// Q1  The key is that of PidSet. Each call takes effect at one moment: of several threads that add one Pid, one is answered true.
// Q2  take_all() gives each element to one caller, and none to a remove() that answers true for it.
//
// A record of this node may name the same actor as a handle in any shard, so add(), remove() and contains() of such a record take
// all locks and cost O(n); resolve() it first.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/actor/pid.h"
#include "core/actor/pid_set.h"
#include "core/base/mutex.h"

namespace nexus::core {

class ConcurrentPidSet {
 public:
  // `home`: the address of this node.
  explicit ConcurrentPidSet(std::string home) : home_(std::move(home)) {}

  // False when it was there already.
  bool add(const Pid& pid);
  // False when it was not there.
  bool remove(const Pid& pid);
  bool contains(const Pid& pid) const;

  std::size_t size() const;
  std::vector<Pid> to_vector() const;
  // Leaves the set empty.
  std::vector<Pid> take_all();

 private:
  static constexpr std::size_t kShardCount = 16;
  struct alignas(64) Shard {
    mutable Mutex mutex{"concurrent_pid_set"};
    PidSet pids GUARDED_BY(mutex);
  };
  class AllLocks;

  bool is_home_record(const Pid& pid) const {
    return pid.is_record() && pid.record()->address == home_;
  }
  // By the highest bits: PidSet takes the low ones.
  const Shard& shard_of(const Pid& pid) const {
    return shards_[pid.hash() / (~std::uint64_t{0} / kShardCount + 1)];
  }
  Shard& shard_of(const Pid& pid) { return const_cast<Shard&>(std::as_const(*this).shard_of(pid)); }

  bool add_home_record(const Pid& record);
  bool remove_by_name(const Pid& pid);
  bool contains_home_record(const Pid& record) const;

  // Set at construction, then read by any thread.
  const std::string home_;

  std::array<Shard, kShardCount> shards_;
  // Changed under all locks, hence read under any one of them.
  PidSet home_records_;
};

}  // namespace nexus::core
