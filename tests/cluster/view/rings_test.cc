#include "cluster/view/rings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cluster/random.h"
#include "cluster/view/digest.h"
#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

// As in a cluster: ids by chance.
std::vector<MemberPtr> members_by_chance(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<MemberPtr> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(
        std::make_shared<const Member>(Member{.id = MemberId(random.next(), i), .address = "a"}));
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->id < b->id; });
  return all;
}

class RingsOfSize : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, RingsOfSize,
                         testing::Values(1, 2, 3, 5, 11, 12, 13, 20, 100, 1000));

TEST_P(RingsOfSize, R1_EachMemberHasDifferentObserversAndNotItself) {
  const RingOptions options;
  const Rings rings(members_by_chance(GetParam(), 1), options);
  const std::size_t expected = GetParam() <= options.all_to_all_max ? GetParam() - 1 : options.k;
  for (MemberIndex member = 0; member < GetParam(); ++member) {
    const auto observers = rings.observers(member);
    const std::set<MemberIndex> different(observers.begin(), observers.end());
    EXPECT_EQ(different.size(), expected) << "member " << member;
    EXPECT_FALSE(different.contains(member)) << "member " << member;
  }
}

TEST_P(RingsOfSize, SubjectsAreTheOtherSideOfObservers) {
  const Rings rings(members_by_chance(GetParam(), 2), {});
  std::size_t edges = 0;
  for (MemberIndex member = 0; member < GetParam(); ++member) {
    for (const MemberIndex observer : rings.observers(member))
      EXPECT_TRUE(rings.observes(observer, member));
    edges += rings.subjects(member).size();
    EXPECT_TRUE(std::is_sorted(rings.subjects(member).begin(), rings.subjects(member).end()));
  }
  std::size_t other_side = 0;
  for (MemberIndex member = 0; member < GetParam(); ++member)
    other_side += rings.observers(member).size();
  EXPECT_EQ(edges, other_side);
}

TEST_P(RingsOfSize, R3_WhatAMemberTellsItsSubjectsReachesAllInFewHops) {
  const Rings rings(members_by_chance(GetParam(), 3), {});
  std::vector<bool> reached(GetParam(), false);
  std::vector<MemberIndex> wave{0};
  reached[0] = true;
  std::size_t count = 1;
  int hops = 0;
  while (!wave.empty()) {
    std::vector<MemberIndex> next;
    for (const MemberIndex member : wave) {
      for (const MemberIndex subject : rings.subjects(member)) {
        if (reached[subject]) continue;
        reached[subject] = true;
        ++count;
        next.push_back(subject);
      }
    }
    if (!next.empty()) ++hops;
    wave = std::move(next);
  }
  EXPECT_EQ(count, GetParam());
  EXPECT_LE(hops, 5);
}

TEST(Rings, AJoinChangesTheNeighboursOfFewOthers) {
  std::vector<MemberPtr> members = members_by_chance(1000, 4);
  const Rings before(members, {});
  const auto at = members.begin() + 500;
  const MemberId id(members[500]->id.high() + 1, 0);
  members.insert(at + 1, std::make_shared<const Member>(Member{.id = id, .address = "a"}));
  const Rings after(members, {});
  std::size_t changed = 0;
  for (MemberIndex member = 0; member < 1000; ++member) {
    std::set<MemberIndex> old_subjects;
    for (const MemberIndex s : before.subjects(member)) old_subjects.insert(s > 500 ? s + 1 : s);
    const auto now = after.subjects(member > 500 ? member + 1 : member);
    if (old_subjects != std::set<MemberIndex>(now.begin(), now.end())) ++changed;
  }
  // K of them had the new one's subjects; a few more had to go further back on a ring.
  EXPECT_LE(changed, 16u);
  EXPECT_GE(changed, 5u);
}

}  // namespace
}  // namespace nexus::cluster
