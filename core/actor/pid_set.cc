#include "core/actor/pid_set.h"

#include <algorithm>

namespace nexus::core {

const Pid* PidSet::other_form(const Pid& pid) const {
  if (!pid.is_record()) {
    if (records_.empty()) return nullptr;
    const auto found = records_.find(Pid::of_name(pid.address(), pid.id()));
    return found == records_.end() ? nullptr : &*found;
  }
  // Handles are all of this node.
  if (handles_.empty() || handles_.begin()->address() != pid.record()->address) return nullptr;
  const auto found = std::find(handles_.begin(), handles_.end(), pid);
  return found == handles_.end() ? nullptr : &*found;
}

bool PidSet::add(const Pid& pid) {
  if (!hashed()) {
    if (std::find(flat_.begin(), flat_.end(), pid) != flat_.end()) return false;
    if (flat_.size() < kFlatCountMax) {
      flat_.push_back(pid);
      return true;
    }
    for (const Pid& known : flat_) part_of(known).insert(known);
    flat_.clear();
  }
  return other_form(pid) == nullptr && part_of(pid).insert(pid).second;
}

bool PidSet::remove(const Pid& pid) {
  if (hashed()) {
    if (part_of(pid).erase(pid) == 1) return true;
    const Pid* other = other_form(pid);
    return other != nullptr && part_of(*other).erase(Pid(*other)) == 1;
  }
  const auto found = std::find(flat_.begin(), flat_.end(), pid);
  if (found == flat_.end()) return false;
  *found = std::move(flat_.back());
  flat_.pop_back();
  return true;
}

bool PidSet::contains(const Pid& pid) const {
  if (!hashed()) return std::find(flat_.begin(), flat_.end(), pid) != flat_.end();
  return (pid.is_record() ? records_ : handles_).contains(pid) || other_form(pid) != nullptr;
}

void PidSet::clear() {
  flat_.clear();
  handles_.clear();
  records_.clear();
}

std::vector<Pid> PidSet::to_vector() const {
  if (!hashed()) return flat_;
  std::vector<Pid> all(handles_.begin(), handles_.end());
  all.insert(all.end(), records_.begin(), records_.end());
  return all;
}

}  // namespace nexus::core
