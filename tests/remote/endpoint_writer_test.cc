#include "remote/endpoint_writer.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>

namespace nexus::remote {
namespace {

WireMessage message(const std::string& data, core::Lane lane = core::Lane::user) {
  WireMessage made;
  made.target = core::Pid::of_name("peer:1", "actor");
  made.type_name = "test.T";
  made.data = data;
  made.lane = lane;
  return made;
}

WireMessage exempt_message(const std::string& data) {
  WireMessage made = message(data);
  made.exempt = true;
  return made;
}

bool push(EndpointWriter& writer, WireMessage made) { return writer.push(made); }

std::string text_of(const std::vector<WireMessage>& batch) {
  std::string text;
  for (const WireMessage& made : batch) text += (text.empty() ? "" : " ") + made.data;
  return text;
}

TEST(EndpointWriter, B1_SystemMessagesLeaveBeforeUserMessagesAndLanesKeepTheirOrder) {
  EndpointWriter writer(Options{});
  for (const char* data : {"u1", "u2"}) EXPECT_TRUE(push(writer, message(data)));
  for (const char* data : {"s1", "s2"})
    EXPECT_TRUE(push(writer, message(data, core::Lane::system)));
  EXPECT_TRUE(push(writer, message("u3")));
  EXPECT_EQ(writer.count(), 5u);
  EXPECT_EQ(text_of(writer.take_batch()), "s1 s2 u1 u2 u3");
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(writer.bytes(), 0u);
  EXPECT_TRUE(writer.take_batch().empty());
}

TEST(EndpointWriter, B2_AtMostQueueCountMaxUserMessagesWait) {
  Options options;
  options.queue_count_max = 3;
  EndpointWriter writer(options);
  for (const char* data : {"a", "b", "c"}) EXPECT_TRUE(push(writer, message(data)));
  WireMessage refused = message("d");
  EXPECT_FALSE(writer.push(refused));
  EXPECT_EQ(refused.data, "d") << "it stays with the caller";
  EXPECT_TRUE(push(writer, message("s", core::Lane::system)));
  EXPECT_TRUE(push(writer, exempt_message("t")));
  EXPECT_EQ(text_of(writer.take_batch()), "s a b c t");
  EXPECT_TRUE(push(writer, message("d")));
}

TEST(EndpointWriter, B2_AtMostQueueBytesMaxWait) {
  const std::size_t each = message(std::string(100, 'x')).bytes();
  Options options;
  options.queue_bytes_max = 3 * each;
  EndpointWriter writer(options);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(push(writer, message(std::string(100, 'x'))));
  EXPECT_EQ(writer.bytes(), 3 * each);
  EXPECT_FALSE(push(writer, message("")));
  EXPECT_TRUE(push(writer, message(std::string(100, 's'), core::Lane::system)));
  EXPECT_TRUE(push(writer, exempt_message(std::string(100, 't'))));
}

TEST(EndpointWriter, B2_ASingleMessageFitsAnEmptyLaneWhateverItsSize) {
  Options options;
  options.queue_bytes_max = 10;
  EndpointWriter writer(options);
  EXPECT_TRUE(push(writer, message(std::string(1'000, 'x'))));
  EXPECT_FALSE(push(writer, message("")));
  EXPECT_EQ(writer.take_batch().size(), 1u);
  EXPECT_TRUE(push(writer, message(std::string(1'000, 'x'))));
}

TEST(EndpointWriter, B3_ABatchHasAtMostBatchCountMaxMessages) {
  Options options;
  options.batch_count_max = 2;
  EndpointWriter writer(options);
  EXPECT_TRUE(push(writer, message("s", core::Lane::system)));
  for (const char* data : {"a", "b", "c"}) EXPECT_TRUE(push(writer, message(data)));
  EXPECT_EQ(text_of(writer.take_batch()), "s a");
  EXPECT_EQ(text_of(writer.take_batch()), "b c");
  EXPECT_TRUE(writer.take_batch().empty());
}

TEST(EndpointWriter, B3_ABatchHasAtMostBatchBytesMaxButAtLeastOneMessage) {
  const std::size_t each = message("123").bytes();
  Options options;
  options.batch_bytes_max = 2 * each;
  EndpointWriter writer(options);
  EXPECT_TRUE(push(writer, message(std::string(5'000, 'L'))));
  for (const char* data : {"111", "222", "333"}) EXPECT_TRUE(push(writer, message(data)));
  EXPECT_EQ(writer.take_batch().size(), 1u) << "larger than a batch, and still sent";
  EXPECT_EQ(text_of(writer.take_batch()), "111 222");
  EXPECT_EQ(text_of(writer.take_batch()), "333");
}

TEST(EndpointWriter, WhatIsPutBackLeavesFirstAndInItsOldOrder) {
  Options options;
  options.batch_count_max = 3;
  options.queue_count_max = 4;
  EndpointWriter writer(options);
  EXPECT_TRUE(push(writer, message("s1", core::Lane::system)));
  for (const char* data : {"a", "b", "c", "d"}) EXPECT_TRUE(push(writer, message(data)));
  const std::size_t bytes = writer.bytes();
  std::vector<WireMessage> batch = writer.take_batch();
  EXPECT_EQ(text_of(batch), "s1 a b");
  EXPECT_TRUE(push(writer, message("s2", core::Lane::system)));
  EXPECT_TRUE(push(writer, message("e")));
  EXPECT_TRUE(push(writer, message("f")));
  writer.put_back(std::move(batch));
  EXPECT_FALSE(push(writer, message("g"))) << "over the limit until some have left";
  EXPECT_EQ(text_of(writer.take_all()), "s1 s2 a b c d e f");
  EXPECT_EQ(writer.bytes(), 0u);
  EXPECT_GT(bytes, 0u);
}

TEST(EndpointWriter, TakeAllEmptiesBothLanes) {
  EndpointWriter writer(Options{});
  EXPECT_TRUE(push(writer, message("u")));
  EXPECT_TRUE(push(writer, message("s", core::Lane::system)));
  EXPECT_EQ(text_of(writer.take_all()), "s u");
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(writer.bytes(), 0u);
  EXPECT_TRUE(writer.take_all().empty());
}

TEST(WireMessage, ItsSizeCountsAllThatCanBeLong) {
  const WireMessage plain = message("");
  WireMessage longer = plain;
  longer.data = std::string(1'000, 'd');
  EXPECT_EQ(longer.bytes(), plain.bytes() + 1'000);
  longer.type_name += std::string(500, 't');
  EXPECT_EQ(longer.bytes(), plain.bytes() + 1'500);
  longer.headers = {{"key", "value"}};
  EXPECT_GE(longer.bytes(), plain.bytes() + 1'508);
  const std::size_t before = longer.bytes();
  longer.target = core::Pid::of_name("peer:1", "actor" + std::string(700, 'i'));
  EXPECT_EQ(longer.bytes(), before + 700);
  longer.sender = core::Pid::of_name("third:1", std::string(300, 'i'));
  EXPECT_GE(longer.bytes(), before + 1'000);
}

// A plain model, followed through random calls.
TEST(EndpointWriter, B1B2B3_HoldForRandomCalls) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::minstd_rand random(seed);
    Options options;
    options.queue_count_max = 1 + random() % 30;
    options.queue_bytes_max = 500 + random() % 5'000;
    options.batch_count_max = 1 + random() % 8;
    options.batch_bytes_max = 100 + random() % 2'000;
    EndpointWriter writer(options);
    std::deque<std::string> system;
    std::deque<std::string> user;
    for (int i = 0; i < 500; ++i) {
      if (random() % 4 != 0) {
        const bool is_system = random() % 5 == 0;
        const std::string data = std::to_string(i) + std::string(random() % 300, '.');
        const bool pushed =
            push(writer, message(data, is_system ? core::Lane::system : core::Lane::user));
        if (is_system) {
          ASSERT_TRUE(pushed);
        }
        if (pushed) (is_system ? system : user).push_back(data);
        ASSERT_LE(user.size(), options.queue_count_max);
        continue;
      }
      const std::vector<WireMessage> batch = writer.take_batch();
      ASSERT_EQ(batch.empty(), system.empty() && user.empty());
      ASSERT_LE(batch.size(), options.batch_count_max);
      std::size_t bytes = 0;
      for (const WireMessage& made : batch) {
        auto& lane = system.empty() ? user : system;
        ASSERT_EQ(made.data, lane.front());
        lane.pop_front();
        bytes += made.bytes();
      }
      ASSERT_TRUE(batch.size() <= 1 || bytes <= options.batch_bytes_max);
    }
    ASSERT_EQ(writer.count(), system.size() + user.size());
  }
}

}  // namespace
}  // namespace nexus::remote
