// BatchEncoder and BatchDecoder against protobuf's generated classes, on frames that chance writes and chance breaks.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "protoactor/actor.pb.h"
#include "protoactor/remote.pb.h"
#include "remote/batch_codec.h"
#include "remote/batch_encoder.h"
#include "tests/remote/against_protobuf.h"
#include "tests/remote/wire_bytes.h"

namespace nexus::remote {
namespace {

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(engine_() % bound); }
  bool chance(std::uint32_t one_in) { return below(one_in) == 0; }
  std::uint32_t number() { return static_cast<std::uint32_t>(engine_()) >> below(32); }
  std::string word(const char* prefix, std::uint32_t count) {
    return prefix + std::to_string(below(count));
  }
  std::string data(std::uint32_t bytes_max) {
    std::string out(below(bytes_max), '\0');
    for (char& c : out) c = static_cast<char>(engine_());
    return out;
  }
  template <typename T>
  void shuffle(std::vector<T>& values) {
    std::shuffle(values.begin(), values.end(), engine_);
  }

 private:
  std::mt19937 engine_;
};

struct Sent {
  core::Pid target;
  core::Pid sender;
  std::string type_name;
  std::string data;
  core::Headers headers;
};

std::vector<Sent> random_messages(Random& random) {
  std::vector<Sent> messages;
  for (std::uint32_t i = random.below(60); i > 0; --i) {
    Sent& message = messages.emplace_back();
    message.target =
        core::Pid::of_name(random.word("p:", 2), random.word("t", 40), random.number());
    if (!random.chance(3)) {
      message.sender =
          core::Pid::of_name(random.word("n:", 3), random.word("s", 40), random.number());
    }
    message.type_name = random.word("some.Type", 5);
    message.data = random.data(random.chance(8) ? 20'000 : 40);
    for (std::uint32_t header = random.chance(3) ? random.below(5) : 0; header > 0; --header) {
      message.headers.emplace_back(random.word("k", 3), random.word("v", 100));
    }
  }
  return messages;
}

void expect_same(const Sent& sent, const ::remote::MessageBatch& batch,
                 const ::remote::MessageEnvelope& envelope, Dialect dialect) {
  ASSERT_LT(envelope.type_id(), batch.type_names_size());
  ASSERT_LT(envelope.target(), batch.targets_size());
  ASSERT_LE(envelope.sender(), batch.senders_size());
  EXPECT_EQ(batch.type_names(envelope.type_id()), sent.type_name);
  EXPECT_EQ(envelope.message_data(), sent.data);
  EXPECT_EQ(envelope.serializer_id(), 0);
  actor::PID target;
  if (dialect == Dialect::pids) {
    EXPECT_TRUE(target.ParseFromString(batch.targets(envelope.target())));
    EXPECT_EQ(target.address(), sent.target.address());
    EXPECT_EQ(target.request_id(), 0u) << "tables hold no request ids";
  } else {
    target.set_id(batch.targets(envelope.target()));
  }
  EXPECT_EQ(target.id(), sent.target.id());
  EXPECT_EQ(envelope.target_request_id(), sent.target.request_id());
  ASSERT_EQ(envelope.sender() > 0, bool{sent.sender});
  if (sent.sender) {
    const actor::PID& sender = batch.senders(envelope.sender() - 1);
    EXPECT_EQ(sender.address(), sent.sender.address());
    EXPECT_EQ(sender.id(), sent.sender.id());
    EXPECT_EQ(sender.request_id(), 0u);
  }
  EXPECT_EQ(envelope.sender_request_id(), sent.sender.request_id());
  std::map<std::string, std::string> headers;
  for (const auto& [key, value] : sent.headers) headers[key] = value;
  const auto& map = envelope.message_header().header_data();
  EXPECT_EQ((std::map<std::string, std::string>(map.begin(), map.end())), headers);
  EXPECT_EQ(envelope.has_message_header(), !sent.headers.empty());
}

// No entry twice, none that no envelope points at.
template <typename Entries>
void expect_each_once(const Entries& entries) {
  std::vector<std::string> all(entries.begin(), entries.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

TEST(BatchDifferential, ProtobufReadsWhatTheEncoderWrites) {
  BatchEncoder encoder;
  for (std::uint32_t seed = 1; seed <= 1'000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::vector<Sent> messages = random_messages(random);
    const Dialect dialect = random.chance(2) ? Dialect::strings : Dialect::pids;
    // Some are refused and must leave no trace.
    const std::size_t bytes_max = random.chance(2) ? BatchEncoder::kBytesMax : random.below(30'000);
    std::vector<const Sent*> taken;
    encoder.begin(dialect);
    for (const Sent& message : messages) {
      const BatchEncoder::Message parts{.type_name = message.type_name,
                                        .target = message.target,
                                        .sender = message.sender,
                                        .headers = message.headers};
      if (encoder.try_add(parts, message.data, bytes_max)) taken.push_back(&message);
    }
    EXPECT_EQ(encoder.count(), taken.size());
    const std::size_t expected_bytes = encoder.bytes();
    const std::string frame(encoder.finish());
    EXPECT_EQ(frame.size(), expected_bytes);
    EXPECT_LE(frame.size(), std::max<std::size_t>(bytes_max, 2));

    ::remote::RemoteMessage message;
    ASSERT_TRUE(message.ParseFromString(frame));
    const auto& batch = message.message_batch();
    ASSERT_EQ(batch.envelopes_size(), static_cast<int>(taken.size()));
    for (int i = 0; i < batch.envelopes_size(); ++i) {
      expect_same(*taken[static_cast<std::size_t>(i)], batch, batch.envelopes(i), dialect);
    }
    expect_each_once(batch.type_names());
    expect_each_once(batch.targets());
    // Nothing that protobuf would write in another way but for the order of fields, and headers that are there twice.
    EXPECT_GE(frame.size(), message.SerializeAsString().size());
    EXPECT_EQ(difference_to_protobuf(frame), "");
  }
}

// The length of an envelope stands before it and takes a byte more from 128 and from 16,384 bytes on.
TEST(BatchDifferential, LengthsAreNeverLongerThanNeedBe) {
  BatchEncoder encoder;
  for (const std::size_t border : {std::size_t{128}, std::size_t{16'384}}) {
    for (std::size_t size = border - 50; size < border + 10; ++size) {
      for (const std::uint32_t number : {0u, 1u, 200u, 0xffff'ffffu}) {
        const core::Pid target = core::Pid::of_name("p:1", "t", number);
        const core::Pid sender = core::Pid::of_name("n:1", "s", number);
        encoder.begin(Dialect::strings);
        ASSERT_TRUE(encoder.try_add({.type_name = "T", .target = target, .sender = sender},
                                    std::string(size, 'd')));
        const std::string frame(encoder.finish());
        ::remote::RemoteMessage message;
        ASSERT_TRUE(message.ParseFromString(frame)) << size << " with " << number;
        EXPECT_EQ(message.message_batch().envelopes(0).message_data().size(), size);
        EXPECT_EQ(message.message_batch().envelopes(0).sender_request_id(), number);
        EXPECT_EQ(frame.size(), message.ByteSizeLong()) << size << " with " << number;
      }
    }
  }
}

// Writes protobuf in all the ways that protobuf may be written in.
class WildWriter {
 public:
  explicit WildWriter(Random& random) : random_(random) {}

  std::string frame() {
    std::vector<std::string> pieces;
    for (std::uint32_t i = random_.chance(4) ? 1 + random_.below(3) : 1; i > 0; --i) {
      pieces.push_back(bytes_field(1, batch()));
    }
    if (random_.chance(30)) pieces.push_back(bytes_field(2 + random_.below(3), ""));
    if (random_.chance(4)) pieces.push_back(tag(1001, 1) + std::string(8, 's'));
    while (random_.chance(5)) pieces.push_back(bytes_field(1002 + random_.below(2), link_word()));
    return joined(std::move(pieces));
  }

 private:
  std::string varint(std::uint64_t value, std::size_t bytes_max) {
    std::string out;
    do {
      out += static_cast<char>(value | 0x80);
      value >>= 7;
    } while (value != 0);
    // Longer than need be.
    while (out.size() < bytes_max && random_.chance(20)) out += '\x80';
    out.back() = static_cast<char>(out.back() & 0x7f);
    return out;
  }
  std::string tag(std::uint32_t number, std::uint32_t wire_type) {
    return varint(number << 3 | wire_type, 5);
  }
  std::string bytes_field(std::uint32_t number, const std::string& body) {
    return tag(number, 2) + varint(body.size(), 5) + body;
  }
  std::string number_field(std::uint32_t number, std::uint64_t value) {
    return tag(number, 0) + varint(value, 10);
  }
  std::string unknown_field(std::uint32_t depth = 0) {
    // A number that is known elsewhere too.
    const std::uint32_t number =
        random_.chance(2) ? 9 + random_.below(3'000) : 1 + random_.below(9);
    switch (random_.below(depth < 4 ? 5 : 4)) {
      case 0:
        return tag(number, 1) + std::string(8, 'f');
      case 1:
        return tag(number, 5) + std::string(4, 'f');
      case 2:
        return bytes_field(100 + number, random_.data(20));
      case 3:
        return number_field(100 + number, random_.number() * std::uint64_t{random_.number()});
      default: {
        std::string out = tag(number, 3);
        for (std::uint32_t i = random_.below(3); i > 0; --i) out += unknown_field(depth + 1);
        return out + tag(number, 4);
      }
    }
  }
  std::string joined(std::vector<std::string> fields) {
    if (random_.chance(3)) fields.push_back(unknown_field());
    if (!random_.chance(3)) random_.shuffle(fields);
    std::string out;
    for (const std::string& field : fields) out += field;
    return out;
  }
  std::string text(const char* prefix) {
    if (random_.chance(500)) return random_.data(4);
    return random_.chance(10) ? "\xc3\xa9\xf0\x9f\x98\x80" : random_.word(prefix, 4);
  }
  std::string pid() {
    std::vector<std::string> fields;
    if (!random_.chance(4)) fields.push_back(bytes_field(1, text("a:")));
    if (!random_.chance(8)) fields.push_back(bytes_field(2, text("id")));
    if (random_.chance(6)) fields.push_back(bytes_field(2, text("id")));
    if (random_.chance(6)) fields.push_back(number_field(3, random_.number()));
    return joined(std::move(fields));
  }
  std::string header_entry() {
    std::vector<std::string> fields;
    for (const std::uint32_t number : {1u, 2u, 1u, 2u}) {
      if (!random_.chance(number == 1 ? 3 : 2)) fields.push_back(bytes_field(number, text("h")));
    }
    return joined(std::move(fields));
  }
  std::string header() {
    std::vector<std::string> fields;
    for (std::uint32_t i = random_.below(4); i > 0; --i) {
      fields.push_back(bytes_field(1, header_entry()));
    }
    return joined(std::move(fields));
  }
  std::string link_word() {
    if (random_.chance(3)) return random_.data(6);
    return joined({number_field(1, random_.number()), number_field(2, random_.number())});
  }
  std::uint64_t index() {
    if (random_.chance(40)) return ~std::uint64_t{random_.below(3)};
    return random_.below(random_.chance(10) ? 9 : 3);
  }
  std::string envelope() {
    std::vector<std::string> fields;
    for (const std::uint32_t number : {1u, 3u, 4u}) {
      if (!random_.chance(3)) fields.push_back(number_field(number, index()));
      if (random_.chance(20)) fields.push_back(number_field(number, index()));
    }
    for (const std::uint32_t number : {5u, 7u, 8u}) {
      if (random_.chance(3)) fields.push_back(number_field(number, random_.number()));
    }
    if (!random_.chance(5)) fields.push_back(bytes_field(2, random_.data(30)));
    if (random_.chance(20)) fields.push_back(bytes_field(2, random_.data(30)));
    while (random_.chance(4)) fields.push_back(bytes_field(6, header()));
    return joined(std::move(fields));
  }
  std::string batch() {
    std::vector<std::string> fields;
    const bool pids = random_.chance(3);
    for (std::uint32_t i = random_.below(5); i > 0; --i) {
      fields.push_back(bytes_field(1, text("type")));
    }
    for (std::uint32_t i = random_.below(5); i > 0; --i) {
      fields.push_back(bytes_field(2, pids ? pid() : text("target")));
    }
    for (std::uint32_t i = random_.below(20); i > 0; --i) {
      fields.push_back(bytes_field(3, envelope()));
    }
    for (std::uint32_t i = random_.below(4); i > 0; --i) fields.push_back(bytes_field(4, pid()));
    return joined(std::move(fields));
  }

  Random& random_;
};

class BatchDifferentialRead : public testing::Test {
 protected:
  // Of the decoder, and of what becomes of the whole frame.
  static std::string difference(std::string_view frame) {
    ::remote::RemoteMessage theirs;
    const bool parsed = theirs.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
    const auto message_case = theirs.message_type_case();
    const auto ours = decode_frame(frame);
    const bool has_link_word = theirs.has_nexus_ack() || theirs.has_nexus_ping();
    const bool is_something =
        message_case != ::remote::RemoteMessage::MESSAGE_TYPE_NOT_SET || has_link_word;
    if (ours.ok() != (parsed && is_something)) return "verdict of decode_frame()";
    const bool is_batch = message_case == ::remote::RemoteMessage::kMessageBatch;
    if (ours.ok() && std::holds_alternative<MessageBatch>(*ours) != is_batch) {
      return "sort of frame";
    }
    return difference_to_protobuf(frame);
  }

  // Protobuf says on stderr what it has against text.
  const google::protobuf::LogSilencer quiet_;
};

TEST_F(BatchDifferentialRead, WildFramesAreReadAsProtobufReadsThem) {
  int refused_count = 0;
  for (std::uint32_t seed = 1; seed <= 10'000; ++seed) {
    Random random(seed);
    const std::string frame = WildWriter(random).frame();
    ASSERT_EQ(difference(frame), "") << "seed " << seed << ": " << hex(frame);
    ::remote::RemoteMessage message;
    if (!message.ParseFromString(frame)) ++refused_count;
  }
  EXPECT_LT(refused_count, 2'000) << "most frames must be good ones";
}

TEST_F(BatchDifferentialRead, FramesThatEndTooSoonAreRefusedWhereProtobufDoes) {
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    Random random(seed);
    const std::string frame = WildWriter(random).frame();
    for (std::size_t size = 0; size < frame.size(); ++size) {
      ASSERT_EQ(difference(std::string_view(frame).substr(0, size)), "")
          << "seed " << seed << ", " << size << " bytes: " << hex(frame.substr(0, size));
    }
  }
}

TEST_F(BatchDifferentialRead, FramesWithFlippedBitsAreReadAsProtobufReadsThem) {
  for (std::uint32_t seed = 1; seed <= 30'000; ++seed) {
    Random random(seed);
    std::string frame = WildWriter(random).frame();
    for (std::uint32_t flips = frame.empty() ? 0 : 1 + random.below(3); flips > 0; --flips) {
      char& byte = frame[random.below(static_cast<std::uint32_t>(frame.size()))];
      byte = static_cast<char>(byte ^ (1 << random.below(8)));
    }
    ASSERT_EQ(difference(frame), "") << "seed " << seed << ": " << hex(frame);
  }
}

TEST_F(BatchDifferentialRead, FramesWithBytesRemovedOrDoubledAreReadAsProtobufReadsThem) {
  for (std::uint32_t seed = 1; seed <= 10'000; ++seed) {
    Random random(seed);
    std::string frame = WildWriter(random).frame();
    if (frame.empty()) continue;
    const std::size_t begin = random.below(static_cast<std::uint32_t>(frame.size()));
    const std::size_t count = 1 + random.below(12);
    if (random.chance(2)) {
      frame.erase(begin, count);
    } else {
      frame.insert(begin, frame.substr(begin, count));
    }
    ASSERT_EQ(difference(frame), "") << "seed " << seed << ": " << hex(frame);
  }
}

TEST_F(BatchDifferentialRead, RandomBytesAreReadAsProtobufReadsThem) {
  for (std::uint32_t seed = 1; seed <= 30'000; ++seed) {
    Random random(seed);
    std::string frame = random.data(60);
    // Most begin like a batch, else few would get past the first byte; and most bytes are small, as tags and lengths are.
    for (char& byte : frame) {
      if (random.chance(2)) byte = static_cast<char>(byte & 0x1f);
    }
    if (frame.size() > 2 && !random.chance(4)) {
      frame[0] = '\x0a';
      frame[1] = static_cast<char>(frame.size() - 2);
    }
    ASSERT_EQ(difference(frame), "") << "seed " << seed << ": " << hex(frame);
  }
}

}  // namespace
}  // namespace nexus::remote
