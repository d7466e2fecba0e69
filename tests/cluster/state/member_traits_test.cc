#include "cluster/state/member_traits.h"

#include <gtest/gtest.h>

#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

class MemberTraitsTest : public testing::Test {
 protected:
  MemberTraitsTest() {
    member_.kinds = {"counter"};
    member_.labels = {{"rack", "7"}};
  }
  StateEntry entry(std::string_view key, std::string value) const {
    return {.owner = member_.id, .key = std::string(key), .sequence = 1, .value = std::move(value)};
  }

  Member member_ = *test::member(1);
};

TEST_F(MemberTraitsTest, AreThoseThatItJoinedWithUntilItSaysOtherwise) {
  EXPECT_EQ(traits_of(member_, {}),
            (MemberTraits{.kinds = {"counter"}, .labels = {{"rack", "7"}}}));
  EXPECT_EQ(traits_of(member_, {entry("color", "blue")}), traits_of(member_, {}));
  EXPECT_EQ(traits_of(member_, {entry(kKindsKey, encode_kinds({"echo", "b\xc3\xa9"}))}),
            (MemberTraits{.kinds = {"echo", "b\xc3\xa9"}, .labels = {{"rack", "7"}}}));
  EXPECT_EQ(traits_of(member_, {entry(kLabelsKey, encode_labels({{"a", ""}, {"b", "1"}}))}),
            (MemberTraits{.kinds = {"counter"}, .labels = {{"a", ""}, {"b", "1"}}}));
}

TEST_F(MemberTraitsTest, MayBecomeNone) {
  EXPECT_EQ(traits_of(member_,
                      {entry(kKindsKey, encode_kinds({})), entry(kLabelsKey, encode_labels({}))}),
            MemberTraits{});
}

TEST_F(MemberTraitsTest, WhatCannotBeReadWasNeverSaid) {
  EXPECT_EQ(traits_of(member_, {entry(kKindsKey, "\xff\xff"), entry(kLabelsKey, "\x0a\x05")}),
            traits_of(member_, {}));
}

TEST_F(MemberTraitsTest, OwnKeysAreKnownByTheirBeginning) {
  EXPECT_TRUE(is_own_key(kKindsKey));
  EXPECT_TRUE(is_own_key(kLabelsKey));
  EXPECT_TRUE(is_own_key("nexus.later"));
  EXPECT_FALSE(is_own_key("nexus"));
  EXPECT_FALSE(is_own_key("color"));
}

}  // namespace
}  // namespace nexus::cluster
