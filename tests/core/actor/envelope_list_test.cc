#include "core/actor/envelope_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

namespace nexus::core {
namespace {

constexpr int kFull = static_cast<int>(EnvelopeChain::kCountMax);

int number_of(const EnvelopePtr& envelope) { return *envelope->get<int>(); }

std::vector<int> numbers_of(EnvelopeList list) {
  std::vector<int> numbers;
  while (EnvelopePtr envelope = list.pop_front()) numbers.push_back(number_of(envelope));
  return numbers;
}

// What sends many at once.
EnvelopeList packet_of(int first, int count) {
  EnvelopeChain chain;
  for (int i = first; i < first + count; ++i) chain.add(make_envelope(i));
  return chain.list();
}

std::vector<int> up_to(int end) {
  std::vector<int> numbers;
  for (int i = 0; i < end; ++i) numbers.push_back(i);
  return numbers;
}

TEST(EnvelopeList, LeavesInTheOrderOfArrival) {
  EnvelopeList list;
  EXPECT_EQ(list.pop_front(), nullptr);
  for (int i = 0; i < 5; ++i) list.push_back(make_envelope(i));
  EnvelopeList moved = std::move(list);
  EXPECT_TRUE(list.empty());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(number_of(moved.pop_front()), i);
  moved.push_back(make_envelope(5));
  for (int i = 3; i < 6; ++i) EXPECT_EQ(number_of(moved.pop_front()), i);
  EXPECT_TRUE(moved.empty());
}

TEST(EnvelopeList, APacketLeavesLikeWhatIsInIt) {
  EnvelopeList list = packet_of(0, 1);
  EXPECT_FALSE(list.empty());
  EXPECT_EQ(*list.front().get<int>(), 0);
  EXPECT_EQ(number_of(list.pop_front()), 0);
  EXPECT_TRUE(list.empty());
  list.push_back(make_envelope(0));
  list.append(packet_of(1, kFull));
  list.append(packet_of(1 + kFull, 3));
  for (int i = 4 + kFull; i < 9 + kFull; ++i) list.push_back(make_envelope(i));
  list.append(packet_of(9 + kFull, kFull));
  EXPECT_EQ(numbers_of(std::move(list)), up_to(9 + 2 * kFull));
}

TEST(EnvelopeList, DoesWhatADequeDoes) {
  std::mt19937 random(7);
  EnvelopeList list;
  std::deque<int> expected;
  int next = 0;
  for (int round = 0; round < 2'000; ++round) {
    const bool grows = round / 200 % 2 == 0;
    for (auto count = random() % (grows ? 60 : 20); count > 0; --count, ++next) {
      list.push_back(make_envelope(next));
      expected.push_back(next);
    }
    if (random() % 8 == 0) {
      // In front of all, and behind.
      const int count = 1 + static_cast<int>(random() % EnvelopeChain::kCountMax);
      EnvelopeList other = packet_of(next, count);
      std::vector<int> numbers;
      for (int i = 0; i < count; ++i) numbers.push_back(next++);
      if (random() % 2 == 0) {
        other.append(std::move(list));
        list = std::move(other);
        expected.insert(expected.begin(), numbers.begin(), numbers.end());
      } else {
        list.append(std::move(other));
        expected.insert(expected.end(), numbers.begin(), numbers.end());
      }
    }
    for (auto count = random() % (grows ? 20 : 60); count > 0 && !expected.empty(); --count) {
      ASSERT_EQ(*list.front().get<int>(), expected.front());
      ASSERT_EQ(number_of(list.pop_front()), expected.front());
      expected.pop_front();
    }
    ASSERT_EQ(list.empty(), expected.empty());
    auto at = expected.begin();
    list.for_each([&](const Envelope& envelope) { ASSERT_EQ(*envelope.get<int>(), *at++); });
    ASSERT_EQ(at, expected.end());
  }
}

TEST(EnvelopeList, DestroysWhatIsLeft) {
  auto witness = std::make_shared<int>();
  for (const bool packed : {false, true}) {
    {
      EnvelopeList list;
      for (int i = 0; i < 100'000; ++i) {
        EnvelopePtr envelope = make_envelope(std::shared_ptr<int>(witness));
        if (packed) {
          EnvelopeChain chain;
          chain.add(std::move(envelope));
          list.append(chain.list());
        } else {
          list.push_back(std::move(envelope));
        }
      }
      EXPECT_EQ(witness.use_count(), 100'001);
    }
    EXPECT_EQ(witness.use_count(), 1);
  }
}

TEST(EnvelopeChain, IsAListOnceItIsFull) {
  EnvelopeChain chain;
  EXPECT_EQ(chain.count(), 0u);
  EXPECT_TRUE(chain.list().empty());
  for (int i = 0; i < kFull; ++i) chain.add(make_envelope(i));
  EXPECT_EQ(chain.count(), EnvelopeChain::kCountMax);
  EnvelopeChain moved = std::move(chain);
  EXPECT_EQ(chain.count(), 0u);
  EXPECT_EQ(numbers_of(moved.list()), up_to(kFull));
  EXPECT_EQ(moved.count(), 0u);
}

TEST(EnvelopeChain, DestroysWhatIsLeft) {
  auto witness = std::make_shared<int>();
  {
    EnvelopeChain chain;
    for (int i = 0; i < 3; ++i) chain.add(make_envelope(std::shared_ptr<int>(witness)));
    EXPECT_EQ(witness.use_count(), 4);
  }
  EXPECT_EQ(witness.use_count(), 1);
}

}  // namespace
}  // namespace nexus::core
