#include "cluster/agreement/partition_policy.h"

#include <algorithm>
#include <limits>

namespace nexus::cluster {

bool PartitionPolicy::is_quorum(const View& view, const MemberSet& members,
                                const MemberSet& alive) const {
  const std::size_t size = view.size();
  const std::size_t count = members.count();
  const bool majority = 2 * count > size || (2 * count == size && members.contains(0));
  switch (kind) {
    case Kind::keep_majority:
      return majority;
    case Kind::static_quorum:
      return majority && count >= std::min(quorum, size);
    case Kind::keep_oldest: {
      const bool has_oldest = members.contains(view.oldest());
      if (size <= 2) return has_oldest;
      return has_oldest ? count >= 2 : count == size - 1;
    }
    case Kind::none:
      return 2 * count > alive.count();
  }
  return false;
}

bool PartitionPolicy::is_fast_quorum(const View& view, const MemberSet& members,
                                     const MemberSet& alive) const {
  const std::size_t size = kind == Kind::none ? alive.count() : view.size();
  if (size == 0 || members.count() < size - (size - 1) / 4) return false;
  if (kind == Kind::keep_oldest && !members.contains(view.oldest())) return false;
  return is_quorum(view, members, alive);
}

std::size_t PartitionPolicy::view_size_max() const {
  return kind == Kind::static_quorum ? 2 * quorum - 1 : std::numeric_limits<std::size_t>::max();
}

}  // namespace nexus::cluster
