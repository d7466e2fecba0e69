// A program of its own: a process has one table of sites, and this fills it.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/telemetry/lock_site.h"

namespace nexus::core {
namespace {

template <std::size_t number>
struct SiteText {
  static constexpr char kText[] = {'n', '0' + number / 100, '0' + number / 10 % 10,
                                   '0' + number % 10, '\0'};
};

template <std::size_t... numbers>
std::vector<LockSites::Index> make_sites(std::index_sequence<numbers...>) {
  return {LockSites::index_of(SiteText<numbers>::kText)...};
}

TEST(LockSites, X3_PastTheLimitFurtherNamesShareOneSite) {
  constexpr std::size_t kMore = 10;
  const std::vector<LockSites::Index> indexes =
      make_sites(std::make_index_sequence<kLockSiteCountMax + kMore>());
  const LockSites::Index other = indexes.back();
  std::set<LockSites::Index> distinct(indexes.begin(), indexes.end());
  EXPECT_EQ(distinct.size(), kLockSiteCountMax);
  for (const LockSites::Index index : indexes) EXPECT_LT(index, kLockSiteCountMax);
  EXPECT_EQ(LockSites::index_of("n000"), indexes.front());
  EXPECT_EQ(LockSites::index_of("one more"), other);

  std::mutex mutex;
  const LockProbe<true> probe("one more");
  probe.lock(mutex);
  mutex.unlock();
  for (const LockSites::State& state : LockSites::read()) {
    EXPECT_EQ(state.acquisition_count, state.name == "(other)" ? 1u : 0u) << state.name;
  }
  EXPECT_EQ(LockSites::read().size(), kLockSiteCountMax);
}

}  // namespace
}  // namespace nexus::core
