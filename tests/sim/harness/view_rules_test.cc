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
  ViewRules rules;
  rules.on_change(1s, kA, {}, {.epoch = 1, .id = 7, .content = 3}, {});
  rules.on_change(1s, kB, {}, {.epoch = 1, .id = 7, .content = 3}, {});
  EXPECT_THAT(rules.violations(), IsEmpty());
  rules.on_change(1s, kC, {}, {.epoch = 1, .id = 7, .content = 4}, {});
  EXPECT_THAT(rules.violations(), ElementsAre(HasSubstr("S1: node 2#1")));
}

TEST(ViewRules, S2_AnEpochThatDoesNotGrowIsAViolation) {
  ViewRules rules;
  const View view{.epoch = 4, .id = 7, .content = 3};
  rules.on_change(1s, kA, {}, view, {});
  rules.on_change(2s, kA, view, view, {});
  ASSERT_THAT(rules.violations(), ElementsAre(HasSubstr("S2: node 0#1 went from epoch 4")));
  EXPECT_EQ(ViewRules::rule_of(rules.violations()[0]), "S2");
}

TEST(ViewRules, S7_ARemovedIdentityThatComesBackLaterIsAViolation) {
  ViewRules rules;
  rules.on_change(1s, kA, {.epoch = 4}, {.epoch = 5}, {.removed = {&kC, 1}});
  // One that lags behind, and still has it.
  rules.on_change(1s, kB, {.epoch = 3}, {.epoch = 4}, {.added = {&kC, 1}});
  EXPECT_THAT(rules.violations(), IsEmpty());
  rules.on_change(2s, kA, {.epoch = 5}, {.epoch = 6}, {.added = {&kC, 1}});
  EXPECT_THAT(rules.violations(), ElementsAre(HasSubstr("S7: node 0#1 takes back node 2#1")));
}

TEST(ViewRules, L1_MembersThatNeverAgreeAfterTheFaultsAreAViolation) {
  ViewRules rules;
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
  ViewRules rules;
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
  ViewRules rules;
  rules.check_return(20s, 10s, {});
  EXPECT_THAT(rules.violations(), IsEmpty());
  rules.check_return(20s, 10s, {4, 9});
  EXPECT_THAT(rules.violations(),
              ElementsAre(HasSubstr("L4: 10 s after the last fault 2 live nodes")));
}

}  // namespace
}  // namespace nexus::sim
