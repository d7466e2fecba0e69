#include "cluster/agreement/partition_policy.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using Kind = PartitionPolicy::Kind;

std::vector<MemberSet> all_subsets(std::size_t size) {
  std::vector<MemberSet> sets;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << size; ++bits)
    sets.emplace_back(size, std::vector<std::uint64_t>{bits});
  return sets;
}

MemberSet both(const MemberSet& a, const MemberSet& b) {
  return MemberSet(a.view_size(), std::vector<std::uint64_t>{a.words()[0] & b.words()[0]});
}

class Policies : public testing::TestWithParam<PartitionPolicy> {};
INSTANTIATE_TEST_SUITE_P(Safe, Policies,
                         testing::Values(PartitionPolicy{.kind = Kind::keep_majority},
                                         PartitionPolicy{.kind = Kind::static_quorum, .quorum = 4},
                                         PartitionPolicy{.kind = Kind::keep_oldest}));

// Every pair, and every triple, of all sets of members of all views of up to seven.
TEST_P(Policies, P1_QuorumsMeet) {
  for (std::size_t size = 1; size <= 7; ++size) {
    const ViewPtr view = test::view_of(size);
    const MemberSet all = MemberSet::all(size);
    std::vector<MemberSet> quorums;
    std::vector<MemberSet> fast;
    for (const MemberSet& set : all_subsets(size)) {
      if (GetParam().is_quorum(*view, set, all)) quorums.push_back(set);
      if (GetParam().is_fast_quorum(*view, set, all)) fast.push_back(set);
    }
    for (const MemberSet& a : quorums) {
      for (const MemberSet& b : quorums) ASSERT_GT(both(a, b).count(), 0u) << "of " << size;
    }
    for (const MemberSet& f : fast) {
      for (const MemberSet& g : fast) {
        for (const MemberSet& q : quorums)
          ASSERT_GT(both(both(f, g), q).count(), 0u) << "of " << size;
      }
    }
  }
}

TEST(PartitionPolicy, OfTwoHalvesTheOneWithTheLowestIdGoesOn) {
  const ViewPtr view = test::view_of(4);
  const PartitionPolicy policy;
  const MemberSet all = MemberSet::all(4);
  EXPECT_TRUE(policy.is_quorum(*view, MemberSet(4, {0b0011}), all));
  EXPECT_FALSE(policy.is_quorum(*view, MemberSet(4, {0b1100}), all));
}

TEST(PartitionPolicy, KeepOldestGoesOnWithoutTheOldestWhenOnlyThatOneIsGone) {
  const ViewPtr view = test::view_of(5);
  const PartitionPolicy policy{.kind = Kind::keep_oldest};
  const MemberSet all = MemberSet::all(5);
  EXPECT_TRUE(policy.is_quorum(*view, MemberSet(5, {0b00011}), all)) << "the oldest and one more";
  EXPECT_FALSE(policy.is_quorum(*view, MemberSet(5, {0b00001}), all)) << "the oldest alone";
  EXPECT_TRUE(policy.is_quorum(*view, MemberSet(5, {0b11110}), all)) << "all but the oldest";
  EXPECT_FALSE(policy.is_quorum(*view, MemberSet(5, {0b11100}), all));
}

TEST(PartitionPolicy, StaticQuorumNeedsItsNumberWhateverTheSize) {
  const PartitionPolicy policy{.kind = Kind::static_quorum, .quorum = 3};
  const ViewPtr view = test::view_of(3);
  EXPECT_FALSE(policy.is_quorum(*view, MemberSet(3, {0b011}), MemberSet::all(3)));
  EXPECT_TRUE(policy.is_quorum(*view, MemberSet(3, {0b111}), MemberSet::all(3)));
  EXPECT_EQ(policy.view_size_max(), 5u);
}

// Such a view comes of members that left one after the other, or of an operator's word.
TEST(PartitionPolicy, OfAViewThatIsSmallerThanItsNumberStaticQuorumNeedsAll) {
  const PartitionPolicy policy{.kind = Kind::static_quorum, .quorum = 3};
  const ViewPtr view = test::view_of(2);
  EXPECT_TRUE(policy.is_quorum(*view, MemberSet::all(2), MemberSet::all(2)));
  EXPECT_FALSE(policy.is_quorum(*view, MemberSet(2, {0b01}), MemberSet::all(2)));
}

TEST(PartitionPolicy, P2_NoneAsksOnlyThoseThatAreHeard) {
  const PartitionPolicy policy{.kind = Kind::none};
  const ViewPtr view = test::view_of(5);
  EXPECT_TRUE(policy.is_quorum(*view, MemberSet(5, {0b00011}), MemberSet(5, {0b00011})));
  EXPECT_FALSE(policy.is_quorum(*view, MemberSet(5, {0b00001}), MemberSet(5, {0b00011})));
}

}  // namespace
}  // namespace nexus::cluster
