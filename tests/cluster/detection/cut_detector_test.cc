#include "cluster/detection/cut_detector.h"

#include <gtest/gtest.h>

#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class CutDetectorTest : public testing::Test {
 protected:
  void begin(std::uint64_t size) {
    view_ = test::view_of(size);
    detector_.begin(view_);
  }
  // The first `count` observers of the member do not hear it.
  void alert(MemberIndex subject, std::size_t count, bool down = true, std::uint32_t sequence = 1) {
    const auto observers = view_->rings().observers(subject);
    ASSERT_LE(count, observers.size());
    for (std::size_t i = 0; i < count; ++i) {
      detector_.on_alert(
          {.subject = subject, .observer = observers[i], .sequence = sequence, .down = down}, now_);
    }
  }

  core::Instant now_{seconds(100)};
  ViewPtr view_;
  CutDetector detector_{CutDetector::Options{}};
};

TEST(Watermarks, C1_FollowFromTheNumberOfObservers) {
  const std::pair<std::size_t, std::pair<std::size_t, std::size_t>> table[] = {
      {1, {1, 1}}, {2, {2, 1}}, {3, {3, 1}}, {4, {3, 1}}, {7, {5, 2}}, {10, {7, 3}}};
  for (const auto& [observers, marks] : table) {
    EXPECT_EQ(Watermarks::of(observers).high, marks.first) << observers << " observers";
    EXPECT_EQ(Watermarks::of(observers).low, marks.second) << observers << " observers";
  }
}

TEST_F(CutDetectorTest, AMemberThatFewObserversMissIsNotFailed) {
  begin(100);
  alert(7, 2);
  EXPECT_FALSE(detector_.assess(now_).ready);
  EXPECT_FALSE(detector_.in_doubt(7));
  alert(7, 6);
  EXPECT_TRUE(detector_.in_doubt(7));
  EXPECT_FALSE(detector_.assess(now_).ready);
  alert(7, 7);
  const auto assessment = detector_.assess(now_);
  ASSERT_TRUE(assessment.ready);
  ASSERT_EQ(assessment.gone.size(), 1u);
  EXPECT_EQ(assessment.gone[0].member, 7u);
}

TEST_F(CutDetectorTest, C3_WhoIsInDoubtHoldsUpTheCutButNotForEver) {
  begin(100);
  alert(7, 7);
  alert(8, 4);
  const auto held_up = detector_.assess(now_);
  EXPECT_FALSE(held_up.ready);
  EXPECT_EQ(held_up.again, now_ + seconds(3));
  const auto later = detector_.assess(now_ + seconds(3));
  ASSERT_TRUE(later.ready);
  EXPECT_EQ(later.gone.size(), 1u);
  alert(8, 7);
  EXPECT_EQ(detector_.assess(now_).gone.size(), 2u) << "one cut for both";
}

// 4 was cut off and accused all; it is heard again, says so, and dies before it can say that it hears the others.
TEST_F(CutDetectorTest, C5_WhoHasFailedIsNoWitness) {
  begin(5);
  for (MemberIndex subject = 0; subject < 4; ++subject)
    detector_.on_alert({.subject = subject, .observer = 4, .sequence = 1, .down = true}, now_);
  alert(4, 4);
  const auto assessment = detector_.assess(now_);
  ASSERT_TRUE(assessment.ready);
  ASSERT_EQ(assessment.gone.size(), 1u);
  EXPECT_EQ(assessment.gone[0].member, 4u);
}

// The same with four of nine: they are fewer, so they are the ones that have failed.
TEST_F(CutDetectorTest, C5_OfThoseThatAccuseEachOtherTheOnesThatMoreMissHaveFailed) {
  begin(9);
  for (MemberIndex one = 0; one < 5; ++one) {
    for (MemberIndex other = 5; other < 9; ++other) {
      detector_.on_alert({.subject = one, .observer = other, .sequence = 1, .down = true}, now_);
      detector_.on_alert({.subject = other, .observer = one, .sequence = 1, .down = true}, now_);
    }
  }
  std::vector<MemberIndex> gone;
  for (const Cut::Removal& removal : detector_.assess(now_).gone) gone.push_back(removal.member);
  EXPECT_EQ(gone, (std::vector<MemberIndex>{5, 6, 7, 8}));
}

// Three parts of which none hears the others: nobody is left who could say more of one than of another.
TEST_F(CutDetectorTest, C5_WhereAllAreMissedByAsManyAllHaveFailed) {
  begin(6);
  for (MemberIndex one = 0; one < 6; ++one) {
    for (MemberIndex other = 0; other < 6; ++other) {
      if (one / 2 != other / 2)
        detector_.on_alert({.subject = one, .observer = other, .sequence = 1, .down = true}, now_);
    }
  }
  EXPECT_EQ(detector_.assess(now_).gone.size(), 6u);
}

TEST_F(CutDetectorTest, AnObserverThatHearsItAgainTakesItsWordBack) {
  begin(100);
  alert(7, 7);
  alert(7, 6, /*down=*/false, /*sequence=*/2);
  EXPECT_FALSE(detector_.assess(now_).ready);
  EXPECT_FALSE(detector_.in_doubt(7));
  alert(7, 7, /*down=*/true, /*sequence=*/1);
  EXPECT_FALSE(detector_.in_doubt(7)) << "an old word that came late counts nothing";
}

TEST_F(CutDetectorTest, C4_OnlyObserversAreBelieved) {
  begin(100);
  const auto observers = view_->rings().observers(7);
  for (MemberIndex other = 0; other < 100; ++other) {
    if (other == 7 || std::find(observers.begin(), observers.end(), other) != observers.end())
      continue;
    EXPECT_FALSE(
        detector_.on_alert({.subject = 7, .observer = other, .sequence = 1, .down = true}, now_));
  }
  EXPECT_FALSE(
      detector_.on_alert({.subject = 100, .observer = 1, .sequence = 1, .down = true}, now_))
      << "no such member";
  EXPECT_TRUE(detector_.empty());
}

TEST_F(CutDetectorTest, WhoSaysThatItLeavesIsGoneAtOnce) {
  begin(100);
  EXPECT_TRUE(detector_.on_alert({.subject = 7, .observer = 7, .sequence = 1, .down = true}, now_));
  const auto assessment = detector_.assess(now_);
  ASSERT_TRUE(assessment.ready);
  EXPECT_EQ(assessment.gone[0].why, Departure::left);
}

// A rack of 40 of 100 dies: some of the dead have fewer than seven living observers.
TEST_F(CutDetectorTest, C2_ARackThatFailsTogetherIsCutTogether) {
  begin(100);
  const auto dead = [](MemberIndex member) { return member % 5 < 2; };
  std::size_t below_high = 0;
  for (MemberIndex subject = 0; subject < 100; ++subject) {
    if (!dead(subject)) continue;
    std::size_t alive = 0;
    for (const MemberIndex observer : view_->rings().observers(subject)) {
      if (dead(observer)) continue;
      ++alive;
      detector_.on_alert({.subject = subject, .observer = observer, .sequence = 1, .down = true},
                         now_);
    }
    below_high += alive < 7 ? 1 : 0;
  }
  ASSERT_GT(below_high, 0u) << "the case is not the one that it should be";
  const auto assessment = detector_.assess(now_);
  EXPECT_TRUE(assessment.ready);
  EXPECT_EQ(assessment.gone.size(), 40u);
}

TEST_F(CutDetectorTest, WhoIsLongInDoubtIsCheckedAgainOnce) {
  begin(100);
  alert(7, 4);
  EXPECT_EQ(detector_.next_recheck(), now_ + seconds(1));
  EXPECT_TRUE(detector_.take_rechecks(now_ + milliseconds(999)).empty());
  EXPECT_EQ(detector_.take_rechecks(now_ + seconds(1)), std::vector<MemberIndex>{7});
  EXPECT_TRUE(detector_.take_rechecks(now_ + seconds(2)).empty());
}

// Whoever missed that an observer hears the member again would hold its old word against the member.
TEST(CutDetector, WhatIsSaidAgainIsTheNewestWordOfEach) {
  CutDetector detector({});
  detector.begin(test::view_of(5));
  const core::Instant now{std::chrono::seconds(1000)};
  detector.on_alert({.subject = 1, .observer = 2, .sequence = 1, .down = true}, now);
  detector.on_alert({.subject = 1, .observer = 3, .sequence = 1, .down = true}, now);
  detector.on_alert({.subject = 1, .observer = 2, .sequence = 2, .down = false}, now);
  CutDetector late({});
  late.begin(test::view_of(5));
  late.on_alert({.subject = 1, .observer = 2, .sequence = 1, .down = true}, now);
  late.on_alert({.subject = 1, .observer = 4, .sequence = 1, .down = true}, now);
  for (const Alert& alert : detector.newest_alerts()) late.on_alert(alert, now);
  EXPECT_TRUE(late.assess(now).gone.empty()) << "two of four do not hear it";
}

}  // namespace
}  // namespace nexus::cluster
