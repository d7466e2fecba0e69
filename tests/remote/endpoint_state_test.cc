#include "remote/endpoint_state.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>

namespace nexus::remote {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Phase = EndpointState::Phase;
using WhyGone = EndpointState::WhyGone;

constexpr std::uint32_t kSeed = 1;
// Waits without chance: 100 ms, 200 ms and so on.
constexpr EndpointState::Options kOptions{
    .reconnect = {.min = milliseconds(100), .max = seconds(5), .jitter = 0.0},
    .unreachable_after = seconds(30)};
// Any moment will do; not the epoch, so that a forgotten initial value shows.
constexpr core::Instant kStart{std::chrono::hours(5)};

// Actions as text, so that a failure shows them: `dial`, `wake@200ms`, `gone(restarted)`, `gone(unreachable)+queue`, `watches`.
std::string text_of(const EndpointState::Actions& actions) {
  static constexpr const char* kWhy[] = {"unreachable", "said_goodbye", "restarted",    "refused",
                                         "blocked",     "overrun",      "disconnected", "replaced"};
  std::string text;
  for (const EndpointState::Action& action : actions) {
    if (!text.empty()) text += ' ';
    if (std::holds_alternative<EndpointState::Dial>(action)) text += "dial";
    if (std::holds_alternative<EndpointState::SendWatches>(action)) text += "watches";
    if (const auto* wake = std::get_if<EndpointState::WakeAt>(&action)) {
      const auto wait = std::chrono::duration_cast<milliseconds>(wake->at - kStart);
      text += "wake@" + std::to_string(wait.count()) + "ms";
    }
    if (const auto* gone = std::get_if<EndpointState::DeclareGone>(&action)) {
      text += std::string("gone(") + kWhy[static_cast<int>(gone->why)] + ")";
      if (gone->queue_too) text += "+queue";
    }
  }
  return text;
}

// A state that has got as far as `phase`, at kStart, with the peer as incarnation "one" once it was connected.
EndpointState state_in(Phase phase) {
  EndpointState state(kOptions, kSeed);
  if (phase == Phase::idle) return state;
  (void)state.on_wanted(kStart);
  if (phase == Phase::connecting) return state;
  (void)state.on_connected("one");
  if (phase == Phase::waiting) (void)state.on_lost(kStart);
  if (phase == Phase::closed) state.on_close();
  EXPECT_EQ(state.phase(), phase);
  return state;
}

TEST(EndpointState, APeerThatLetsTooMuchWaitIsGoneHoweverFarTheLinkIs) {
  for (const Phase phase : {Phase::connecting, Phase::connected, Phase::waiting}) {
    EndpointState state = state_in(phase);
    EXPECT_EQ(text_of(state.on_overrun()), "gone(overrun)+queue");
    EXPECT_EQ(state.phase(), Phase::idle);
    EXPECT_EQ(text_of(state.on_time(kStart + seconds(1))), "") << "the wait is over";
    EXPECT_EQ(text_of(state.on_wanted(kStart)), "dial");
  }
  for (const Phase phase : {Phase::idle, Phase::closed}) {
    EndpointState state = state_in(phase);
    EXPECT_EQ(text_of(state.on_overrun()), "");
    EXPECT_EQ(state.phase(), phase);
  }
  EndpointState client = EndpointState::of_client(kOptions, "c");
  EXPECT_EQ(text_of(client.on_overrun()), "gone(overrun)+queue");
  EXPECT_EQ(client.phase(), Phase::closed);
}

TEST(EndpointState, IsIdleUntilSomethingIsWanted) {
  EndpointState state(kOptions, kSeed);
  EXPECT_EQ(state.phase(), Phase::idle);
  EXPECT_EQ(state.member_id(), "");
  EXPECT_EQ(text_of(state.on_wanted(kStart)), "dial");
  EXPECT_EQ(state.phase(), Phase::connecting);
}

TEST(EndpointState, OnlyTheFirstWishDials) {
  for (const Phase phase : {Phase::connecting, Phase::connected, Phase::waiting, Phase::closed}) {
    EndpointState state = state_in(phase);
    EXPECT_EQ(text_of(state.on_wanted(kStart)), "");
    EXPECT_EQ(state.phase(), phase);
  }
}

TEST(EndpointState, E1_ItIsConnectedWhenTheHandshakeArrives) {
  EndpointState state = state_in(Phase::connecting);
  EXPECT_EQ(text_of(state.on_connected("one")), "watches");
  EXPECT_EQ(state.phase(), Phase::connected);
  EXPECT_EQ(state.member_id(), "one");
}

TEST(EndpointState, E1_AHandshakeThatNobodyWaitsForChangesNothing) {
  for (const Phase phase : {Phase::idle, Phase::connected, Phase::waiting, Phase::closed}) {
    EndpointState state = state_in(phase);
    const std::string member_id = state.member_id();
    EXPECT_EQ(text_of(state.on_connected("two")), "");
    EXPECT_EQ(state.phase(), phase);
    EXPECT_EQ(state.member_id(), member_id);
  }
}

TEST(EndpointState, ALostLinkIsDialledAgainAfterAWhile) {
  EndpointState state = state_in(Phase::connected);
  EXPECT_EQ(text_of(state.on_lost(kStart)), "wake@100ms");
  EXPECT_EQ(state.phase(), Phase::waiting);
  EXPECT_EQ(text_of(state.on_time(kStart + milliseconds(99))), "wake@100ms");
  EXPECT_EQ(text_of(state.on_time(kStart + milliseconds(100))), "dial");
  EXPECT_EQ(state.phase(), Phase::connecting);
}

TEST(EndpointState, TheSameIncarnationGetsTheWatchesAgain) {
  EndpointState state = state_in(Phase::waiting);
  (void)state.on_time(kStart + seconds(1));
  EXPECT_EQ(text_of(state.on_connected("one")), "watches");
}

TEST(EndpointState, E2_AnotherIncarnationMeansThatTheOldOneIsGone) {
  EndpointState state = state_in(Phase::waiting);
  (void)state.on_time(kStart + seconds(1));
  // What waits has not been sent to anybody, so the new incarnation may have it.
  EXPECT_EQ(text_of(state.on_connected("two")), "gone(restarted)");
  EXPECT_EQ(state.phase(), Phase::connected);
  EXPECT_EQ(state.member_id(), "two");
}

TEST(EndpointState, WaitsDoubleUpToTheMaximumAndChanceShortensThem) {
  for (const double jitter : {0.0, 0.5}) {
    EndpointState state(
        {.reconnect = {.min = milliseconds(200), .max = seconds(5), .jitter = jitter},
         .unreachable_after = std::chrono::hours(1)},
        kSeed);
    (void)state.on_wanted(kStart);
    core::Instant now = kStart;
    for (const int full_ms : {200, 400, 800, 1600, 3200, 5000, 5000, 5000}) {
      const auto actions = state.on_lost(now);
      ASSERT_EQ(actions.size(), 1u);
      const auto wait = std::get<EndpointState::WakeAt>(actions[0]).at - now;
      const milliseconds full(full_ms);
      EXPECT_GE(wait, jitter == 0 ? full : full / 2);
      EXPECT_LE(wait, full);
      now += wait;
      ASSERT_EQ(text_of(state.on_time(now)), "dial");
    }
  }
}

TEST(EndpointState, AConnectionStartsTheWaitsFromTheBeginning) {
  EndpointState state = state_in(Phase::waiting);
  (void)state.on_time(kStart + milliseconds(100));
  EXPECT_EQ(text_of(state.on_lost(kStart + milliseconds(100))), "wake@300ms");
  (void)state.on_time(kStart + milliseconds(300));
  (void)state.on_connected("one");
  EXPECT_EQ(text_of(state.on_lost(kStart + milliseconds(300))), "wake@400ms");
}

TEST(EndpointState, APeerIsGoneExactlyUnreachableAfterTheLoss) {
  EndpointState state = state_in(Phase::connected);
  const core::Instant lost_at = kStart + seconds(1);
  core::Instant now = lost_at;
  std::string last;
  for (int dials = 0;; ++dials) {
    ASSERT_LT(dials, 100);
    const auto actions = state.on_lost(now);
    if (const auto* wake = std::get_if<EndpointState::WakeAt>(&actions[0])) {
      ASSERT_LE(wake->at, lost_at + kOptions.unreachable_after);
      now = wake->at;
      ASSERT_EQ(text_of(state.on_time(now)), "dial");
      continue;
    }
    last = text_of(actions);
    break;
  }
  EXPECT_EQ(last, "gone(unreachable)+queue");
  EXPECT_EQ(now, lost_at + kOptions.unreachable_after);
  EXPECT_EQ(state.phase(), Phase::idle);
  EXPECT_EQ(state.member_id(), "");
}

TEST(EndpointState, ADialThatFailsOneNanosecondEarlierIsTriedOnceMore) {
  for (const bool late : {false, true}) {
    EndpointState state = state_in(Phase::waiting);
    (void)state.on_time(kStart + seconds(1));
    const core::Instant failed_at = kStart + kOptions.unreachable_after - nanoseconds(late ? 0 : 1);
    EXPECT_EQ(text_of(state.on_lost(failed_at)), late ? "gone(unreachable)+queue" : "wake@30000ms");
  }
}

TEST(EndpointState, APeerThatWasNeverReachedIsGoneCountedFromTheWish) {
  EndpointState state = state_in(Phase::connecting);
  EXPECT_EQ(text_of(state.on_lost(kStart + kOptions.unreachable_after)), "gone(unreachable)+queue");
}

TEST(EndpointState, E3_APeerThatWasGoneGetsOneDialPerWish) {
  EndpointState state = state_in(Phase::connecting);
  (void)state.on_lost(kStart + kOptions.unreachable_after);
  for (int wish = 0; wish < 5; ++wish) {
    const core::Instant now = kStart + seconds(100 + wish);
    EXPECT_EQ(text_of(state.on_wanted(now)), "dial");
    EXPECT_EQ(text_of(state.on_lost(now)), "gone(unreachable)+queue");
    EXPECT_EQ(state.phase(), Phase::idle);
  }
  // Once connected, it has the full patience again.
  (void)state.on_wanted(kStart + seconds(200));
  EXPECT_EQ(text_of(state.on_connected("two")), "watches");
  EXPECT_EQ(text_of(state.on_lost(kStart + seconds(201))), "wake@201100ms");
}

// Else a peer that cannot be dialled, and watches, would be given up as often as it connects.
TEST(EndpointState, E3_APeerThatIsSeenHasTheFullPatienceAgain) {
  EndpointState state = state_in(Phase::connecting);
  (void)state.on_lost(kStart + kOptions.unreachable_after);
  EXPECT_EQ(text_of(state.on_seen("one")), "");
  EXPECT_EQ(text_of(state.on_wanted(kStart + seconds(100))), "dial");
  EXPECT_EQ(text_of(state.on_lost(kStart + seconds(101))), "wake@101100ms");
}

TEST(EndpointState, E4_ABlockedPeerIsGoneAtOnceAndNotDialled) {
  for (const Phase phase : {Phase::idle, Phase::connecting, Phase::connected, Phase::waiting}) {
    EndpointState state = state_in(phase);
    EXPECT_EQ(text_of(state.on_blocked()), "gone(blocked)+queue");
    EXPECT_EQ(text_of(state.on_blocked()), "");
    EXPECT_EQ(text_of(state.on_wanted(kStart)), "");
    EXPECT_EQ(text_of(state.on_time(kStart + seconds(60))), "");
    EXPECT_EQ(text_of(state.on_lost(kStart)), "");
    EXPECT_EQ(text_of(state.on_connected("one")), "");
    EXPECT_EQ(text_of(state.on_goodbye(WhyGone::said_goodbye)), "");
    EXPECT_EQ(state.phase(), Phase::blocked);
    EXPECT_EQ(state.member_id(), "");
  }
  EndpointState closed = state_in(Phase::closed);
  EXPECT_EQ(text_of(closed.on_blocked()), "");
  EXPECT_EQ(closed.phase(), Phase::closed);
}

TEST(EndpointState, E4_ABlockedPeerIsDialledAgainWhenItIsUnblockedOrAnotherIsSeen) {
  EndpointState unblocked = state_in(Phase::connected);
  (void)unblocked.on_blocked();
  unblocked.on_unblocked();
  EXPECT_EQ(text_of(unblocked.on_wanted(kStart)), "dial");
  EndpointState seen = state_in(Phase::connected);
  (void)seen.on_blocked();
  EXPECT_EQ(text_of(seen.on_seen("two")), "") << "the watchers of the first were told";
  EXPECT_EQ(text_of(seen.on_wanted(kStart)), "dial");
  EXPECT_EQ(text_of(seen.on_connected("two")), "watches");
  EndpointState up = state_in(Phase::connected);
  up.on_unblocked();
  EXPECT_EQ(up.phase(), Phase::connected);
}

TEST(EndpointState, GoodbyeAndRefusalMeanGoneAtOnce) {
  for (const WhyGone why : {WhyGone::said_goodbye, WhyGone::refused}) {
    const std::string expected =
        why == WhyGone::refused ? "gone(refused)+queue" : "gone(said_goodbye)+queue";
    for (const Phase phase : {Phase::connecting, Phase::connected}) {
      EndpointState state = state_in(phase);
      EXPECT_EQ(text_of(state.on_goodbye(why)), expected);
      EXPECT_EQ(state.phase(), Phase::idle);
      EXPECT_EQ(state.member_id(), "");
      EXPECT_EQ(text_of(state.on_lost(kStart)), "") << "the end of that stream is no second loss";
      // E3
      EXPECT_EQ(text_of(state.on_wanted(kStart)), "dial");
      EXPECT_EQ(text_of(state.on_lost(kStart)), "gone(unreachable)+queue");
    }
    for (const Phase phase : {Phase::idle, Phase::waiting, Phase::closed}) {
      EndpointState state = state_in(phase);
      EXPECT_EQ(text_of(state.on_goodbye(why)), "");
      EXPECT_EQ(state.phase(), phase);
    }
  }
}

TEST(EndpointState, APeerSeenUnderAnotherIdHasRestarted) {
  for (const Phase phase : {Phase::connected, Phase::waiting}) {
    EndpointState state = state_in(phase);
    EXPECT_EQ(text_of(state.on_seen("one")), "");
    EXPECT_EQ(text_of(state.on_seen("two")), "gone(restarted)");
    EXPECT_EQ(state.phase(), phase == Phase::connected ? Phase::idle : phase)
        << "the stream led to the incarnation that is gone";
    EXPECT_EQ(state.member_id(), "two");
    EXPECT_EQ(text_of(state.on_seen("two")), "") << "once per incarnation";
  }
}

TEST(EndpointState, E2_AnIncarnationThatWasReplacedIsNotSeenAgain) {
  EndpointState state = state_in(Phase::waiting);
  (void)state.on_seen("two");
  EXPECT_EQ(text_of(state.on_seen("one")), "") << "its stream was accepted late";
  EXPECT_EQ(state.member_id(), "two");
}

TEST(EndpointState, E2_AnIncarnationThatWasGivenUpIsNotSeenAgainWhenThereIsANextOne) {
  EndpointState state = state_in(Phase::waiting);
  (void)state.on_time(kStart + seconds(1));
  (void)state.on_lost(kStart + kOptions.unreachable_after);
  EXPECT_FALSE(state.is_former("one")) << "it may have come back";
  (void)state.on_wanted(kStart);
  EXPECT_EQ(text_of(state.on_connected("two")), "watches");
  EXPECT_TRUE(state.is_former("one"));
  EXPECT_EQ(text_of(state.on_seen("one")), "");
  EXPECT_EQ(state.member_id(), "two");
}

TEST(EndpointState, E2_TheLastFewIncarnationsAreRemembered) {
  EndpointState state = state_in(Phase::waiting);
  for (const char* next : {"two", "three", "four", "five"}) (void)state.on_seen(next);
  for (const char* former : {"one", "two", "three", "four"}) {
    EXPECT_TRUE(state.is_former(former)) << former;
  }
  (void)state.on_seen("six");
  EXPECT_FALSE(state.is_former("one"));
}

// Another one has only said that it is at this address.
TEST(EndpointState, E2_AnIncarnationThatAnswersADialIsFormerNoMore) {
  EndpointState state = state_in(Phase::connected);
  (void)state.on_seen("two");
  (void)state.on_wanted(kStart);
  EXPECT_EQ(text_of(state.on_connected("one")), "gone(restarted)");
  EXPECT_FALSE(state.is_former("one"));
  EXPECT_TRUE(state.is_former("two"));
}

TEST(EndpointState, E2_WhatWasSeenIsNotDeclaredAgainByTheHandshake) {
  EndpointState state = state_in(Phase::waiting);
  (void)state.on_seen("two");
  (void)state.on_time(kStart + seconds(1));
  EXPECT_EQ(text_of(state.on_connected("two")), "watches");
}

TEST(EndpointState, APeerSeenBeforeAnyHandshakeIsNoNews) {
  for (const Phase phase : {Phase::idle, Phase::connecting, Phase::closed}) {
    EndpointState state = state_in(phase);
    EXPECT_EQ(text_of(state.on_seen("two")), "");
  }
}

TEST(EndpointState, E2_WhoIsGoneIsNamed) {
  const auto gone = [](const EndpointState::Actions& actions) {
    const auto* declared = std::get_if<EndpointState::DeclareGone>(&actions.at(0));
    return declared == nullptr ? "nobody" : declared->member_id;
  };
  EXPECT_EQ(gone(state_in(Phase::connected).on_seen("two")), "one");
  EXPECT_EQ(gone(state_in(Phase::connected).on_blocked()), "one");
  EXPECT_EQ(gone(state_in(Phase::connected).on_goodbye(WhyGone::said_goodbye)), "one");
  EXPECT_EQ(gone(state_in(Phase::connecting).on_goodbye(WhyGone::refused)), "");
  EndpointState restarted = state_in(Phase::waiting);
  (void)restarted.on_time(kStart + seconds(1));
  EXPECT_EQ(gone(restarted.on_connected("two")), "one");
  EXPECT_EQ(gone(EndpointState::of_client(kOptions, "c").on_lost(kStart)), "c");
}

TEST(EndpointState, E5_AClientIsNeverDialledAndEndsWithItsStream) {
  for (const bool is_open : {false, true}) {
    EndpointState state = EndpointState::of_client(kOptions, "c");
    EXPECT_EQ(state.phase(), Phase::connecting);
    EXPECT_EQ(state.member_id(), "c");
    if (is_open) {
      EXPECT_EQ(text_of(state.on_connected("c")), "watches");
    }
    EXPECT_EQ(text_of(state.on_wanted(kStart)), "");
    EXPECT_EQ(text_of(state.on_time(kStart + seconds(60))), "");
    EXPECT_EQ(text_of(state.on_lost(kStart)), "gone(disconnected)+queue");
    EXPECT_EQ(state.phase(), Phase::closed);
    EXPECT_EQ(text_of(state.on_lost(kStart)), "");
    EXPECT_EQ(text_of(state.on_wanted(kStart)), "");
  }
  EndpointState replaced = EndpointState::of_client(kOptions, "c");
  EXPECT_EQ(text_of(replaced.on_goodbye(WhyGone::replaced)), "gone(replaced)+queue");
  EXPECT_EQ(replaced.phase(), Phase::closed);
  EndpointState blocked = EndpointState::of_client(kOptions, "c");
  EXPECT_EQ(text_of(blocked.on_blocked()), "gone(blocked)+queue");
  EXPECT_EQ(blocked.phase(), Phase::blocked);
  blocked.on_unblocked();
  EXPECT_EQ(blocked.phase(), Phase::closed);
  EXPECT_EQ(text_of(blocked.on_wanted(kStart)), "");
}

TEST(EndpointState, LossAndTimeCountOnlyWhereTheyBelong) {
  for (const Phase phase : {Phase::idle, Phase::waiting, Phase::closed}) {
    EndpointState state = state_in(phase);
    EXPECT_EQ(text_of(state.on_lost(kStart)), "");
    EXPECT_EQ(state.phase(), phase);
  }
  for (const Phase phase : {Phase::idle, Phase::connecting, Phase::connected, Phase::closed}) {
    EndpointState state = state_in(phase);
    EXPECT_EQ(text_of(state.on_time(kStart + seconds(10))), "");
    EXPECT_EQ(state.phase(), phase);
  }
}

// A peer that has nothing to say for a day is not taken for a dead one, and its day does not count when the link then breaks.
TEST(EndpointState, SilenceOnALinkThatIsUpIsNoLoss) {
  EndpointState state = state_in(Phase::connected);
  const core::Instant later = kStart + std::chrono::hours(24);
  EXPECT_EQ(text_of(state.on_time(later)), "");
  EXPECT_EQ(state.phase(), Phase::connected);
  EXPECT_EQ(text_of(state.on_lost(later)), "wake@86400100ms");
  EXPECT_EQ(state.phase(), Phase::waiting);
}

TEST(EndpointState, ClosedIsForEver) {
  for (const Phase phase : {Phase::idle, Phase::connecting, Phase::connected, Phase::waiting}) {
    EndpointState state = state_in(phase);
    state.on_close();
    EXPECT_EQ(text_of(state.on_wanted(kStart)), "");
    EXPECT_EQ(text_of(state.on_connected("two")), "");
    EXPECT_EQ(text_of(state.on_lost(kStart)), "");
    EXPECT_EQ(text_of(state.on_time(kStart + seconds(100))), "");
    EXPECT_EQ(text_of(state.on_goodbye(WhyGone::said_goodbye)), "");
    EXPECT_EQ(text_of(state.on_seen("two")), "");
    EXPECT_EQ(state.phase(), Phase::closed);
  }
}

// What must hold whatever happens in whatever order, checked after each of many random events.
class EndpointStateLaws {
 public:
  explicit EndpointStateLaws(std::uint32_t seed)
      : random_(seed),
        state_({.reconnect = {.min = milliseconds(200), .max = seconds(5), .jitter = 0.5},
                .unreachable_after = kOptions.unreachable_after},
               seed) {}

  void run(int event_count) {
    for (int i = 0; i < event_count && !testing::Test::HasFailure(); ++i) step();
  }

 private:
  std::uint32_t below(std::uint32_t bound) { return random_() % bound; }
  std::string some_member() { return std::string(1, static_cast<char>('a' + below(3))); }

  void step() {
    if (below(4) != 0) now_ += milliseconds(below(3'000));
    const Phase before = state_.phase();
    const std::string member_before = state_.member_id();
    EndpointState::Actions actions;
    switch (below(8)) {
      case 0:
      case 1:
        actions = state_.on_wanted(now_);
        if (before == Phase::idle) {
          EXPECT_EQ(text_of(actions), "dial");
        }
        break;
      case 2:
        actions = state_.on_connected(some_member());
        break;
      case 3:
      case 4:
        actions = state_.on_lost(now_);
        break;
      case 5:
        actions = state_.on_time(now_);
        break;
      case 6:
        actions = state_.on_goodbye(below(2) == 0 ? WhyGone::said_goodbye : WhyGone::refused);
        break;
      default:
        actions = state_.on_seen(some_member());
        break;
    }
    check(actions, before, member_before);
  }

  void check(const EndpointState::Actions& actions, Phase before,
             const std::string& member_before) {
    EXPECT_LE(actions.size(), 1u);
    for (const EndpointState::Action& action : actions) {
      if (std::holds_alternative<EndpointState::Dial>(action)) {
        EXPECT_TRUE(before == Phase::idle || before == Phase::waiting) << "two dials at once";
        EXPECT_EQ(state_.phase(), Phase::connecting);
      } else if (const auto* wake = std::get_if<EndpointState::WakeAt>(&action)) {
        EXPECT_EQ(state_.phase(), Phase::waiting);
        EXPECT_GE(wake->at, now_);
        EXPECT_LE(wake->at, now_ + kOptions.reconnect.max);
      } else if (const auto* gone = std::get_if<EndpointState::DeclareGone>(&action)) {
        if (gone->queue_too) {
          EXPECT_EQ(state_.phase(), Phase::idle);
          EXPECT_EQ(state_.member_id(), "");
        } else {
          EXPECT_FALSE(member_before.empty());
          EXPECT_NE(state_.member_id(), member_before);
        }
      } else {
        // E2: who is connected under another id than before was declared gone instead.
        EXPECT_TRUE(member_before.empty() || member_before == state_.member_id());
        EXPECT_EQ(before, Phase::connecting);
        EXPECT_EQ(state_.phase(), Phase::connected);
      }
    }
    if (actions.empty()) {
      EXPECT_EQ(state_.phase(), before);
    }
    // E2: an incarnation that was known is never forgotten without a word.
    const bool declared =
        !actions.empty() && std::holds_alternative<EndpointState::DeclareGone>(actions[0]);
    if (!member_before.empty() && state_.member_id() != member_before) {
      EXPECT_TRUE(declared);
    }
    // Patience ends: no dial fails unreachable_after without a verdict.
    if (before == Phase::connected && state_.phase() == Phase::waiting) down_since_ = now_;
    if (before != Phase::waiting && state_.phase() == Phase::waiting) {
      EXPECT_LT(now_ - down_since_.value_or(now_), kOptions.unreachable_after);
    }
    if (state_.phase() == Phase::connected || state_.phase() == Phase::idle) down_since_.reset();
    if (before == Phase::idle && state_.phase() == Phase::connecting) down_since_ = now_;
  }

  std::minstd_rand random_;
  EndpointState state_;
  core::Instant now_ = kStart;
  std::optional<core::Instant> down_since_;
};

TEST(EndpointState, ItsLawsHoldForRandomEvents) {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    EndpointStateLaws(seed).run(500);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace nexus::remote
