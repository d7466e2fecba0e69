#include "cluster/view/rings.h"

#include <algorithm>
#include <utility>

#include "cluster/view/digest.h"
#include "core/base/check.h"

namespace nexus::cluster {
namespace {

// The members in the order of one ring.
std::vector<MemberIndex> order_of_ring(std::span<const MemberPtr> members, std::uint64_t ring) {
  std::vector<std::pair<std::uint64_t, MemberIndex>> keys;
  keys.reserve(members.size());
  for (MemberIndex i = 0; i < members.size(); ++i) {
    keys.emplace_back(Digest().add(ring).add(members[i]->id).value(), i);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<MemberIndex> order;
  order.reserve(keys.size());
  for (const auto& [key, member] : keys) order.push_back(member);
  return order;
}

}  // namespace

Rings::Rings(std::span<const MemberPtr> members, RingOptions options) {
  CHECK(options.all_to_all_max > options.k);
  const auto size = static_cast<MemberIndex>(members.size());
  const bool everybody = size <= options.all_to_all_max;
  const std::uint32_t degree = size == 0 ? 0 : everybody ? size - 1 : options.k;

  observers_begin_.reserve(size + 1);
  for (MemberIndex i = 0; i <= size; ++i) observers_begin_.push_back(i * degree);
  observers_.resize(std::size_t{size} * degree);
  if (everybody) {
    for (MemberIndex subject = 0; subject < size; ++subject) {
      auto out = observers_.begin() + observers_begin_[subject];
      for (MemberIndex observer = 0; observer < size; ++observer) {
        if (observer != subject) *out++ = observer;
      }
    }
  } else {
    for (std::uint32_t ring = 0; ring < options.k; ++ring) {
      const std::vector<MemberIndex> order = order_of_ring(members, ring);
      for (MemberIndex place = 0; place < size; ++place) {
        const MemberIndex subject = order[place];
        const auto first = observers_.begin() + observers_begin_[subject];
        // Further back when that one watches it on another ring already. The view is larger than K, so there is one.
        MemberIndex before = place;
        do {
          before = before == 0 ? size - 1 : before - 1;
        } while (order[before] == subject ||
                 std::find(first, first + ring, order[before]) != first + ring);
        first[ring] = order[before];
      }
    }
  }

  subjects_begin_.assign(size + 1, 0);
  for (const MemberIndex observer : observers_) ++subjects_begin_[observer + 1];
  for (MemberIndex i = 0; i < size; ++i) subjects_begin_[i + 1] += subjects_begin_[i];
  subjects_.resize(observers_.size());
  std::vector<std::uint32_t> next(subjects_begin_.begin(), subjects_begin_.end() - 1);
  for (MemberIndex subject = 0; subject < size; ++subject) {
    for (const MemberIndex observer : observers(subject)) subjects_[next[observer]++] = subject;
  }
}

bool Rings::observes(MemberIndex observer, MemberIndex subject) const {
  const auto watched = subjects(observer);
  return std::binary_search(watched.begin(), watched.end(), subject);
}

std::size_t Rings::bytes() const {
  return (observers_.capacity() + observers_begin_.capacity() + subjects_.capacity() +
          subjects_begin_.capacity()) *
         sizeof(MemberIndex);
}

}  // namespace nexus::cluster
