#include "core/mailbox/envelope_stack.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace nexus::core {
namespace {

struct Item {
  std::uint32_t producer;
  std::uint32_t number;
};

TEST(EnvelopeStack, LeavesInTheOrderOfArrival) {
  EnvelopeStack stack;
  EXPECT_TRUE(stack.empty_approx());
  EXPECT_TRUE(stack.take_all().empty());
  for (std::uint32_t i = 0; i < 100; ++i) stack.push(make_envelope(Item{0, i}));
  EXPECT_FALSE(stack.empty_approx());
  EnvelopeList list = stack.take_all();
  EXPECT_TRUE(stack.empty_approx());
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(list.pop_front()->get<Item>()->number, i);
  EXPECT_TRUE(list.empty());
}

TEST(EnvelopeStack, DestroysWhatNobodyTook) {
  auto witness = std::make_shared<int>();
  {
    EnvelopeStack stack;
    for (int i = 0; i < 10; ++i) stack.push(make_envelope(std::shared_ptr<int>(witness)));
  }
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(EnvelopeStack, M2_KeepsTheOrderOfEachProducerUnderContention) {
  constexpr std::uint32_t kProducers = 3;
  constexpr std::uint32_t kEach = 50'000;
  EnvelopeStack stack;
  std::vector<std::thread> producers;
  for (std::uint32_t p = 0; p < kProducers; ++p) {
    producers.emplace_back([&stack, p] {
      for (std::uint32_t i = 0; i < kEach; ++i) stack.push(make_envelope(Item{p, i}));
    });
  }
  std::vector<std::uint32_t> next(kProducers, 0);
  for (std::uint32_t taken = 0; taken < kProducers * kEach;) {
    EnvelopeList list = stack.take_all();
    while (const EnvelopePtr envelope = list.pop_front()) {
      const Item item = *envelope->get<Item>();
      ASSERT_EQ(item.number, next[item.producer]++) << "of producer " << item.producer;
      ++taken;
    }
    std::this_thread::yield();
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_TRUE(stack.take_all().empty());
}

}  // namespace
}  // namespace nexus::core
