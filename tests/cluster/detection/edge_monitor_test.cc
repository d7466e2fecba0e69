#include "cluster/detection/edge_monitor.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using core::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A member of a view of five that watches the four others, with a network that the test stops.
class EdgeMonitorTest : public testing::Test {
 protected:
  EdgeMonitorTest() { monitor_.watch(view_, 0, now_); }

  void act(EdgeMonitor::Actions actions) {
    for (const auto& action : actions) {
      if (const auto* probe = std::get_if<EdgeMonitor::SendProbe>(&action)) {
        ++probes_[probe->subject];
        if (silent_[probe->subject]) continue;
        EdgeMonitor::Actions more;
        monitor_.on_ack(probe->subject, now_, now_ + rtt_, more);
        act(more);
      } else if (const auto* ask = std::get_if<EdgeMonitor::AskOthers>(&action)) {
        asks_.push_back(*ask);
        asked_at_.push_back(now_);
      } else {
        verdicts_.push_back({std::get<EdgeMonitor::Verdict>(action), now_});
      }
    }
  }

  void run_for(Duration time) {
    const core::Instant end = now_ + time;
    while (monitor_.next_time() <= end) {
      now_ = std::max(now_, monitor_.next_time());
      EdgeMonitor::Actions actions;
      monitor_.on_time(now_, actions);
      act(std::move(actions));
    }
    now_ = end;
  }

  core::Instant now_{seconds(1000)};
  const ViewPtr view_ = test::view_of(5);
  const EdgeOptions options_;
  EdgeMonitor monitor_{options_, 1};
  Duration rtt_ = milliseconds(1);
  bool silent_[5] = {};
  int probes_[5] = {};
  std::vector<EdgeMonitor::AskOthers> asks_;
  std::vector<core::Instant> asked_at_;
  std::vector<std::pair<EdgeMonitor::Verdict, core::Instant>> verdicts_;
};

TEST_F(EdgeMonitorTest, WhoAnswersIsHeardAndProbedOnceAnInterval) {
  run_for(seconds(60));
  EXPECT_TRUE(verdicts_.empty());
  EXPECT_TRUE(asks_.empty());
  for (MemberIndex subject = 1; subject < 5; ++subject)
    EXPECT_NEAR(probes_[subject], 120, 8) << "in a minute of 500 ms";
}

TEST_F(EdgeMonitorTest, D1_D3_ASilentSubjectIsAskedForAndThenNotHeard) {
  run_for(seconds(10));
  silent_[3] = true;
  const core::Instant begin = now_;
  run_for(seconds(5));
  ASSERT_EQ(verdicts_.size(), 1u);
  EXPECT_EQ(verdicts_[0].first.subject, 3u);
  EXPECT_FALSE(verdicts_[0].first.heard);
  // Its last proof was at most one interval (of 600 ms, with its jitter) before it fell silent.
  EXPECT_GE(verdicts_[0].second - begin, milliseconds(900));
  EXPECT_LE(verdicts_[0].second - begin, milliseconds(1510));
  ASSERT_EQ(asks_.size(), 1u);
  EXPECT_EQ(asks_[0].helpers.size(), 3u);
  EXPECT_GE(verdicts_[0].second - asked_at_[0], options_.indirect_wait);
  EXPECT_LE(verdicts_[0].second - asked_at_[0], options_.indirect_wait + 2 * rtt_);
}

TEST_F(EdgeMonitorTest, D3_WhoOthersHearIsHeard) {
  run_for(seconds(10));
  silent_[3] = true;
  std::uint32_t worst = 0;
  for (int i = 0; i < 200; ++i) {
    const std::size_t asked_before = asks_.size();
    run_for(milliseconds(50));
    for (std::size_t a = asked_before; a < asks_.size(); ++a) {
      EdgeMonitor::Actions actions;
      monitor_.on_indirect(3, asks_[a].asked, true, now_, actions);
      act(std::move(actions));
      worst = std::max(worst, monitor_.health().score());
    }
  }
  EXPECT_TRUE(verdicts_.empty());
  EXPECT_GT(asks_.size(), 1u);
  EXPECT_GT(worst, 0u) << "the fault is on its own side";
}

TEST_F(EdgeMonitorTest, WhoIsHeardAgainIsSaidToBe) {
  silent_[3] = true;
  run_for(seconds(5));
  silent_[3] = false;
  run_for(seconds(1));
  ASSERT_EQ(verdicts_.size(), 2u);
  EXPECT_TRUE(verdicts_[1].first.heard);
}

TEST_F(EdgeMonitorTest, D1_AnAnswerThatWasLongUnderWayProvesLittle) {
  run_for(seconds(10));
  silent_[3] = true;
  const core::Instant sent = now_;
  run_for(milliseconds(800));
  EdgeMonitor::Actions actions;
  monitor_.on_ack(3, sent, now_, actions);
  act(std::move(actions));
  run_for(seconds(10));
  ASSERT_EQ(verdicts_.size(), 1u);
  EXPECT_LE(verdicts_[0].second - sent,
            options_.missed * options_.interval_small + milliseconds(810))
      << "counted from when it left";
}

TEST_F(EdgeMonitorTest, D4_TrafficPutsTheEndOffButNotForEver) {
  run_for(seconds(10));
  silent_[3] = true;
  const core::Instant begin = now_;
  for (int i = 0; i < 100 && verdicts_.empty(); ++i) {
    monitor_.on_traffic(3, now_);
    run_for(milliseconds(100));
  }
  ASSERT_EQ(verdicts_.size(), 1u);
  EXPECT_GT(verdicts_[0].second - begin, milliseconds(2000));
  EXPECT_LE(verdicts_[0].second - begin, milliseconds(3050));
}

TEST_F(EdgeMonitorTest, D5_APauseOfItsOwnIsNoSilenceOfOthers) {
  run_for(seconds(10));
  now_ += seconds(30);
  EdgeMonitor::Actions actions;
  monitor_.on_time(now_, actions);
  act(std::move(actions));
  run_for(seconds(10));
  EXPECT_TRUE(verdicts_.empty());
}

TEST_F(EdgeMonitorTest, D5_APauseIsNoticedByWhateverComesFirstAfterIt) {
  run_for(seconds(10));
  now_ += seconds(30);
  EdgeMonitor::Actions actions;
  // Read only now, though it came long ago.
  monitor_.on_traffic(1, now_);
  monitor_.on_ack(2, now_ - seconds(30), now_, actions);
  monitor_.on_time(now_, actions);
  act(std::move(actions));
  run_for(seconds(10));
  EXPECT_TRUE(verdicts_.empty());
}

TEST_F(EdgeMonitorTest, D5_AnAnswerThatWasReadLateDoesNotMakeItPatient) {
  run_for(seconds(10));
  const core::Instant sent = now_;
  now_ += seconds(8);
  EdgeMonitor::Actions actions;
  monitor_.on_ack(3, sent, now_, actions);
  act(std::move(actions));
  run_for(seconds(10));
  silent_[3] = true;
  const core::Instant begin = now_;
  run_for(seconds(10));
  ASSERT_EQ(verdicts_.size(), 1u);
  EXPECT_LE(verdicts_[0].second - begin, milliseconds(1510));
}

// Its own health gets better while most are silent, which makes what was due later due at once: that is no pause.
TEST_F(EdgeMonitorTest, D5_GettingPatientAndImpatientIsNoPause) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    monitor_ = EdgeMonitor(options_, seed);
    monitor_.watch(view_, 0, now_);
    verdicts_.clear();
    asks_.clear();
    for (bool& silent : silent_) silent = false;
    run_for(seconds(10));
    for (const MemberIndex subject : {1, 2, 3}) silent_[subject] = true;
    std::size_t answered = 0;
    for (int i = 0; i < 100; ++i) {
      run_for(milliseconds(50));
      for (; answered < asks_.size(); ++answered) {
        EdgeMonitor::Actions actions;
        monitor_.on_indirect(asks_[answered].subject, asks_[answered].asked, false, now_, actions);
        act(std::move(actions));
      }
    }
    EXPECT_EQ(verdicts_.size(), 3u) << "seed " << seed;
  }
}

TEST_F(EdgeMonitorTest, D6_ASecondRefusalEndsTheWait) {
  run_for(seconds(10));
  silent_[3] = true;
  EdgeMonitor::Actions actions;
  monitor_.on_refused(3, now_, actions);
  EXPECT_TRUE(actions.empty()) << "one may be a restart of its listener";
  monitor_.on_refused(3, now_ + milliseconds(10), actions);
  EXPECT_TRUE(actions.empty()) << "the same one";
  monitor_.on_refused(3, now_ + options_.refusal_gap, actions);
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_FALSE(std::get<EdgeMonitor::Verdict>(actions[0]).heard);
}

TEST_F(EdgeMonitorTest, AConnectionThatEndsIsMadeAgainAtOnceAndThenNotSoFast) {
  run_for(seconds(10));
  int before = probes_[3];
  monitor_.on_lost(3, now_);
  run_for(milliseconds(1));
  EXPECT_EQ(probes_[3], before + 1);
  before = probes_[3];
  for (int i = 0; i < 1'000; ++i) {
    monitor_.on_lost(3, now_);
    run_for(milliseconds(1));
  }
  EXPECT_LE(probes_[3], before + 6);
}

TEST_F(EdgeMonitorTest, D7_ADoubtedSubjectIsProvenOrNotSoon) {
  run_for(seconds(10));
  EdgeMonitor::Actions actions;
  monitor_.doubt(2, now_, actions);
  now_ += milliseconds(1);
  act(std::move(actions));
  ASSERT_EQ(verdicts_.size(), 1u);
  EXPECT_TRUE(verdicts_[0].first.heard) << "said aloud, because others doubt";

  silent_[3] = true;
  actions.clear();
  monitor_.doubt(3, now_, actions);
  const core::Instant begin = now_;
  act(std::move(actions));
  run_for(seconds(2));
  ASSERT_EQ(verdicts_.size(), 2u);
  EXPECT_FALSE(verdicts_[1].first.heard);
  EXPECT_LE(verdicts_[1].second - begin, 2 * options_.indirect_wait);
}

TEST_F(EdgeMonitorTest, WhenMostAreSilentItSuspectsItselfAndWaitsLonger) {
  run_for(seconds(10));
  for (MemberIndex subject = 1; subject < 5; ++subject) silent_[subject] = true;
  const core::Instant begin = now_;
  run_for(milliseconds(2500));
  EXPECT_TRUE(verdicts_.empty()) << "at "
                                 << (verdicts_.empty() ? 0 : (verdicts_[0].second - begin).count());
  EXPECT_GE(monitor_.health().score(), 3u);
  run_for(seconds(20));
  EXPECT_EQ(verdicts_.size(), 4u) << "but not for ever";
}

TEST_F(EdgeMonitorTest, ANewViewKeepsWhatIsKnownOfThoseThatStay) {
  run_for(seconds(10));
  silent_[4] = true;
  run_for(milliseconds(1200));
  const ViewPtr next =
      view_->after({.base = view_->id(), .removed = {{.member = 1, .why = Departure::failed}}});
  monitor_.watch(next, 0, now_);
  EXPECT_FALSE(monitor_.watches(4)) << "three others are left";
  const MemberIndex silent_now = *next->index_of(view_->member(4).id);
  for (bool& silent : silent_) silent = false;
  silent_[silent_now] = true;
  run_for(milliseconds(400));
  ASSERT_EQ(verdicts_.size(), 1u) << "its silence did not begin anew";
  EXPECT_EQ(verdicts_[0].first.subject, silent_now);
}

}  // namespace
}  // namespace nexus::cluster
