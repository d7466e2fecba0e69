#include "cluster/view/view.h"

#include <gtest/gtest.h>

#include "cluster/view/member_set.h"
#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using test::member;
using test::view_of;

TEST(View, V1_EqualCutsOfEqualViewsGiveEqualViews) {
  const ViewPtr one = view_of(5);
  const ViewPtr other = view_of(5);
  EXPECT_EQ(one->id(), other->id());
  const Cut cut{.base = one->id(),
                .removed = {{.member = 1, .why = Departure::failed}},
                .joined = {member(9)}};
  const ViewPtr next = one->after(cut);
  EXPECT_EQ(next->id(), other->after(cut)->id());
  EXPECT_EQ(next->epoch(), 2u);
  EXPECT_EQ(next->lineage(), one->lineage());
  EXPECT_EQ(next->size(), 5u);
  EXPECT_FALSE(next->index_of(one->member(1).id));
  ASSERT_TRUE(next->index_of(MemberId(10, 7)));
  EXPECT_EQ(next->since(*next->index_of(MemberId(10, 7))), 2u);
}

TEST(View, TheSameMembersInAnotherEpochAreAnotherView) {
  const ViewPtr view = view_of(3);
  const ViewPtr there = view->after({.base = view->id(), .joined = {member(5)}});
  const ViewPtr back = there->after(
      {.base = there->id(),
       .removed = {{.member = *there->index_of(MemberId(6, 7)), .why = Departure::left}}});
  EXPECT_EQ(back->size(), view->size());
  EXPECT_NE(back->id(), view->id());
}

TEST(View, ACutOfAnotherViewDoesNotFit) {
  const ViewPtr view = view_of(3);
  EXPECT_FALSE(view->fits({.base = view->id() + 1, .joined = {member(5)}}));
  EXPECT_FALSE(
      view->fits({.base = view->id(), .removed = {{.member = 3, .why = Departure::failed}}}))
      << "no such member";
  EXPECT_FALSE(view->fits({.base = view->id(), .joined = {member(1)}})) << "is in it already";
  EXPECT_FALSE(view->fits({.base = view->id(), .joined = {member(6), member(5)}}))
      << "not ascending";
  EXPECT_FALSE(view->fits(
      {.base = view->id(),
       .removed = {{.member = 1, .why = Departure::failed}, {.member = 1, .why = Departure::left}},
       .joined = {}}))
      << "removed twice";
}

TEST(View, TheOldestIsTheOneThatHasBeenInForLongest) {
  const ViewPtr view = view_of(2);
  const ViewPtr grown = view->after({.base = view->id(), .joined = {member(7)}});
  const ViewPtr next = grown->after(
      {.base = grown->id(),
       .removed = {{.member = 0, .why = Departure::failed}},
       .joined = {std::make_shared<const Member>(Member{.id = MemberId(0, 1), .address = "x"})}});
  EXPECT_EQ(next->member(next->oldest()).id, MemberId(2, 7));
}

TEST(MemberSet, ComplementsAndCountsAcrossWords) {
  MemberSet set(130);
  EXPECT_TRUE(set.add(0));
  EXPECT_TRUE(set.add(64));
  EXPECT_TRUE(set.add(129));
  EXPECT_FALSE(set.add(129));
  EXPECT_EQ(set.count(), 3u);
  EXPECT_EQ(set.complement().count(), 127u);
  EXPECT_FALSE(set.complement().contains(129));
  EXPECT_EQ(MemberSet::all(130).count(), 130u);
  EXPECT_FALSE(MemberSet::valid(130, {0, 0, 8})) << "a bit beyond the last member";
  EXPECT_FALSE(MemberSet::valid(130, {0, 0}));
}

}  // namespace
}  // namespace nexus::cluster
