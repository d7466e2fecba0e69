#include "core/base/nearest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nexus::core {
namespace {

const std::vector<std::string> kNames = {"listen", "log", "name", "node", "workers"};

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("listen", "lisen"), 1u);
  EXPECT_EQ(edit_distance("listen", "listten"), 1u);
  EXPECT_EQ(edit_distance("listen", "lasten"), 1u);
  EXPECT_EQ(edit_distance("listen", "lisetn"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(EditDistance, EditsEachPlaceAtMostOnce) {
  // Swap, then insert between the swapped: the unrestricted distance would be 2.
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);
}

TEST(EditDistance, IsTheSameInBothDirections) {
  for (const std::string& a : kNames)
    for (const std::string& b : kNames) EXPECT_EQ(edit_distance(a, b), edit_distance(b, a));
}

TEST(Nearest, FindsTheNameBehindATypingMistake) {
  EXPECT_EQ(nearest("lisen", kNames), "listen");
  EXPECT_EQ(nearest("wokrers", kNames), "workers");
  EXPECT_EQ(nearest("nod", kNames), "node");
  EXPECT_EQ(nearest("lo", kNames), "log");
}

TEST(Nearest, IgnoresUpperAndLowerCase) { EXPECT_EQ(nearest("LISTEN", kNames), "listen"); }

TEST(Nearest, PrefersTheFirstOfEquallyNearNames) {
  EXPECT_EQ(nearest("nome", kNames), "name");
  EXPECT_EQ(nearest("nome", std::vector<std::string>{"node", "name"}), "node");
}

TEST(Nearest, IsEmptyWhenNothingIsNear) {
  EXPECT_EQ(nearest("throughput", kNames), "");
  EXPECT_EQ(nearest("x", kNames), "");
  EXPECT_EQ(nearest("", kNames), "");
  EXPECT_EQ(nearest("listen", {}), "");
}

TEST(Nearest, DoesNotTakeAShortWordWithNothingInCommonForNear) {
  EXPECT_EQ(nearest("x", std::vector<std::string>{"y"}), "");
}

TEST(Nearest, GivesUpOnHugeWords) {
  const std::string huge(100'000, 'a');
  EXPECT_EQ(nearest(huge, std::vector<std::string>{huge}), "");
}

}  // namespace
}  // namespace nexus::core
