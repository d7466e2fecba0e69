// SeedPidSet: the set of Pids that nexus-actor-rs had after its "synchronous PidSet" step: a list and a map by text, each under a
// reader-writer lock of its own. Measured against, not used.
//
//   all calls   any thread; but see below
//
// Kept as it was: the key is the text `address::id`, built for every look-up; adding looks and then inserts, removing looks for
// the index and then removes by it, in separate critical sections, so that concurrent calls may leave a Pid in one of the two or
// remove the wrong one; removing compares request ids, too, and looking up does not; the list is searched and closed up in O(n).
// Unlike there, a copy of a Pid is a counted reference and not two strings.
#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/actor/pid.h"
#include "tests/bench/baseline/same_pid.h"

namespace nexus::bench {

class SeedPidSet {
 public:
  bool add(const core::Pid& pid) {
    if (contains(pid)) return false;
    {
      const std::unique_lock lock(lookup_mutex_);
      lookup_.insert_or_assign(key_of(pid), pid);
    }
    const std::unique_lock lock(pids_mutex_);
    pids_.push_back(pid);
    return true;
  }
  bool remove(const core::Pid& pid) {
    const auto index = index_of(pid);
    if (index < 0) return false;
    {
      const std::unique_lock lock(lookup_mutex_);
      lookup_.erase(key_of(pid));
    }
    const std::unique_lock lock(pids_mutex_);
    pids_.erase(pids_.begin() + index);
    return true;
  }
  bool contains(const core::Pid& pid) const {
    const std::shared_lock lock(lookup_mutex_);
    return lookup_.contains(key_of(pid));
  }
  std::size_t size() const {
    const std::shared_lock lock(pids_mutex_);
    return pids_.size();
  }
  template <typename Visit>
  void for_each(Visit visit) const {
    const std::shared_lock lock(pids_mutex_);
    for (const core::Pid& pid : pids_) visit(pid);
  }

 private:
  // Of a record without a copy of its two texts, which there were members of the Pid.
  static std::string key_of(const core::Pid& pid) {
    return pid.is_record() ? pid.record()->address + "::" + pid.record()->id
                           : pid.address() + "::" + pid.id();
  }
  static bool same(const core::Pid& a, const core::Pid& b) {
    return a.request_id() == b.request_id() && SamePid()(a, b);
  }
  std::ptrdiff_t index_of(const core::Pid& pid) const {
    const std::shared_lock lock(pids_mutex_);
    const auto found = std::find_if(pids_.begin(), pids_.end(),
                                    [&](const core::Pid& known) { return same(known, pid); });
    return found == pids_.end() ? -1 : found - pids_.begin();
  }

  mutable std::shared_mutex pids_mutex_;
  std::vector<core::Pid> pids_;
  mutable std::shared_mutex lookup_mutex_;
  std::unordered_map<std::string, core::Pid> lookup_;
};

}  // namespace nexus::bench
