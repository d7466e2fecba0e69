#include "tests/sim/harness/view_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace nexus::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Identity kA{0, 1};
constexpr Identity kB{1, 1};
constexpr Identity kC{2, 1};
using View = ViewRules::View;

TEST(ViewRules, S1_TwoViewsOfOneEpochAreAViolation) {
  ViewRules rules(true);
  rules.on_change(1s, {}, {.epoch = 1, .id = 7, .content = 3, .of = kA}, {});
  rules.on_change(1s, {}, {.epoch = 1, .id = 7, .content = 3, .of = kB}, {});
  EXPECT_THAT(rules.violations(), IsEmpty());
  rules.on_change(1s, {}, {.epoch = 1, .id = 7, .content = 4, .of = kC}, {});
  EXPECT_THAT(rules.violations(), ElementsAre(HasSubstr("S1: node 2#1")));
}

TEST(ViewRules, S2_AnEpochThatDoesNotGrowIsAViolation) {
  ViewRules rules(true);
  const View view{.epoch = 4, .id = 7, .content = 3, .of = kA};
  rules.on_change(1s, {}, view, {});
  rules.on_change(2s, view, view, {});
  ASSERT_THAT(rules.violations(), ElementsAre(HasSubstr("S2: node 0#1 went from epoch 4")));
  EXPECT_EQ(ViewRules::rule_of(rules.violations()[0]), "S2");
}

TEST(ViewRules, S7_ARemovedIdentityThatComesBackLaterIsAViolation) {
  ViewRules rules(true);
  rules.on_change(1s, {.epoch = 4, .of = kA}, {.epoch = 5, .of = kA}, {.removed = {&kC, 1}});
  // One that lags behind, and still has it.
  rules.on_change(1s, {.epoch = 3, .of = kB}, {.epoch = 4, .of = kB}, {.added = {&kC, 1}});
  EXPECT_THAT(rules.violations(), IsEmpty());
  rules.on_change(2s, {.epoch = 5, .of = kA}, {.epoch = 6, .of = kA}, {.added = {&kC, 1}});
  EXPECT_THAT(rules.violations(), ElementsAre(HasSubstr("S7: node 0#1 takes back node 2#1")));
}

TEST(ViewRules, WherePartsGoOnBesideEachOtherTheirEpochsAreNotCompared) {
  ViewRules rules(false);
  const View mine{.epoch = 5, .id = 7, .content = 3, .of = kA};
  rules.on_change(1s, {.epoch = 4, .of = kA}, mine, {.removed = {&kC, 1}});
  rules.on_change(1s, {}, {.epoch = 5, .id = 8, .content = 4, .of = kB}, {});
  rules.on_change(2s, {}, {.epoch = 6, .id = 9, .content = 4, .of = kB}, {.added = {&kC, 1}});
  // Comes back under a new identity, into the other part's view, which is of an epoch before.
  constexpr Identity kAAgain{0, 2};
  rules.on_change(3s, mine, {.epoch = 2, .id = 3, .of = kAAgain}, {.added = {&kC, 1}});
  EXPECT_THAT(rules.violations(), IsEmpty());
}

TEST(ViewRules, S2_HoldsOfEachIdentityWherePartsGoOnBesideEachOther) {
  ViewRules rules(false);
  const View view{.epoch = 5, .id = 7, .of = kA};
  rules.on_change(1s, {.epoch = 4, .of = kA}, view, {});
  rules.on_change(2s, view, view, {});
  EXPECT_THAT(rules.violations(), ElementsAre(HasSubstr("S2: node 0#1")));
}

TEST(ViewRules, L1_MembersThatNeverAgreeAfterTheFaultsAreAViolation) {
  ViewRules rules(true);
  rules.on_member_holds(1s, 1);
  rules.on_member_holds(1s, 1);
  rules.check_agreement(2s, 1s);
  rules.on_member_holds(3s, 2);
  rules.on_member_drops(3s, 1);
  // They agreed at the end of the faults, but no later than 3 s.
  rules.check_agreement(8s, 3s);
  EXPECT_THAT(rules.violations(), IsEmpty());
  rules.check_agreement(9s, 4s);
  EXPECT_THAT(rules.violations(), ElementsAre(HasSubstr("L1")));
}

TEST(ViewRules, L1_AMomentOfAgreementIsEnough) {
  ViewRules rules(true);
  for (int member = 0; member < 2; ++member) rules.on_member_holds(1s, 1);
  rules.on_member_holds(2s, 2);
  rules.on_member_drops(2s, 1);
  rules.on_member_holds(4s, 2);
  rules.on_member_drops(4s, 1);
  rules.on_member_holds(6s, 3);
  rules.on_member_drops(6s, 2);
  rules.check_agreement(8s, 3s);
  EXPECT_THAT(rules.violations(), IsEmpty());
}

TEST(ViewRules, L4_LiveNodesThatAreNotBackAreNamed) {
  ViewRules rules(true);
  rules.check_return(20s, 10s, {});
  EXPECT_THAT(rules.violations(), IsEmpty());
  rules.check_return(20s, 10s, {4, 9});
  EXPECT_THAT(rules.violations(),
              ElementsAre(HasSubstr("L4: 10 s after the last fault 2 live nodes")));
}

}  // namespace
}  // namespace nexus::sim
