#include "remote/endpoint_writer.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <sstream>
#include <string>

#include "remote/batch_decoder.h"

namespace nexus::remote {
namespace {

constexpr const char* kAddress = "peer:1";

EndpointWriter writer_with(const Options& options) { return EndpointWriter(options, kAddress); }

bool push(EndpointWriter& writer, const std::string& data, core::Lane lane = core::Lane::user,
          EndpointWriter::Room room = EndpointWriter::Room::queue) {
  const auto pushed = writer.push({.type_name = "test.T",
                                   .target = core::Pid::of_name(kAddress, "actor", 7),
                                   .sender = core::Pid::of_name("third:1", "asker", 8),
                                   .headers = {}},
                                  data, lane, room);
  EXPECT_NE(pushed, EndpointWriter::OnPush::too_large);
  return pushed == EndpointWriter::OnPush::pushed;
}
bool push_system(EndpointWriter& writer, const std::string& data) {
  return push(writer, data, core::Lane::system);
}
bool push_exempt(EndpointWriter& writer, const std::string& data) {
  return push(writer, data, core::Lane::user, EndpointWriter::Room::reserve);
}

// The data of a frame's messages; `-` for no frame.
std::string text_of(const OutgoingFramePtr& frame) {
  if (frame == nullptr) return "-";
  BatchDecoder decoder;
  EXPECT_TRUE(decoder.decode(frame->bytes.view()).ok());
  EXPECT_EQ(decoder.envelopes().size(), frame->count);
  std::string text;
  for (const auto& envelope : decoder.envelopes()) {
    text += text.empty() ? "" : " ";
    text += envelope.data;
  }
  return text;
}
std::string text_of(const std::vector<OutgoingFramePtr>& frames) {
  std::string text;
  for (const OutgoingFramePtr& frame : frames) text += (text.empty() ? "" : " ") + text_of(frame);
  return text;
}

// What a frame with so many messages of so much data comes to.
std::size_t bytes_of(std::size_t count, std::size_t data_bytes) {
  EndpointWriter writer = writer_with({});
  for (std::size_t i = 0; i < count; ++i) EXPECT_TRUE(push(writer, std::string(data_bytes, 'x')));
  return writer.bytes();
}

TEST(EndpointWriter, B1_SystemMessagesLeaveBeforeUserMessagesAndLanesKeepTheirOrder) {
  EndpointWriter writer = writer_with({});
  for (const char* data : {"u1", "u2"}) EXPECT_TRUE(push(writer, data));
  for (const char* data : {"s1", "s2"}) EXPECT_TRUE(push_system(writer, data));
  EXPECT_TRUE(push(writer, "u3"));
  EXPECT_EQ(writer.count(), 5u);
  const OutgoingFramePtr first = writer.take_frame();
  EXPECT_EQ(text_of(first), "s1 s2");
  EXPECT_EQ(first->lane, core::Lane::system);
  EXPECT_EQ(text_of(writer.take_frame()), "u1 u2 u3");
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(writer.bytes(), 0u);
  EXPECT_EQ(writer.take_frame(), nullptr);
}

TEST(EndpointWriter, B2_AtMostQueueCountMaxUserMessagesWait) {
  Options options;
  options.queue_count_max = 3;
  EndpointWriter writer = writer_with(options);
  for (const char* data : {"a", "b", "c"}) EXPECT_TRUE(push(writer, data));
  EXPECT_FALSE(push(writer, "d"));
  EXPECT_TRUE(push_system(writer, "s"));
  EXPECT_TRUE(push_exempt(writer, "t"));
  EXPECT_EQ(text_of(writer.take_frame()), "s");
  EXPECT_EQ(text_of(writer.take_frame()), "a b c t");
  EXPECT_TRUE(push(writer, "d"));
}

TEST(EndpointWriter, B2_AtMostQueueBytesMaxWait) {
  for (const std::size_t batch_count_max : {1'000u, 3u, 2u, 1u}) {
    SCOPED_TRACE(batch_count_max);
    Options options;
    options.batch_count_max = batch_count_max;
    options.queue_bytes_max = 0;
    // What three messages take then.
    for (std::size_t left = 3; left > 0;) {
      const std::size_t count = std::min(left, batch_count_max);
      options.queue_bytes_max += bytes_of(count, 100);
      left -= count;
    }
    EndpointWriter writer = writer_with(options);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(push(writer, std::string(100, 'x'))) << i;
    EXPECT_EQ(writer.bytes(), options.queue_bytes_max);
    EXPECT_FALSE(push(writer, ""));
    EXPECT_EQ(writer.bytes(), options.queue_bytes_max)
        << "a message that is turned away leaves nothing";
    EXPECT_TRUE(push_system(writer, std::string(100, 's')));
    EXPECT_TRUE(push_exempt(writer, std::string(100, 't')));
    EXPECT_EQ(writer.count(), 5u);
  }
}

TEST(EndpointWriter, B2_WhatNoFullQueueTurnsAwayHasAReserve) {
  Options options;
  options.queue_count_max = 2;
  options.queue_reserve_count_max = 3;
  EndpointWriter writer = writer_with(options);
  for (const char* data : {"a", "b"}) EXPECT_TRUE(push(writer, data));
  EXPECT_FALSE(push(writer, "c"));
  for (const char* data : {"s", "t"}) EXPECT_TRUE(push_system(writer, data));
  EXPECT_TRUE(push_exempt(writer, "e"));
  EXPECT_FALSE(push_exempt(writer, "f"));
  EXPECT_FALSE(push_system(writer, "u"));
  EXPECT_TRUE(push(writer, "w", core::Lane::system, EndpointWriter::Room::any)) << "a watch";
  writer.note_watches(2);
  EXPECT_TRUE(push_system(writer, "v")) << "each watch that is held makes room for one more";
  EXPECT_FALSE(push_system(writer, "u"));
  EXPECT_EQ(text_of(writer.take_frame()), "s t w v");
  EXPECT_EQ(text_of(writer.take_frame()), "a b e");
}

TEST(EndpointWriter, B2_TheReserveHasBytesToo) {
  Options options;
  options.queue_bytes_max = 1'000;
  options.queue_reserve_bytes_max = 1'000;
  EndpointWriter writer = writer_with(options);
  int pushed_count = 0;
  while (pushed_count < 100 && push_exempt(writer, std::string(100, 'x'))) ++pushed_count;
  EXPECT_GT(pushed_count, 10);
  EXPECT_LE(writer.bytes(), 2'000u);
  EXPECT_FALSE(push_system(writer, std::string(100, 'x')));
}

TEST(EndpointWriter, B2_ASingleMessageFitsAnEmptyLaneWhateverItsSize) {
  Options options;
  options.queue_bytes_max = 10;
  EndpointWriter writer = writer_with(options);
  EXPECT_TRUE(push(writer, std::string(1'000, 'x')));
  EXPECT_FALSE(push(writer, ""));
  EXPECT_EQ(writer.take_frame()->count, 1u);
  EXPECT_TRUE(push(writer, std::string(1'000, 'x')));
}

TEST(EndpointWriter, WhatIsTakenOutLeavesTheRestInItsOrder) {
  Options options;
  options.batch_count_max = 3;
  EndpointWriter writer = writer_with(options);
  for (const char* data : {"a", "-", "b", "-", "-", "-", "c", "d"}) EXPECT_TRUE(push(writer, data));
  EXPECT_TRUE(push_system(writer, "-"));
  const auto is_dash = [](const BatchDecoder&, const BatchDecoder::Envelope& envelope) {
    return envelope.data == "-";
  };
  EXPECT_EQ(text_of(writer.take_if(core::Lane::user, is_dash)), "- - - -");
  EXPECT_EQ(writer.count(), 5u);
  EXPECT_TRUE(push(writer, "e"));
  const std::size_t bytes = writer.bytes();
  std::size_t taken_bytes = 0;
  for (const char* expected : {"-", "a b", "c d", "e"}) {
    const OutgoingFramePtr frame = writer.take_frame();
    taken_bytes += frame->bytes.view().size();
    EXPECT_EQ(text_of(frame), expected);
  }
  EXPECT_EQ(taken_bytes, bytes);
  EXPECT_TRUE(writer.empty());
}

TEST(EndpointWriter, B3_AFrameHasAtMostBatchCountMaxMessages) {
  Options options;
  options.batch_count_max = 2;
  EndpointWriter writer = writer_with(options);
  EXPECT_TRUE(push_system(writer, "s"));
  for (const char* data : {"a", "b", "c"}) EXPECT_TRUE(push(writer, data));
  for (const char* expected : {"s", "a b", "c", "-"})
    EXPECT_EQ(text_of(writer.take_frame()), expected);
}

TEST(EndpointWriter, B3_AFrameHasAtMostBatchBytesMaxButAtLeastOneMessage) {
  Options options;
  options.batch_bytes_max = bytes_of(2, 3);
  EndpointWriter writer = writer_with(options);
  EXPECT_TRUE(push(writer, std::string(5'000, 'L')));
  for (const char* data : {"111", "222", "333"}) EXPECT_TRUE(push(writer, data));
  EXPECT_EQ(writer.take_frame()->count, 1u) << "larger than a batch, and still sent";
  EXPECT_EQ(text_of(writer.take_frame()), "111 222");
  EXPECT_EQ(text_of(writer.take_frame()), "333");
}

TEST(EndpointWriter, WhatIsPutBackLeavesFirstAndInItsOldOrder) {
  Options options;
  options.batch_count_max = 2;
  options.queue_count_max = 4;
  EndpointWriter writer = writer_with(options);
  EXPECT_TRUE(push_system(writer, "s1"));
  for (const char* data : {"a", "b", "c", "d"}) EXPECT_TRUE(push(writer, data));
  OutgoingFramePtr system = writer.take_frame();
  OutgoingFramePtr user = writer.take_frame();
  EXPECT_EQ(text_of(user), "a b");
  EXPECT_TRUE(push_system(writer, "s2"));
  EXPECT_TRUE(push(writer, "e"));
  EXPECT_TRUE(push(writer, "f"));
  writer.put_back(std::move(user));
  writer.put_back(std::move(system));
  EXPECT_FALSE(push(writer, "g")) << "over the limit until some have left";
  EXPECT_EQ(writer.count(), 8u);
  EXPECT_EQ(text_of(writer.take_all()), "s1 s2 a b c d e f");
  EXPECT_EQ(writer.bytes(), 0u);
}

TEST(EndpointWriter, TakeAllEmptiesBothLanes) {
  EndpointWriter writer = writer_with({});
  EXPECT_TRUE(push(writer, "u"));
  EXPECT_TRUE(push_system(writer, "s"));
  EXPECT_EQ(text_of(writer.take_all()), "s u");
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(writer.bytes(), 0u);
  EXPECT_TRUE(writer.take_all().empty());
}

TEST(EndpointWriter, WhatWaitsIsRewrittenInAnotherDialect) {
  Options options;
  options.batch_count_max = 2;
  EndpointWriter writer = writer_with(options);
  EXPECT_TRUE(push_system(writer, "s"));
  for (const char* data : {"a", "b", "c"}) EXPECT_TRUE(push(writer, data));
  const core::Headers headers{{"k", "v"}};
  const core::Pid target = core::Pid::of_name(kAddress, "other");
  EXPECT_EQ(
      writer.push(
          {.type_name = "test.U", .target = target, .sender = core::Pid{}, .headers = headers}, "d",
          core::Lane::user, EndpointWriter::Room::queue),
      EndpointWriter::OnPush::pushed);
  writer.set_dialect(Dialect::pids);
  EXPECT_TRUE(push(writer, "e"));
  EXPECT_EQ(writer.count(), 6u);
  std::string seen;
  while (const OutgoingFramePtr frame = writer.take_frame()) {
    BatchDecoder decoder;
    ASSERT_TRUE(decoder.decode(frame->bytes.view()).ok());
    EXPECT_EQ(decoder.dialect(), Dialect::pids);
    for (const auto& envelope : decoder.envelopes()) {
      const auto& to = decoder.targets()[envelope.target];
      const auto* from = decoder.sender_of(envelope);
      std::ostringstream line;
      line << decoder.type_names()[envelope.type] << ' ' << to.address << '/' << to.id << '#'
           << envelope.target_request_id << ' ';
      if (from != nullptr)
        line << from->address << '/' << from->id << '#' << envelope.sender_request_id << ' ';
      for (const HeaderView& header : envelope.headers)
        line << header.key << '=' << header.value << ' ';
      line << envelope.data << '\n';
      seen += line.str();
    }
  }
  EXPECT_EQ(seen,
            "test.T peer:1/actor#7 third:1/asker#8 s\n"
            "test.T peer:1/actor#7 third:1/asker#8 a\n"
            "test.T peer:1/actor#7 third:1/asker#8 b\n"
            "test.T peer:1/actor#7 third:1/asker#8 c\n"
            "test.U peer:1/other#0 k=v d\n"
            "test.T peer:1/actor#7 third:1/asker#8 e\n");
}

TEST(EndpointWriter, B4_WhatWaitsIsDividedForAPeerThatReadsLess) {
  EndpointWriter writer = writer_with({});
  for (char c = 'a'; c <= 'j'; ++c) EXPECT_TRUE(push(writer, std::string(100, c)));
  EXPECT_TRUE(push(writer, std::string(1'500, 'k')));
  EXPECT_TRUE(push(writer, std::string(2'500, 'l')));
  EXPECT_TRUE(push_system(writer, std::string(2'500, 's')));
  writer.set_peer_limits(2'000, 400);

  const std::vector<OutgoingFramePtr> unreadable = writer.take_unreadable();
  ASSERT_EQ(unreadable.size(), 1u);
  EXPECT_EQ(text_of(unreadable), std::string(2'500, 'l'));
  EXPECT_TRUE(writer.take_unreadable().empty());
  EXPECT_EQ(text_of(writer.take_frame(core::Lane::system)), std::string(2'500, 's'));
  std::string seen;
  while (const OutgoingFramePtr frame = writer.take_frame()) {
    EXPECT_LE(frame->bytes.view().size(), frame->count == 1 ? 2'000u : 400u);
    const std::string text = text_of(frame);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != ' ' && (seen.empty() || seen.back() != text[i])) seen.push_back(text[i]);
    }
  }
  EXPECT_EQ(seen, "abcdefghijk");
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(writer.bytes(), 0u);
}

TEST(EndpointWriter, B4_AMessageThatThePeerCannotReadIsTooLarge) {
  EndpointWriter writer = writer_with({});
  writer.set_peer_limits(1'000, 1'000);
  const core::Pid target = core::Pid::of_name(kAddress, "actor");
  const BatchEncoder::Message message{.type_name = "test.T", .target = target, .sender = target};
  const auto push_bytes = [&](std::size_t bytes, core::Lane lane) {
    return writer.push(message, std::string(bytes, 'x'), lane, EndpointWriter::Room::queue);
  };
  EXPECT_EQ(push_bytes(990, core::Lane::user), EndpointWriter::OnPush::too_large);
  EXPECT_TRUE(writer.empty());
  EXPECT_EQ(push_bytes(900, core::Lane::user), EndpointWriter::OnPush::pushed);
  EXPECT_EQ(push_bytes(2'000, core::Lane::system), EndpointWriter::OnPush::pushed);
  // The next incarnation of the peer may read more.
  writer.set_peer_limits(5'000, 5'000);
  EXPECT_EQ(push_bytes(990, core::Lane::user), EndpointWriter::OnPush::pushed);
}

TEST(EndpointWriter, ABatchToAPeerThatIsNotKnownIsOneThatGoReads) {
  Options options;
  options.batch_bytes_max = 64 << 20;
  EndpointWriter writer = writer_with(options);
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(push(writer, std::string(1 << 20, 'x')));
  EXPECT_LE(writer.take_frame()->bytes.view().size(), EndpointWriter::kFamilyBatchBytesMax);
  writer.set_peer_limits(32 << 20, 32 << 20);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(push(writer, std::string(1 << 20, 'y')));
  OutgoingFramePtr last;
  while (OutgoingFramePtr frame = writer.take_frame()) last = std::move(frame);
  EXPECT_EQ(last->count, 10u);
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
    EndpointWriter writer = writer_with(options);
    std::deque<std::string> system;
    std::deque<std::string> user;
    for (int i = 0; i < 500; ++i) {
      if (random() % 4 != 0) {
        const bool is_system = random() % 5 == 0;
        const std::string data = std::to_string(i) + std::string(random() % 300, '.');
        const std::size_t bytes_before = writer.bytes();
        const bool pushed = push(writer, data, is_system ? core::Lane::system : core::Lane::user);
        if (is_system) {
          ASSERT_TRUE(pushed);
        }
        if (pushed) {
          (is_system ? system : user).push_back(data);
        } else {
          ASSERT_EQ(writer.bytes(), bytes_before);
        }
        ASSERT_LE(user.size(), options.queue_count_max);
        if (pushed && !is_system && user.size() > 1) {
          ASSERT_LE(writer.bytes(), options.queue_bytes_max);
        }
        continue;
      }
      const OutgoingFramePtr frame = writer.take_frame();
      ASSERT_EQ(frame == nullptr, system.empty() && user.empty());
      if (frame == nullptr) continue;
      ASSERT_LE(frame->count, options.batch_count_max);
      ASSERT_TRUE(frame->count == 1 || frame->bytes.view().size() <= options.batch_bytes_max);
      auto& lane = system.empty() ? user : system;
      std::string expected;
      for (std::uint32_t n = 0; n < frame->count; ++n) {
        ASSERT_FALSE(lane.empty());
        expected += (expected.empty() ? "" : " ") + lane.front();
        lane.pop_front();
      }
      ASSERT_EQ(text_of(frame), expected);
    }
    ASSERT_EQ(writer.count(), system.size() + user.size());
  }
}

TEST(EndpointWriter, IsWorthWritingWithAWholeFrameManyMessagesOrManyBytes) {
  EndpointWriter many = writer_with({});
  for (int i = 1; i < 128; ++i) {
    EXPECT_TRUE(push(many, "x"));
    ASSERT_FALSE(many.is_worth_writing()) << i;
  }
  EXPECT_TRUE(push(many, "x"));
  EXPECT_TRUE(many.is_worth_writing());
  (void)many.take_frame();
  EXPECT_FALSE(many.is_worth_writing());

  EndpointWriter large = writer_with({});
  EXPECT_TRUE(push(large, std::string(32 * 1024 - 1, 'x')));
  EXPECT_TRUE(large.is_worth_writing());

  Options options;
  options.batch_count_max = 2;
  EndpointWriter whole = writer_with(options);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(push(whole, "x"));
  EXPECT_FALSE(whole.is_worth_writing());
  EXPECT_TRUE(push(whole, "x"));
  EXPECT_TRUE(whole.is_worth_writing());
}

}  // namespace
}  // namespace nexus::remote
