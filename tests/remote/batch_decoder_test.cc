// BatchDecoder: what it finds in frames that nobody of ours writes, and what it refuses.
#include "remote/batch_decoder.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/remote/against_protobuf.h"
#include "tests/remote/wire_bytes.h"

namespace nexus::remote {
namespace {

std::string text_of(const BatchDecoder& decoder, const BatchDecoder::Envelope& envelope) {
  std::string text(decoder.targets()[envelope.target].id);
  if (const auto* sender = decoder.sender_of(envelope)) {
    text += " <- " + std::string(sender->address) + "/" + std::string(sender->id);
  }
  text += " " + std::string(decoder.type_names()[envelope.type]);
  text += "(" + std::string(envelope.data) + ")";
  for (const HeaderView& header : envelope.headers) {
    text += " " + std::string(header.key) + "=" + std::string(header.value);
  }
  return text;
}

// All envelopes as text, each on a line; or why there are none. Protobuf must agree.
std::string read(const std::string& frame, BatchDecoder::Limits limits = {}) {
  const google::protobuf::LogSilencer quiet;
  EXPECT_EQ(difference_to_protobuf(frame), "") << hex(frame);
  BatchDecoder decoder(limits);
  const auto kind = decoder.decode(frame);
  if (!kind.ok()) return kind.error().detail;
  if (*kind == BatchDecoder::Kind::other) return "other";
  std::string text;
  for (const auto& envelope : decoder.envelopes()) text += text_of(decoder, envelope) + "\n";
  if (decoder.bad_envelope_count() > 0) {
    text += std::to_string(decoder.bad_envelope_count()) + " bad\n";
  }
  return text;
}

constexpr const char* kGarbage = "the peer sent bytes that are no RemoteMessage";

// A length-delimited field.
std::string field(const std::string& tag, const std::string& body) {
  std::string out = bytes(tag);
  std::size_t size = body.size();
  for (; size >= 128; size /= 128) out += static_cast<char>(size % 128 + 128);
  return out + static_cast<char>(size) + body;
}

TEST(BatchDecoder, R2_TablesMayComeBetweenAndBehindTheEnvelopes) {
  EXPECT_EQ(read(field("0a", bytes("1a 05  12 01 '1'  20 01"
                                   "  0a 01 'T'"
                                   "  1a 07  12 01 '2'  18 01  20 02"
                                   "  12 01 'x'  22 03  12 01 's'"
                                   "  12 01 'y'  22 03  12 01 'r'"))),
            "x <- /s T(1)\ny <- /r T(2)\n");
}

TEST(BatchDecoder, R2_ABatchInPiecesIsOneBatch) {
  EXPECT_EQ(read(bytes("0a 07  1a 05  12 01 '1'  20 01"
                       "  0a 06  0a 01 'T'  12 01 'x'"
                       "  0a 07  1a 05  12 01 '2'  20 01"
                       "  0a 05  22 03  12 01 's'")),
            "x <- /s T(1)\nx <- /s T(2)\n");
}

TEST(BatchDecoder, R2_OfAValueThatIsThereTwiceTheLastCounts) {
  EXPECT_EQ(read(bytes("0a 18  0a 01 'T'  0a 01 'U'  12 01 'x'"
                       "  1a 0d  08 00  12 01 '1'  12 02 '23'  08 05  08 01")),
            "x U(23)\n");
}

TEST(BatchDecoder, R2_AHeaderInPiecesIsOneHeader) {
  const std::string envelope = bytes(
      "32 08  0a 06  0a 01 'a'  12 01 '1'"
      "  12 01 'd'"
      "  32 00"
      "  48 07"
      "  32 08  0a 06  0a 01 'b'  12 01 '2'");
  EXPECT_EQ(read(field("0a", bytes("0a 01 'T'  12 01 'x'") + field("1a", envelope))),
            "x T(d) a=1 b=2\n");
}

TEST(BatchDecoder, HeadersAreReadAsEntriesOfAMap) {
  // Nothing; no value; no key; value first; key twice.
  const std::string header = bytes(
      "0a 00"
      "  0a 03  0a 01 'a'"
      "  0a 03  12 01 '1'"
      "  0a 06  12 01 '2'  0a 01 'b'"
      "  0a 09  0a 01 'z'  12 01 '3'  0a 01 'c'");
  EXPECT_EQ(read(field("0a", bytes("0a 01 'T'  12 01 'x'") + field("1a", field("32", header)))),
            "x T() = a= =1 b=2 c=3\n");
}

TEST(BatchDecoder, AMessageHeaderWithoutEntriesIsNone) {
  BatchDecoder decoder;
  const std::string frame = bytes("0a 0a  0a 01 'T'  12 01 'x'  1a 02  32 00");
  ASSERT_TRUE(decoder.decode(frame).ok());
  ASSERT_EQ(decoder.envelopes().size(), 1u);
  EXPECT_TRUE(decoder.envelopes()[0].headers.empty());
  EXPECT_EQ(read(frame), "x T()\n");
}

// Of all wire types: 9 as number, 10 as 8 bytes, 11 as bytes, 12 as group with a field in it, 13 as 4 bytes.
const std::string& unknown() {
  static const std::string fields = bytes(
      "48 ffffffffffffffffff01  51 0102030405060708  5a 02 ffff  63 48 01 63 64 64  6d 01020304");
  return fields;
}

TEST(BatchDecoder, R2_UnknownFieldsAreSkippedAtEachLevel) {
  const std::string entry = field("0a", unknown() + bytes("0a 01 'k'  12 01 'v'") + unknown());
  const std::string header = field("32", unknown() + entry + unknown());
  const std::string envelope = field("1a", unknown() + header + unknown() + bytes("12 01 'd'"));
  const std::string sender = field("22", unknown() + bytes("12 01 's'"));
  const std::string target = field("12", bytes("12 01 'x'") + unknown());
  const std::string batch = field(
      "0a", unknown() + bytes("0a 01 'T'") + target + sender + unknown() + envelope + unknown());
  EXPECT_EQ(read(unknown() + batch + unknown()), "x T(d) k=v\n");
}

TEST(BatchDecoder, AKnownFieldOfAnotherWireTypeIsUnknown) {
  EXPECT_EQ(read(bytes("08 01"
                       "  0a 13  08 01  15 01020304  0a 01 'T'  12 01 'x'  1a 04  0a 00  10 07")),
            "x T()\n");
}

// The tag of field 1 in five bytes, and one whose highest bits are cut off.
TEST(BatchDecoder, LongNumbersAreCutAsProtobufCutsThem) {
  EXPECT_EQ(read(bytes("8a80808000 06  0a 01 'T'  12 01 'x'")), "");
  EXPECT_EQ(read(bytes("8a80808010 06  0a 01 'T'  12 01 'x'")), "");
  EXPECT_EQ(read(bytes("8a8080808000 06  0a 01 'T'  12 01 'x'")), kGarbage) << "six bytes";
  // Index 2^32, which is 0; in ten bytes; in eleven.
  EXPECT_EQ(read(bytes("0a 0e  0a 01 'T'  12 01 'x'  1a 06  08 8080808010")), "x T()\n");
  EXPECT_EQ(read(bytes("0a 13  0a 01 'T'  12 01 'x'  1a 0b  08 8080808080808080807f")), "x T()\n");
  EXPECT_EQ(read(bytes("0a 14  0a 01 'T'  12 01 'x'  1a 0c  08 808080808080808080807f")), kGarbage);
  // A size is no longer than five bytes, and not cut.
  EXPECT_EQ(read(bytes("0a 8680808000  0a 01 'T'  12 01 'x'")), "");
  EXPECT_EQ(read(bytes("0a 8680808010  0a 01 'T'  12 01 'x'")), kGarbage);
  EXPECT_EQ(read(bytes("0a 868080808000  0a 01 'T'  12 01 'x'")), kGarbage);
}

std::string groups(std::size_t depth) {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) out += bytes("63");
  for (std::size_t i = 0; i < depth; ++i) out += bytes("64");
  return out;
}

TEST(BatchDecoder, R1_GroupsMayBeAsDeepAsProtobufTakesThem) {
  const auto in_batch = [](const std::string& fields) { return field("0a", fields); };
  const auto in_envelope = [&](const std::string& fields) { return in_batch(field("1a", fields)); };
  const auto in_header = [&](const std::string& fields) {
    return in_envelope(field("32", fields));
  };
  const auto in_entry = [&](const std::string& fields) { return in_header(field("0a", fields)); };
  const auto in_sender = [&](const std::string& fields) { return in_batch(field("22", fields)); };
  EXPECT_EQ(read(groups(100) + bytes("0a 00")), "");
  EXPECT_EQ(read(groups(101) + bytes("0a 00")), kGarbage);
  EXPECT_EQ(read(in_batch(groups(99))), "");
  EXPECT_EQ(read(in_batch(groups(100))), kGarbage);
  EXPECT_EQ(read(in_envelope(groups(98))), "1 bad\n");
  EXPECT_EQ(read(in_envelope(groups(99))), kGarbage);
  EXPECT_EQ(read(in_header(groups(97))), "1 bad\n");
  EXPECT_EQ(read(in_header(groups(98))), kGarbage);
  EXPECT_EQ(read(in_entry(groups(96))), "1 bad\n");
  EXPECT_EQ(read(in_entry(groups(97))), kGarbage);
  EXPECT_EQ(read(in_sender(groups(98))), "");
  EXPECT_EQ(read(in_sender(groups(99))), kGarbage);
  // A target is a PID when it can be read as one.
  const auto target = [&](const std::string& fields) {
    BatchDecoder decoder;
    const std::string frame = in_batch(field("12", bytes("12 01 'x'") + fields));
    EXPECT_EQ(difference_to_protobuf(frame), "");
    EXPECT_TRUE(decoder.decode(frame).ok());
    return decoder.dialect();
  };
  EXPECT_EQ(target(groups(100)), Dialect::pids);
  EXPECT_EQ(target(groups(101)), Dialect::strings);
}

TEST(BatchDecoder, R1_WhatIsNoProtobufIsRefused) {
  for (const char* frame : {
           "0a",
           "0a 02 00",
           "0a 01 00",
           "0a 01 0a",
           "00",
           "0a 00 00",  // Cut off; tag 0.
           "0e 00",
           "0f 00",
           "02 00",
           "05 00000000",
           "01",  // No such wire type; field 0.
           "0c",
           "0a 01 0c",
           "64",
           "63",
           "63 5c",
           "63 63 64",
           "63 00 64",  // Groups.
           "0a 02 1a 01",
           "0a 03 1a 02 12",
           "0a 04 1a 02 12 01",  // Longer than what is around it.
           "0a 04 1a 02 08 80",
           "51 00000000000000",
           "6d 000000",  // Numbers that do not end.
       }) {
    EXPECT_EQ(read(bytes(frame)), kGarbage) << frame;
  }
}

TEST(BatchDecoder, R1_TextMustBeUtf8AndDataNeedNot) {
  const auto batch = [](const std::string& name, const std::string& target,
                        const std::string& sender, const std::string& key, const std::string& value,
                        const std::string& data) {
    const std::string header = field("32", field("0a", field("0a", key) + field("12", value)));
    return field("0a", field("0a", name) + field("12", target) + field("22", sender) +
                           field("1a", header + field("12", data) + bytes("20 01")));
  };
  const std::string bad = "\xc0\x80";
  const std::string good = "\xc3\xa9";
  const std::string sender = field("0a", "n:1") + field("12", good);
  EXPECT_EQ(read(batch(good, good, sender, good, good, bad)),
            good + " <- n:1/" + good + " " + good + "(" + bad + ") " + good + "=" + good + "\n");
  EXPECT_EQ(read(batch(bad, good, sender, good, good, "")), kGarbage);
  EXPECT_EQ(read(batch(good, bad, sender, good, good, "")),
            bad + " <- n:1/" + good + " " + good + "() " + good + "=" + good + "\n");
  EXPECT_EQ(read(batch(good, good, field("0a", bad), good, good, "")), kGarbage);
  EXPECT_EQ(read(batch(good, good, field("12", bad), good, good, "")), kGarbage);
  EXPECT_EQ(read(batch(good, good, sender, bad, good, "")), kGarbage);
  EXPECT_EQ(read(batch(good, good, sender, good, bad, "")), kGarbage);
}

TEST(BatchDecoder, R1_ValuesThatAreReplacedAreLookedAtAllTheSame) {
  EXPECT_EQ(read(bytes("0a 08  22 06  12 01 ff  12 01 's'")), kGarbage);
  EXPECT_EQ(read(bytes("0a 0c  1a 0a  32 08  0a 06  0a 01 ff  0a 01 'k'")), kGarbage);
}

TEST(BatchDecoder, R3_BadEnvelopesAreCountedAndTheOthersArrive) {
  EXPECT_EQ(read(field("0a", bytes("0a 01 'T'  12 01 'x'  22 03  12 01 's'"
                                   "  1a 03  12 01 '1'"
                                   "  1a 02  08 01"
                                   "  1a 0b  08 ffffffffffffffffff01"
                                   "  1a 02  18 01"
                                   "  1a 02  20 02"
                                   "  1a 05  12 01 '2'  20 01"
                                   "  1a 0b  20 ffffffffffffffffff01"))),
            "x T(1)\nx <- /s T(2)\n5 bad\n");
}

TEST(BatchDecoder, HandshakesAreForOthers) {
  EXPECT_EQ(read(bytes("12 06  0a 04  0a 02 'm1'")), "other");
  EXPECT_EQ(read(bytes("1a 04  12 02 'm2'")), "other");
  EXPECT_EQ(read(bytes("22 00")), "other");
  // Two sorts in one frame: the last one counts, which protobuf finds out.
  EXPECT_EQ(read(bytes("0a 03  0a 01 'T'  22 00")), "other");
  EXPECT_EQ(read(bytes("22 00  0a 03  0a 01 'T'")), "other");
  EXPECT_EQ(read(""), "the peer sent an empty RemoteMessage");
  EXPECT_EQ(read(bytes("2a 00")), "the peer sent an empty RemoteMessage");
}

TEST(BatchDecoder, WhatIsBeyondALimitIsRefusedAndWhatIsAtItIsNot) {
  const BatchDecoder::Limits limits{
      .envelope_count_max = 2, .table_count_max = 2, .header_count_max = 2};
  const auto twice = [](const std::string& part) { return part + part; };
  const auto batch = [](const std::string& fields) { return field("0a", fields); };
  const std::string tables = bytes("0a 01 'T'  12 01 'x'");
  const std::string type = bytes("0a 01 'T'");
  const std::string target = bytes("12 01 'x'");
  const std::string sender = bytes("22 03  12 01 's'");
  const std::string entry = bytes("0a 03  0a 01 'k'");
  EXPECT_EQ(read(batch(twice(type)), limits), "");
  EXPECT_EQ(read(batch(twice(type) + type), limits),
            "the peer sent a batch with too many type names");
  EXPECT_EQ(read(batch(twice(target)), limits), "");
  EXPECT_EQ(read(batch(twice(target) + target), limits),
            "the peer sent a batch with too many targets");
  EXPECT_EQ(read(batch(twice(sender)), limits), "");
  EXPECT_EQ(read(batch(twice(sender) + sender), limits),
            "the peer sent a batch with too many senders");
  EXPECT_EQ(read(batch(tables + twice(bytes("1a 00"))), limits), "x T()\nx T()\n");
  EXPECT_EQ(read(batch(tables + twice(bytes("1a 00")) + bytes("1a 00")), limits),
            "the peer sent a batch with too many envelopes");
  EXPECT_EQ(read(batch(tables + field("1a", field("32", twice(entry)))), limits), "x T() k= k=\n");
  EXPECT_EQ(
      read(batch(tables + field("1a", field("32", twice(entry)) + field("32", entry))), limits),
      "the peer sent a batch with too many headers");
}

TEST(BatchDecoder, ADecoderRemembersNothingOfTheFrameBefore) {
  const std::string first =
      bytes("0a 13  0a 01 'T'  12 03  12 01 'x'  22 03  12 01 's'  1a 04  08 09 20 01");
  const std::string broken = first.substr(0, first.size() - 1);
  const std::string last = bytes("0a 08  0a 01 'U'  12 01 'y'  1a 00");
  BatchDecoder decoder;
  ASSERT_TRUE(decoder.decode(first).ok());
  EXPECT_EQ(decoder.dialect(), Dialect::pids);
  EXPECT_EQ(decoder.bad_envelope_count(), 1u);
  EXPECT_FALSE(decoder.decode(broken).ok());
  ASSERT_TRUE(decoder.decode(last).ok());
  EXPECT_EQ(decoder.dialect(), Dialect::strings);
  EXPECT_EQ(decoder.bad_envelope_count(), 0u);
  EXPECT_TRUE(decoder.senders().empty());
  ASSERT_EQ(decoder.envelopes().size(), 1u);
  EXPECT_EQ(text_of(decoder, decoder.envelopes()[0]), "y U()");
}

TEST(BatchDecoder, WhatItGivesStandsInTheFrame) {
  const std::string frame =
      bytes("0a 15  0a 01 'T'  12 01 'x'  1a 0d  12 01 'd'  32 08  0a 06  0a 01 'k'  12 01 'v'");
  BatchDecoder decoder;
  ASSERT_TRUE(decoder.decode(frame).ok());
  const auto in_frame = [&](std::string_view view) {
    return view.data() >= frame.data() && view.data() + view.size() <= frame.data() + frame.size();
  };
  const auto& envelope = decoder.envelopes()[0];
  EXPECT_TRUE(in_frame(decoder.type_names()[0]));
  EXPECT_TRUE(in_frame(decoder.targets()[0].id));
  EXPECT_TRUE(in_frame(envelope.data));
  EXPECT_TRUE(in_frame(envelope.headers.begin()->key));
  EXPECT_TRUE(in_frame(envelope.headers.begin()->value));
}

}  // namespace
}  // namespace nexus::remote
