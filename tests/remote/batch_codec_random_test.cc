// BatchCodec against protobuf's own objects, and against bytes that no peer of ours would send.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "protoactor/actor.pb.h"
#include "protoactor/remote.pb.h"
#include "remote/batch_codec.h"
#include "tests/support/wire_message.h"

namespace nexus::remote {
namespace {

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(engine_() % bound); }
  bool chance(std::uint32_t one_in) { return below(one_in) == 0; }
  std::uint32_t request_id() { return chance(3) ? static_cast<std::uint32_t>(engine_()) : 0; }
  std::string word(const char* prefix, std::uint32_t count) {
    return prefix + std::to_string(below(count));
  }
  std::string data(std::size_t bytes_max) {
    std::string bytes(below(static_cast<std::uint32_t>(bytes_max)), '\0');
    for (char& c : bytes) c = static_cast<char>(engine_());
    return bytes;
  }

 private:
  std::mt19937 engine_;
};

std::vector<WireMessage> random_messages(Random& random) {
  std::vector<WireMessage> messages;
  for (std::uint32_t i = random.below(40); i > 0; --i) {
    WireMessage& message = messages.emplace_back();
    message.target = core::Pid::of_name("p:1", random.word("target", 6), random.request_id());
    if (!random.chance(3)) {
      message.sender =
          core::Pid::of_name(random.word("n:", 3), random.word("sender", 6), random.request_id());
    }
    message.type_name = random.word("t.T", 5);
    message.data = random.data(50);
    for (std::uint32_t header = random.below(4); header > 0; --header) {
      message.headers.emplace_back("key" + std::to_string(header), random.word("v", 100));
    }
    message.wants_notices = random.chance(4);
  }
  return messages;
}

std::map<std::string, std::string> as_map(const core::Headers& headers) {
  return {headers.begin(), headers.end()};
}

void expect_same(const WireMessage& sent, const ReceivedMessage& received) {
  EXPECT_EQ(received.target_id, sent.target.id());
  EXPECT_EQ(received.target_request_id, sent.target.request_id());
  EXPECT_EQ(received.sender_id, sent.sender.id());
  EXPECT_EQ(received.sender_address, sent.sender.address());
  EXPECT_EQ(received.sender_request_id, sent.sender.request_id());
  EXPECT_EQ(received.type_name, sent.type_name);
  EXPECT_EQ(received.data, sent.data);
  EXPECT_EQ(received.serializer_id, 0);
  auto headers = as_map(sent.headers);
  if (sent.wants_notices) headers[kNoticesHeader] = "1";
  EXPECT_EQ(as_map(received.headers), headers);
}

TEST(BatchCodecRandom, WhatIsWrittenIsReadBackInOrder) {
  for (std::uint32_t seed = 1; seed <= 400 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::vector<WireMessage> messages = random_messages(random);
    const Dialect dialect = random.chance(2) ? Dialect::strings : Dialect::pids;
    auto frame = read_frame(encode_batch(messages, dialect));
    ASSERT_TRUE(frame.ok());
    const auto& batch = std::get<ReceivedBatch>(*frame);
    EXPECT_EQ(batch.bad_envelope_count, 0u);
    if (!messages.empty()) {
      EXPECT_EQ(batch.dialect, dialect);
    }
    ASSERT_EQ(batch.messages.size(), messages.size());
    for (std::size_t i = 0; i < messages.size(); ++i) expect_same(messages[i], batch.messages[i]);
  }
}

TEST(BatchCodecRandom, ProtobufReadsWhatIsWritten) {
  for (std::uint32_t seed = 1; seed <= 400 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::vector<WireMessage> messages = random_messages(random);
    ::remote::RemoteMessage frame;
    ASSERT_TRUE(frame.ParseFromString(encode_batch(messages, Dialect::strings)));
    const auto& batch = frame.message_batch();
    ASSERT_EQ(batch.envelopes_size(), static_cast<int>(messages.size()));
    for (int i = 0; i < batch.envelopes_size(); ++i) {
      const auto& envelope = batch.envelopes(i);
      const WireMessage& sent = messages[static_cast<std::size_t>(i)];
      EXPECT_EQ(batch.type_names(envelope.type_id()), sent.type_name);
      EXPECT_EQ(batch.targets(envelope.target()), sent.target.id());
      EXPECT_EQ(envelope.sender() > 0, bool{sent.sender});
      if (envelope.sender() > 0) {
        const actor::PID& sender = batch.senders(envelope.sender() - 1);
        EXPECT_EQ(sender.id(), sent.sender.id());
        EXPECT_EQ(sender.address(), sent.sender.address());
        EXPECT_EQ(sender.request_id(), 0u) << "tables hold no request ids";
      }
      EXPECT_EQ(envelope.target_request_id(), sent.target.request_id());
      EXPECT_EQ(envelope.sender_request_id(), sent.sender.request_id());
      EXPECT_EQ(envelope.message_data(), sent.data);
    }
  }
}

// What another writer might make: tables with repeats and unused entries, indices good and bad.
::remote::RemoteMessage random_frame(Random& random, bool pids) {
  ::remote::RemoteMessage frame;
  auto* batch = frame.mutable_message_batch();
  for (std::uint32_t i = 1 + random.below(4); i > 0; --i)
    batch->add_type_names(random.word("t.T", 3));
  for (std::uint32_t i = 1 + random.below(4); i > 0; --i) {
    actor::PID pid;
    pid.set_address("h:1");
    pid.set_id(random.word("target", 3));
    batch->add_targets(pids ? pid.SerializeAsString() : pid.id());
  }
  for (std::uint32_t i = random.below(4); i > 0; --i) {
    auto* sender = batch->add_senders();
    if (random.chance(2)) sender->set_address("n:1");
    sender->set_id(random.word("sender", 3));
  }
  for (std::uint32_t i = random.below(30); i > 0; --i) {
    auto* envelope = batch->add_envelopes();
    envelope->set_type_id(static_cast<int>(random.below(6)) - 1);
    envelope->set_target(static_cast<int>(random.below(6)) - 1);
    envelope->set_sender(static_cast<int>(random.below(6)) - 1);
    envelope->set_serializer_id(static_cast<int>(random.below(3)));
    envelope->set_message_data(random.data(30));
    envelope->set_target_request_id(random.request_id());
    envelope->set_sender_request_id(random.request_id());
    if (random.chance(3)) (*envelope->mutable_message_header()->mutable_header_data())["k"] = "v";
  }
  return frame;
}

TEST(BatchCodecRandom, WhatProtobufWritesIsReadWithoutItsBadEnvelopes) {
  for (std::uint32_t seed = 1; seed <= 1'000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const bool pids = random.chance(2);
    const ::remote::RemoteMessage frame = random_frame(random, pids);
    auto decoded = read_frame(frame.SerializeAsString());
    ASSERT_TRUE(decoded.ok());
    const auto& received = std::get<ReceivedBatch>(*decoded);
    EXPECT_EQ(received.dialect, pids ? Dialect::pids : Dialect::strings);
    const auto& batch = frame.message_batch();
    std::size_t next = 0;
    std::uint32_t bad_count = 0;
    for (const auto& envelope : batch.envelopes()) {
      const bool good = envelope.type_id() >= 0 && envelope.type_id() < batch.type_names_size() &&
                        envelope.target() >= 0 && envelope.target() < batch.targets_size() &&
                        envelope.sender() >= 0 && envelope.sender() <= batch.senders_size();
      if (!good) {
        ++bad_count;
        continue;
      }
      ASSERT_LT(next, received.messages.size());
      const ReceivedMessage& message = received.messages[next++];
      EXPECT_EQ(message.type_name, batch.type_names(envelope.type_id()));
      std::string id = batch.targets(envelope.target());
      if (pids) {
        actor::PID pid;
        ASSERT_TRUE(pid.ParseFromString(id));
        id = pid.id();
      }
      EXPECT_EQ(message.target_id, id);
      EXPECT_EQ(message.target_request_id, envelope.target_request_id());
      EXPECT_EQ(message.data, envelope.message_data());
      EXPECT_EQ(message.serializer_id, envelope.serializer_id());
      EXPECT_EQ(message.headers.size(), envelope.message_header().header_data().size());
      if (envelope.sender() == 0) {
        EXPECT_EQ(message.sender_id, "");
        EXPECT_EQ(message.sender_request_id, 0u);
      } else {
        EXPECT_EQ(message.sender_id, batch.senders(envelope.sender() - 1).id());
        EXPECT_EQ(message.sender_address, batch.senders(envelope.sender() - 1).address());
        EXPECT_EQ(message.sender_request_id, envelope.sender_request_id());
      }
    }
    EXPECT_EQ(next, received.messages.size());
    EXPECT_EQ(received.bad_envelope_count, bad_count);
  }
}

TEST(BatchCodecRandom, FramesThatEndTooSoonNeverHarm) {
  const google::protobuf::LogSilencer quiet;
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const std::string frame = random_frame(random, random.chance(2)).SerializeAsString();
    for (std::size_t size = 0; size < frame.size(); ++size) {
      // A copy of exactly this size, so that reading past its end is seen.
      const std::vector<char> cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(read_frame({cut.data(), cut.size()}).ok());
    }
  }
}

TEST(BatchCodecRandom, FlippedBitsNeverHarm) {
  const google::protobuf::LogSilencer quiet;
  for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
    Random random(seed);
    std::string frame = random_frame(random, random.chance(2)).SerializeAsString();
    for (std::uint32_t flips = 1 + random.below(4); flips > 0; --flips) {
      char& byte = frame[random.below(static_cast<std::uint32_t>(frame.size()))];
      byte = static_cast<char>(byte ^ (1 << random.below(8)));
    }
    (void)read_frame(frame);
  }
}

TEST(BatchCodecRandom, RandomBytesNeverHarm) {
  const google::protobuf::LogSilencer quiet;
  for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
    Random random(seed);
    std::string frame = random.data(80);
    // Most begin like a batch, else few would get past the first byte.
    if (frame.size() > 2 && !random.chance(4)) {
      frame[0] = '\x0a';
      frame[1] = static_cast<char>(frame.size() - 2);
    }
    (void)read_frame(frame);
  }
}

}  // namespace
}  // namespace nexus::remote
