#include "remote/link_liveness.h"

#include <gtest/gtest.h>

namespace nexus::remote {
namespace {

using std::chrono::milliseconds;
using Verdict = LinkLiveness::Verdict;

constexpr core::Instant at(int ms) { return core::Instant(milliseconds(ms)); }

class LinkLivenessTest : public testing::Test {
 protected:
  LinkLivenessTest() { liveness_.on_heard(at(0)); }

  void expect(int now, Verdict verdict, int next) {
    const LinkLiveness::Next answer = liveness_.on_time(at(now));
    EXPECT_EQ(answer.verdict, verdict) << "at " << now;
    EXPECT_EQ(answer.at, at(next)) << "at " << now;
  }

  LinkLiveness liveness_{{.interval = milliseconds(100), .timeout = milliseconds(350)}};
};

TEST_F(LinkLivenessTest, APeerThatSpeaksIsLeftInPeace) {
  expect(99, Verdict::alive, 100);
  liveness_.on_heard(at(90));
  expect(100, Verdict::alive, 190);
}

TEST_F(LinkLivenessTest, ASilentOneIsAskedUntilItIsGivenUp) {
  expect(100, Verdict::ask, 200);
  expect(200, Verdict::ask, 300);
  expect(300, Verdict::ask, 350);
  expect(350, Verdict::dead, 350);
}

TEST_F(LinkLivenessTest, OneThatAnswersIsAliveAgain) {
  expect(100, Verdict::ask, 200);
  expect(200, Verdict::ask, 300);
  liveness_.on_heard(at(210));
  expect(300, Verdict::alive, 310);
  expect(310, Verdict::ask, 410);
  expect(510, Verdict::ask, 560);
}

TEST_F(LinkLivenessTest, V1_ANodeThatSleptAsksFirst) {
  expect(10'000, Verdict::ask, 10'100);
  expect(10'249, Verdict::ask, 10'250);
  expect(10'250, Verdict::dead, 10'250);
}

}  // namespace
}  // namespace nexus::remote
