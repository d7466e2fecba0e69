// WatchRegistry: who watches whom across one link: watcher -> set of watchees. Pure.
//
//   all calls   owner   no lock inside
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/actor/pid.h"
#include "core/actor/pid_set.h"

namespace nexus::remote {

class WatchRegistry {
 public:
  struct Watch {
    core::Pid watcher;
    core::Pid watchee;
  };

  // False when the pair was known.
  bool add(const core::Pid& watcher, const core::Pid& watchee) {
    const bool added = watches_[watcher].add(watchee);
    count_ += added ? 1 : 0;
    return added;
  }
  // False when the pair was not known.
  bool remove(const core::Pid& watcher, const core::Pid& watchee) {
    const auto found = watches_.find(watcher);
    if (found == watches_.end() || !found->second.remove(watchee)) return false;
    if (found->second.empty()) watches_.erase(found);
    --count_;
    return true;
  }
  bool contains(const core::Pid& watcher, const core::Pid& watchee) const {
    const auto found = watches_.find(watcher);
    return found != watches_.end() && found->second.contains(watchee);
  }
  std::vector<Watch> all() const {
    std::vector<Watch> list;
    list.reserve(count_);
    for (const auto& [watcher, watchees] : watches_) {
      for (const core::Pid& watchee : watchees.to_vector()) list.push_back({watcher, watchee});
    }
    return list;
  }
  std::vector<Watch> take_all() {
    std::vector<Watch> list = all();
    watches_.clear();
    count_ = 0;
    return list;
  }
  std::size_t size() const { return count_; }

 private:
  std::unordered_map<core::Pid, core::PidSet> watches_;
  std::size_t count_ = 0;
};

}  // namespace nexus::remote
