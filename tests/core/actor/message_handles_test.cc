#include "core/actor/message_handles.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "tests/bench/baseline/seed_message_handles.h"

namespace nexus::core {
namespace {

using Stash = MessageHandles::Stash;

struct Numbered {
  int value;
};

EnvelopePtr numbered(int value) { return make_envelope(Numbered{value}); }

// -1 for none.
int number_of(const EnvelopePtr& envelope) {
  return envelope == nullptr ? -1 : envelope->get<Numbered>()->value;
}

void stash(MessageHandles& handles, int value) {
  EnvelopePtr envelope = numbered(value);
  ASSERT_EQ(handles.stash(envelope), Stash::stashed);
  ASSERT_EQ(envelope, nullptr);
}

std::vector<int> take_ready(MessageHandles& handles) {
  std::vector<int> values;
  while (const EnvelopePtr envelope = handles.next()) values.push_back(number_of(envelope));
  return values;
}

TEST(MessageHandles, U1_HandsOutInTheOrderOfStashing) {
  MessageHandles handles(10);
  for (int i = 0; i < 5; ++i) stash(handles, i);
  EXPECT_EQ(handles.count(), 5u);
  EXPECT_EQ(handles.ready_count(), 0u);
  EXPECT_EQ(handles.next(), nullptr) << "nothing is ready before unstash_all()";
  handles.unstash_all();
  EXPECT_EQ(handles.ready_count(), 5u);
  EXPECT_EQ(take_ready(handles), (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(handles.count(), 0u);
}

TEST(MessageHandles, U1_WhatIsStashedWhileUnstashingWaitsBehindForTheNextTime) {
  MessageHandles handles(3);
  for (int i = 0; i < 3; ++i) stash(handles, i);
  handles.unstash_all();
  std::vector<int> handled;
  // A handler that stashes every message again, at the limit.
  while (EnvelopePtr envelope = handles.next()) {
    handled.push_back(number_of(envelope));
    ASSERT_EQ(handles.stash(envelope), Stash::stashed) << "U2";
    ASSERT_LE(handled.size(), 3u) << "does not end";
  }
  EXPECT_EQ(handled, (std::vector{0, 1, 2}));
  handles.unstash_all();
  EXPECT_EQ(take_ready(handles), (std::vector{0, 1, 2}));
}

TEST(MessageHandles, U1_UnstashingWhileUnstashingKeepsTheOrder) {
  MessageHandles handles(10);
  stash(handles, 1);
  stash(handles, 2);
  handles.unstash_all();
  EXPECT_EQ(number_of(handles.next()), 1);
  stash(handles, 3);
  handles.unstash_all();
  stash(handles, 4);
  EXPECT_EQ(take_ready(handles), (std::vector{2, 3}));
  EXPECT_EQ(handles.count(), 1u);
}

TEST(MessageHandles, U2_WhenFullTheEnvelopeStaysWithTheCaller) {
  MessageHandles handles(2);
  stash(handles, 1);
  stash(handles, 2);
  EnvelopePtr third = numbered(3);
  EXPECT_EQ(handles.stash(third), Stash::full);
  EXPECT_EQ(number_of(third), 3);
  // Ready ones take their places until they are handed out.
  handles.unstash_all();
  EXPECT_EQ(handles.stash(third), Stash::full);
  EXPECT_EQ(number_of(handles.next()), 1);
  EXPECT_EQ(handles.stash(third), Stash::stashed);
}

TEST(MessageHandles, U2_ALimitOfZeroTakesNothing) {
  MessageHandles handles(0);
  EnvelopePtr envelope = numbered(1);
  EXPECT_EQ(handles.stash(envelope), Stash::full);
  EXPECT_NE(envelope, nullptr);
}

TEST(MessageHandles, U3_WhatIsLeftCanBeTakenReadyOrNot) {
  MessageHandles handles(10);
  for (int i = 0; i < 4; ++i) stash(handles, i);
  handles.unstash_all();
  EXPECT_EQ(number_of(handles.next()), 0);
  stash(handles, 4);
  std::vector<int> left;
  while (const EnvelopePtr envelope = handles.take_left()) left.push_back(number_of(envelope));
  EXPECT_EQ(left, (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(handles.count(), 0u);
  EXPECT_EQ(handles.next(), nullptr);
}

TEST(MessageHandles, KeepsSenderHeadersAndTarget) {
  MessageHandles handles(1);
  const Pid sender = Pid::of_name("a:1", "asker", 77);
  EnvelopePtr envelope = numbered(1);
  envelope->set_sender(sender);
  envelope->set_headers({{"trace", "abc"}});
  envelope->set_wants_notices(true);
  envelope->set_target_generation(5);
  const Envelope* const same = envelope.get();
  ASSERT_EQ(handles.stash(envelope), Stash::stashed);
  handles.unstash_all();
  envelope = handles.next();
  ASSERT_EQ(envelope.get(), same);
  EXPECT_EQ(envelope->sender(), sender);
  EXPECT_EQ(envelope->sender().request_id(), 77u);
  EXPECT_EQ(envelope->headers(), (Headers{{"trace", "abc"}}));
  EXPECT_TRUE(envelope->wants_notices());
  EXPECT_EQ(envelope->target_generation(), 5u);
}

TEST(MessageHandles, DestroysWhatNobodyTook) {
  const auto witness = std::make_shared<int>();
  {
    MessageHandles handles(2);
    EnvelopePtr envelope = make_envelope(std::shared_ptr<int>(witness));
    ASSERT_EQ(handles.stash(envelope), Stash::stashed);
    EXPECT_EQ(witness.use_count(), 2);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(MessageHandlesDeathTest, StashingNothingIsABug) {
  MessageHandles handles(1);
  EnvelopePtr none;
  EXPECT_DEATH((void)handles.stash(none), "CHECK failed");
}

// Two queues, as one would explain it: what is put aside, and what is being handed out.
struct Model {
  std::size_t count_max;
  std::deque<int> ready;
  std::deque<int> aside;

  bool stash(int value) {
    if (ready.size() + aside.size() >= count_max) return false;
    aside.push_back(value);
    return true;
  }
  void unstash_all() {
    ready.insert(ready.end(), aside.begin(), aside.end());
    aside.clear();
  }
  static int take(std::deque<int>& queue) {
    if (queue.empty()) return -1;
    const int value = queue.front();
    queue.pop_front();
    return value;
  }
  int next() { return take(ready); }
  int take_left() { return take(ready.empty() ? aside : ready); }
};

TEST(MessageHandles, AgreesWithTwoQueuesOverRandomSteps) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const std::uint32_t count_max = random() % 12;
    MessageHandles handles(count_max);
    Model model{.count_max = count_max, .ready = {}, .aside = {}};
    int value = 0;
    for (int step = 0; step < 2'000; ++step) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", step " << step);
      const std::uint32_t dice = random() % 100;
      if (dice < 45) {
        EnvelopePtr envelope = numbered(++value);
        const bool stashed = handles.stash(envelope) == Stash::stashed;
        ASSERT_EQ(stashed, model.stash(value));
        ASSERT_EQ(stashed, envelope == nullptr);
      } else if (dice < 60) {
        handles.unstash_all();
        model.unstash_all();
      } else if (dice < 98) {
        EnvelopePtr envelope = handles.next();
        ASSERT_EQ(number_of(envelope), model.next());
        // Every third is not wanted yet.
        if (envelope != nullptr && dice % 3 == 0) {
          const int again = number_of(envelope);
          ASSERT_EQ(handles.stash(envelope), Stash::stashed);
          ASSERT_TRUE(model.stash(again));
        }
      } else {
        ASSERT_EQ(number_of(handles.take_left()), model.take_left());
      }
      ASSERT_EQ(handles.count(), model.ready.size() + model.aside.size());
      ASSERT_EQ(handles.ready_count(), model.ready.size());
    }
  }
}

// What tests/bench/message_handles_bench.cc compares with.
TEST(SeedMessageHandles, HandsOutTheNewestFirst) {
  bench::SeedMessageHandles handles;
  for (int i = 0; i < 3; ++i) handles.push(numbered(i));
  for (int i = 2; i >= 0; --i) EXPECT_EQ(number_of(handles.pop()), i);
  EXPECT_EQ(handles.pop(), nullptr);
}

}  // namespace
}  // namespace nexus::core
