// PidSet: a set of Pids with one key for adding, looking up and removing: address and id (Pid::operator==).
// Small sets are a flat array, large ones are hashed; add, remove and contains are O(1). Only a record of this node's own
// address costs O(n) in a large set of handles: resolve() it first.
//
//   all calls   owner   no lock inside
//
// S1  A handle stays in the set, and can be found and removed, whatever becomes of its actor.
#pragma once

#include <cstddef>
#include <unordered_set>
#include <vector>

#include "core/actor/pid.h"

namespace nexus::core {

class PidSet {
 public:
  // Up to here a linear scan of 16-byte handles beats hashing.
  static constexpr std::size_t kFlatCountMax = 8;

  // False when it was there already.
  bool add(const Pid& pid);
  // False when it was not there.
  bool remove(const Pid& pid);
  bool contains(const Pid& pid) const;

  std::size_t size() const { return flat_.size() + handles_.size() + records_.size(); }
  bool empty() const { return size() == 0; }
  void clear();
  // A copy, so that what is done per Pid may change the set.
  std::vector<Pid> to_vector() const;

 private:
  bool hashed() const { return !handles_.empty() || !records_.empty(); }
  std::unordered_set<Pid>& part_of(const Pid& pid) { return pid.is_record() ? records_ : handles_; }
  // The element that equals `pid` but is of the other sort; null when there is none.
  const Pid* other_form(const Pid& pid) const;

  // Either flat_ or the two hashed parts hold the elements; a set that grew past kFlatCountMax goes flat again when it is
  // empty.
  std::vector<Pid> flat_;
  std::unordered_set<Pid> handles_;
  std::unordered_set<Pid> records_;
};

}  // namespace nexus::core
