#include "core/base/nearest.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace nexus::core {

namespace {

constexpr std::size_t kWordBytesMax = 256;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table: a swap looks two rows back.
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, previous);
    std::swap(previous, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (same ? 0u : 1u)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view word, std::span<const std::string> known) {
  if (word.empty() || word.size() > kWordBytesMax) return {};
  const std::size_t distance_max = std::clamp<std::size_t>(word.size() / 3, 1, 3);
  const std::string* best = nullptr;
  std::size_t best_distance = distance_max + 1;
  for (const std::string& name : known) {
    // The lengths alone already need this many edits.
    const std::size_t least =
        name.size() > word.size() ? name.size() - word.size() : word.size() - name.size();
    if (name.empty() || least >= best_distance) continue;
    const std::size_t distance = edit_distance(word, name);
    // Replacing every character of a short word is no resemblance.
    if (distance < best_distance && distance < std::max(word.size(), name.size())) {
      best = &name;
      best_distance = distance;
    }
  }
  return best ? *best : std::string{};
}

}  // namespace nexus::core
