#include "core/process/event_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace nexus::core {
namespace {

struct Opened {
  int number;
};
struct Closed {};

TEST(EventStream, HandsEachEventToThoseWhoWantItsType) {
  EventStream events;
  std::vector<int> opened;
  int closed = 0;
  const auto first =
      events.subscribe<Opened>([&](const Opened& event) { opened.push_back(event.number); });
  const auto second =
      events.subscribe<Opened>([&](const Opened& event) { opened.push_back(10 * event.number); });
  const auto third = events.subscribe<Closed>([&](const Closed&) { ++closed; });
  events.publish(Opened{1});
  events.publish(Opened{2});
  events.publish(Closed{});
  EXPECT_EQ(opened, (std::vector<int>{1, 10, 2, 20}));
  EXPECT_EQ(closed, 1);
}

TEST(EventStream, ASubscriptionEndsWhenItDies) {
  EventStream events;
  int seen = 0;
  auto witness = std::make_shared<int>();
  auto subscription = events.subscribe<Closed>([&seen, witness](const Closed&) { ++seen; });
  events.publish(Closed{});
  subscription.reset();
  events.publish(Closed{});
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(EventStream, AHandlerMaySubscribeUnsubscribeAndPublish) {
  EventStream events;
  int outer = 0;
  int inner = 0;
  EventStream::Subscription late;
  EventStream::Subscription self;
  self = events.subscribe<Opened>([&](const Opened& event) {
    ++outer;
    if (event.number == 1) {
      late = events.subscribe<Opened>([&](const Opened&) { ++inner; });
      events.publish(Opened{2});
    } else {
      self.reset();
    }
  });
  events.publish(Opened{1});
  EXPECT_EQ(outer, 2);
  EXPECT_EQ(inner, 1);
  events.publish(Opened{3});
  EXPECT_EQ(outer, 2);
  EXPECT_EQ(inner, 2);
}

TEST(EventStream, SubscribersComeAndGoWhileOthersPublish) {
  EventStream events;
  std::atomic<int> steady{0};
  const auto subscription = events.subscribe<Closed>([&](const Closed&) { ++steady; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) events.publish(Closed{});
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) {
        auto seen = std::make_shared<std::atomic<int>>(0);
        const auto brief = events.subscribe<Closed>([seen](const Closed&) { ++*seen; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(steady.load(), 10'000);
}

}  // namespace
}  // namespace nexus::core
