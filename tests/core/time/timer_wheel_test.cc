#include "core/time/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace nexus::core {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using Wheel = TimerWheel<int>;

constexpr Duration kTick = milliseconds(1);
const Instant kStart{hours(5)};

std::vector<int> advance(Wheel& wheel, Instant now) {
  std::vector<int> due;
  wheel.advance(now, due);
  return due;
}

TEST(TimerWheel, T1_AnEntryIsDueAtItsDeadlineRoundedUpToATick) {
  Wheel wheel(kStart, kTick);
  wheel.add(kStart + milliseconds(10), 1);
  wheel.add(kStart + milliseconds(10) + microseconds(1), 2);
  EXPECT_TRUE(advance(wheel, kStart + milliseconds(10) - Duration(1)).empty());
  EXPECT_EQ(advance(wheel, kStart + milliseconds(10)), std::vector<int>{1});
  EXPECT_TRUE(advance(wheel, kStart + milliseconds(11) - Duration(1)).empty());
  EXPECT_EQ(advance(wheel, kStart + milliseconds(11)), std::vector<int>{2});
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimerWheel, ADeadlineInThePastIsDueAtTheNextTick) {
  Wheel wheel(kStart, kTick);
  EXPECT_TRUE(advance(wheel, kStart + milliseconds(50)).empty());
  wheel.add(kStart, 1);
  wheel.add(Instant{}, 2);
  EXPECT_EQ(advance(wheel, kStart + milliseconds(51)).size(), 2u);
}

TEST(TimerWheel, EntriesLeaveEarliestTickFirst) {
  Wheel wheel(kStart, kTick);
  const std::vector<int> delays = {70'000, 3, 256, 255, 257, 65'536, 1, 65'535, 20'000'000};
  for (const int delay : delays) wheel.add(kStart + milliseconds(delay), delay);
  std::vector<int> expected = delays;
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(advance(wheel, kStart + hours(6)), expected);
}

TEST(TimerWheel, T3_EntriesOfATickLeaveByDeadlineAndThenInTheOrderOfTheirCalls) {
  // In each level.
  for (const int delay : {5, 300, 70'000, 20'000'000}) {
    Wheel wheel(kStart, kTick);
    const Instant deadline = kStart + milliseconds(delay);
    wheel.add(deadline, 2);
    wheel.add(deadline, 3);
    wheel.add(deadline - microseconds(1), 1);
    wheel.add(deadline, 4);
    EXPECT_EQ(advance(wheel, deadline), (std::vector<int>{1, 2, 3, 4})) << delay;
  }
}

TEST(TimerWheel, T3_AnEntryFromAHigherLevelLeavesBeforeALaterOneOfItsTick) {
  for (const int delay : {300, 70'000, 20'000'000}) {
    Wheel wheel(kStart, kTick);
    const Instant deadline = kStart + milliseconds(delay);
    wheel.add(deadline, 1);
    wheel.add(deadline, 2);
    // So near that the next one goes to the lowest level at once, while the others wait above.
    EXPECT_TRUE(advance(wheel, deadline - milliseconds(45)).empty());
    wheel.add(deadline, 3);
    EXPECT_EQ(advance(wheel, deadline), (std::vector<int>{1, 2, 3})) << delay;
  }
}

TEST(TimerWheel, ACancelledEntryIsGivenBackOnce) {
  TimerWheel<std::unique_ptr<int>> wheel(kStart, kTick);
  const auto id = wheel.add(kStart + milliseconds(5), std::make_unique<int>(7));
  const auto entry = wheel.cancel(id);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(**entry, 7);
  EXPECT_FALSE(wheel.cancel(id).has_value());
  EXPECT_FALSE(wheel.next_wake().has_value());
  // The place is used again, under another generation.
  const auto next = wheel.add(kStart + milliseconds(5), std::make_unique<int>(8));
  EXPECT_EQ(next.index, id.index);
  EXPECT_FALSE(wheel.cancel(id).has_value());
  std::vector<std::unique_ptr<int>> due;
  wheel.advance(kStart + milliseconds(5), due);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(*due[0], 8);
  EXPECT_FALSE(wheel.cancel(next).has_value());
  EXPECT_FALSE(wheel.cancel({}).has_value());
}

TEST(TimerWheel, TimeNeverGoesBack) {
  Wheel wheel(kStart, kTick);
  wheel.add(kStart + milliseconds(10), 1);
  EXPECT_EQ(advance(wheel, kStart + milliseconds(20)).size(), 1u);
  wheel.add(kStart + milliseconds(15), 2);
  EXPECT_TRUE(advance(wheel, kStart).empty());
  EXPECT_EQ(advance(wheel, kStart + milliseconds(21)).size(), 1u);
}

TEST(TimerWheel, TheEndOfTimeNeverComes) {
  Wheel wheel(kStart, kTick);
  wheel.add(Instant::max(), 1);
  EXPECT_TRUE(advance(wheel, kStart + hours(24)).empty());
  EXPECT_EQ(wheel.size(), 1u);
}

TEST(TimerWheel, TheBeginningOfTimeIsDueAtTheNextTick) {
  Wheel wheel(kStart, kTick);
  wheel.add(Instant::min(), 1);
  EXPECT_TRUE(advance(wheel, Instant::min()).empty());
  EXPECT_EQ(advance(wheel, kStart + kTick), std::vector<int>{1});
}

TEST(TimerWheel, AnEntryBeyondTheTopLevelIsDueOnTime) {
  // 2^32 ticks lie within the levels.
  Wheel wheel(kStart, Duration(1));
  const Instant deadline = kStart + Duration((std::int64_t{2} << 32) + 12'345);
  wheel.add(deadline, 1);
  EXPECT_TRUE(advance(wheel, deadline - Duration(1)).empty());
  EXPECT_EQ(advance(wheel, deadline), std::vector<int>{1});
}

TEST(TimerWheel, T2_AFarEntryCostsFewWakeUps) {
  Wheel wheel(kStart, kTick);
  wheel.add(kStart + hours(24 * 30), 1);
  int wakes = 0;
  std::vector<int> due;
  while (due.empty()) {
    wheel.advance(*wheel.next_wake(), due);
    ++wakes;
  }
  // At most one a slot on the way down, and the due tick.
  EXPECT_LE(wakes, 4 * 256);
}

// The plainest wheel: a sorted map.
class Model {
 public:
  void add(int entry, Instant deadline) {
    const auto since = std::max(deadline - kStart, Duration::zero());
    const std::int64_t tick = (since + kTick - Duration(1)) / kTick;
    due_[entry] = {std::max(tick, now_tick_ + 1), deadline};
  }
  bool cancel(int entry) { return due_.erase(entry) == 1; }
  std::vector<int> advance(Instant now) {
    now_tick_ = std::max<std::int64_t>(now_tick_, (now - kStart) / kTick);
    // Entries are numbered in the order of their calls.
    std::vector<std::pair<Due, int>> due;
    for (const auto& [entry, when] : due_) {
      if (when.first <= now_tick_) due.emplace_back(when, entry);
    }
    std::sort(due.begin(), due.end());
    std::vector<int> entries;
    for (const auto& [when, entry] : due) entries.push_back(entry);
    for (const int entry : entries) due_.erase(entry);
    return entries;
  }
  std::size_t size() const { return due_.size(); }
  std::int64_t first_tick() const {
    std::int64_t first = INT64_MAX;
    for (const auto& [entry, when] : due_) first = std::min(first, when.first);
    return first;
  }

 private:
  // The tick, and the deadline itself.
  using Due = std::pair<std::int64_t, Instant>;

  std::map<int, Due> due_;
  std::int64_t now_tick_ = 0;
};

class TimerWheelModel : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, TimerWheelModel, testing::Range(1u, 11u));

TEST_P(TimerWheelModel, T1_T3_AgreesWithASortedMapOverRandomSteps) {
  std::mt19937_64 random(GetParam());
  Wheel wheel(kStart, kTick);
  Model model;
  std::map<int, Wheel::Id> ids;
  Instant now = kStart;
  int next_entry = 0;
  // Spans from a tick to days: all levels and their borders.
  const auto span = [&] {
    const auto ticks = static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 28)));
    return kTick * ticks + Duration(static_cast<std::int64_t>(random() % 1'000'000));
  };
  for (int step = 0; step < 1'000; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const auto dice = random() % 10;
    if (dice < 6) {
      const Instant deadline = random() % 20 == 0 ? now - span() : now + span();
      ids[next_entry] = wheel.add(deadline, next_entry);
      model.add(next_entry, deadline);
      ++next_entry;
    } else if (dice < 8 && next_entry > 0) {
      const int entry = static_cast<int>(random() % static_cast<std::uint64_t>(next_entry));
      const auto cancelled = wheel.cancel(ids[entry]);
      ASSERT_EQ(cancelled.has_value(), model.cancel(entry));
      ASSERT_EQ(cancelled.value_or(entry), entry);
    } else {
      now += span() / 4;
      ASSERT_EQ(advance(wheel, now), model.advance(now));
    }
    ASSERT_EQ(wheel.size(), model.size());
    ASSERT_EQ(wheel.next_wake().has_value(), model.size() > 0);
    if (model.size() > 0) {
      ASSERT_GT(*wheel.next_wake(), now - kTick);
      ASSERT_LE(*wheel.next_wake(), kStart + kTick * model.first_tick());
    }
  }
}

}  // namespace
}  // namespace nexus::core
