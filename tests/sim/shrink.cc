#include "tests/sim/shrink.h"

#include <algorithm>
#include <utility>

namespace nexus::sim {

Kept shrink(Kept all, const std::function<bool(const Kept&)>& fails, std::uint32_t attempts_max) {
  std::size_t part = std::max<std::size_t>(1, all.size() / 2);
  for (std::uint32_t attempts = 0; !all.empty();) {
    bool has_dropped = false;
    for (std::size_t begin = 0; begin < all.size() && attempts < attempts_max;) {
      const std::size_t end = std::min(all.size(), begin + part);
      Kept fewer(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(begin));
      fewer.insert(fewer.end(), all.begin() + static_cast<std::ptrdiff_t>(end), all.end());
      ++attempts;
      if (fails(fewer)) {
        all = std::move(fewer);
        has_dropped = true;
      } else {
        begin = end;
      }
    }
    if (attempts >= attempts_max || (part == 1 && !has_dropped)) break;
    // After a drop of single ones, others may have become needless.
    if (!has_dropped || part > 1) part = std::max<std::size_t>(1, part / 2);
  }
  return all;
}

}  // namespace nexus::sim
