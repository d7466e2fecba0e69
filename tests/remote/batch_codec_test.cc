#include "remote/batch_codec.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "protoactor/remote.pb.h"
#include "tests/remote/wire_bytes.h"

namespace nexus::remote {
namespace {

template <typename T>
T decoded(const std::string& frame) {
  auto result = read_frame(frame);
  EXPECT_TRUE(result.ok()) << result.error().detail;
  T* as = std::get_if<T>(&*result);
  EXPECT_NE(as, nullptr);
  return as == nullptr ? T{} : std::move(*as);
}

std::string text_of(const ReceivedMessage& received) {
  std::string text = received.target_id;
  if (received.target_request_id != 0) text += "#" + std::to_string(received.target_request_id);
  text += " <- " + received.sender_address + "/" + received.sender_id;
  if (received.sender_request_id != 0) text += "#" + std::to_string(received.sender_request_id);
  text += " " + received.type_name + "(" + received.data + ")";
  for (const auto& [key, value] : received.headers) text += " " + key + "=" + value;
  return text;
}

TEST(BatchCodecGolden, ConnectRequestOfAServer) {
  const std::string frame =
      encode(ConnectRequest{.member_id = "m1", .address = "h:7", .client = false});
  EXPECT_EQ(frame, bytes("12 0b  12 09  0a 02 'm1'  12 03 'h:7'"));
  const auto request = decoded<ConnectRequest>(frame);
  EXPECT_EQ(request.member_id, "m1");
  EXPECT_EQ(request.address, "h:7");
  EXPECT_FALSE(request.client);
}

TEST(BatchCodecGolden, ConnectRequestOfAServerWithABlockList) {
  const auto request =
      decoded<ConnectRequest>(bytes("12 0f  12 0d  0a 02 'm1'  12 03 'h:7'  1a 02 'bx'"));
  EXPECT_EQ(request.member_id, "m1");
  EXPECT_EQ(request.address, "h:7");
}

TEST(BatchCodecGolden, ConnectRequestOfAClient) {
  const std::string frame =
      encode(ConnectRequest{.member_id = "m1", .address = "", .client = true});
  EXPECT_EQ(frame, bytes("12 06  0a 04  0a 02 'm1'"));
  const auto request = decoded<ConnectRequest>(frame);
  EXPECT_EQ(request.member_id, "m1");
  EXPECT_TRUE(request.client);
}

TEST(BatchCodecGolden, ConnectResponse) {
  EXPECT_EQ(encode(ConnectResponse{"m2", false}), bytes("1a 04  12 02 'm2'"));
  EXPECT_EQ(encode(ConnectResponse{"m2", true}), bytes("1a 06  12 02 'm2'  18 01"));
  EXPECT_EQ(decoded<ConnectResponse>(bytes("1a 04  12 02 'm2'")).member_id, "m2");
  EXPECT_FALSE(decoded<ConnectResponse>(bytes("1a 04  12 02 'm2'")).blocked);
  EXPECT_TRUE(decoded<ConnectResponse>(bytes("1a 02  18 01")).blocked);
}

TEST(BatchCodecGolden, DisconnectRequest) {
  EXPECT_EQ(encode(DisconnectRequest{}), bytes("22 00"));
  (void)decoded<DisconnectRequest>(bytes("22 00"));
}

TEST(BatchCodecGolden, TheFirstTableEntriesHaveTypeAndTargetZeroAndSenderOne) {
  const std::string frame =
      encode_batch({with_sender(message("x", "t.A", "hi"), "s")}, Dialect::strings);
  EXPECT_EQ(frame, bytes("0a 1a"
                         "  0a 03 't.A'"
                         "  12 01 'x'"
                         "  22 08  0a 03 'n:1'  12 01 's'"
                         "  1a 06  12 02 'hi'  20 01"));
}

TEST(BatchCodecGolden, NoSenderIsZeroAndHasNoTableEntry) {
  EXPECT_EQ(encode_batch({message("x", "t.A", "hi")}, Dialect::strings),
            bytes("0a 0e  0a 03 't.A'  12 01 'x'  1a 04  12 02 'hi'"));
}

TEST(BatchCodecGolden, AMessageWithoutABodyHasNoData) {
  EXPECT_EQ(encode_batch({message("x", "actor.Stop", "")}, Dialect::strings),
            bytes("0a 11  0a 0a 'actor.Stop'  12 01 'x'  1a 00"));
}

TEST(BatchCodecGolden, TablesAreInOrderOfFirstUseAndRepeatNothing) {
  const std::string frame = encode_batch(
      {with_sender(message("x", "t.A", "1"), "s"), message("y", "t.A", "2"),
       with_sender(message("x", "t.B", "3"), "r"), with_sender(message("y", "t.B", "4"), "s")},
      Dialect::strings);
  EXPECT_EQ(frame, bytes("0a 46"
                         "  0a 03 't.A'  12 01 'x'  22 08  0a 03 'n:1'  12 01 's'"
                         "  1a 05  12 01 '1'  20 01"
                         "  12 01 'y'"
                         "  1a 05  12 01 '2'  18 01"
                         "  0a 03 't.B'  22 08  0a 03 'n:1'  12 01 'r'"
                         "  1a 07  08 01  12 01 '3'  20 02"
                         "  1a 09  08 01  12 01 '4'  18 01  20 01"));
  // As protobuf's classes write it: field by field.
  const std::string field_by_field = bytes(
      "0a 46"
      "  0a 03 't.A'  0a 03 't.B'"
      "  12 01 'x'  12 01 'y'"
      "  1a 05  12 01 '1'  20 01"
      "  1a 05  12 01 '2'  18 01"
      "  1a 07  08 01  12 01 '3'  20 02"
      "  1a 09  08 01  12 01 '4'  18 01  20 01"
      "  22 08  0a 03 'n:1'  12 01 's'"
      "  22 08  0a 03 'n:1'  12 01 'r'");
  for (const std::string& form : {frame, field_by_field}) {
    const auto batch = decoded<ReceivedBatch>(form);
    ASSERT_EQ(batch.messages.size(), 4u);
    EXPECT_EQ(text_of(batch.messages[0]), "x <- n:1/s t.A(1)");
    EXPECT_EQ(text_of(batch.messages[1]), "y <- / t.A(2)");
    EXPECT_EQ(text_of(batch.messages[2]), "x <- n:1/r t.B(3)");
    EXPECT_EQ(text_of(batch.messages[3]), "y <- n:1/s t.B(4)");
  }
}

TEST(BatchCodecGolden, RequestIdsAreFields7And8AndNotPartOfTheTables) {
  WireMessage first = with_sender(message("x", "t.A", "1"), "s", 300);
  WireMessage second = with_sender(message("x", "t.A", "2"), "s", 5);
  second.target = second.target.with_request_id(6);
  const std::string frame = encode_batch({first, second}, Dialect::strings);
  EXPECT_EQ(frame, bytes("0a 27"
                         "  0a 03 't.A'  12 01 'x'  22 08  0a 03 'n:1'  12 01 's'"
                         "  1a 08  12 01 '1'  20 01  40 ac02"
                         "  1a 09  12 01 '2'  20 01  38 06  40 05"));
  const auto batch = decoded<ReceivedBatch>(frame);
  ASSERT_EQ(batch.messages.size(), 2u);
  EXPECT_EQ(text_of(batch.messages[0]), "x <- n:1/s#300 t.A(1)");
  EXPECT_EQ(text_of(batch.messages[1]), "x#6 <- n:1/s#5 t.A(2)");
}

TEST(BatchCodecGolden, HeadersAreField6OnlyWhenThereAreAny) {
  WireMessage made = message("x", "t.A", "1");
  made.headers = {{"k", "v"}};
  const std::string frame = encode_batch({made}, Dialect::strings);
  EXPECT_EQ(
      frame,
      bytes("0a 17  0a 03 't.A'  12 01 'x'  1a 0d  12 01 '1'  32 08  0a 06  0a 01 'k'  12 01 'v'"));
  EXPECT_EQ(text_of(decoded<ReceivedBatch>(frame).messages[0]), "x <- / t.A(1) k=v");
}

TEST(BatchCodecGolden, TheWishForNoticesIsAHeader) {
  WireMessage made = message("x", "t.A", "1");
  made.wants_notices = true;
  EXPECT_EQ(encode_batch({made}, Dialect::strings),
            bytes("0a 23  0a 03 't.A'  12 01 'x'  1a 19  12 01 '1'"
                  "  32 14  0a 12  0a 0d 'nexus-notices'  12 01 '1'"));
}

TEST(BatchCodecGolden, TheOldDialectWritesTargetsAsPids) {
  const std::string frame = encode_batch({message("x", "t.A", "1")}, Dialect::pids);
  EXPECT_EQ(frame, bytes("0a 14  0a 03 't.A'  12 08  0a 03 'p:1'  12 01 'x'  1a 03  12 01 '1'"));
  const auto batch = decoded<ReceivedBatch>(frame);
  EXPECT_EQ(batch.dialect, Dialect::pids);
  EXPECT_EQ(text_of(batch.messages[0]), "x <- / t.A(1)");
}

TEST(BatchCodec, TheDialectOfAPeerShowsInItsTargets) {
  const std::vector<WireMessage> messages = {message("some/actor", "t.A", "1"),
                                             message("$future", "t.A", "2")};
  EXPECT_EQ(decoded<ReceivedBatch>(encode_batch(messages, Dialect::strings)).dialect,
            Dialect::strings);
  EXPECT_EQ(decoded<ReceivedBatch>(encode_batch(messages, Dialect::pids)).dialect, Dialect::pids);
  EXPECT_EQ(decoded<ReceivedBatch>(encode_batch({}, Dialect::pids)).dialect, Dialect::strings);
  // A PID without an address begins with the tag of its second field.
  EXPECT_EQ(decoded<ReceivedBatch>(bytes("0a 0c  0a 03 't.A'  12 03  12 01 'x'  1a 00")).dialect,
            Dialect::pids);
}

TEST(BatchCodec, ATargetThatOnlyBeginsLikeAPidIsText) {
  const google::protobuf::LogSilencer quiet;
  const auto batch = decoded<ReceivedBatch>(bytes("0a 0b  0a 03 't.A'  12 02 '\n' ff  1a 00"));
  EXPECT_EQ(batch.dialect, Dialect::strings);
  ASSERT_EQ(batch.messages.size(), 1u);
  EXPECT_EQ(batch.messages[0].target_id, "\n\xff");
}

TEST(BatchCodec, EnvelopesThatPointOutsideTheTablesAreSkippedAlone) {
  ::remote::RemoteMessage frame;
  auto* batch = frame.mutable_message_batch();
  batch->add_type_names("t.A");
  batch->add_targets("x");
  batch->add_senders()->set_id("s");
  const auto add = [&](int type, int target, int sender, const std::string& data) {
    auto* envelope = batch->add_envelopes();
    envelope->set_type_id(type);
    envelope->set_target(target);
    envelope->set_sender(sender);
    envelope->set_message_data(data);
  };
  constexpr int kMin = std::numeric_limits<int>::min();
  constexpr int kMax = std::numeric_limits<int>::max();
  add(0, 0, 0, "good");
  for (const int bad : {1, -1, kMin, kMax}) add(bad, 0, 0, "bad type");
  for (const int bad : {1, -1, kMin, kMax}) add(0, bad, 0, "bad target");
  for (const int bad : {2, -1, kMin, kMax}) add(0, 0, bad, "bad sender");
  add(0, 0, 1, "good too");
  const auto received = decoded<ReceivedBatch>(frame.SerializeAsString());
  EXPECT_EQ(received.bad_envelope_count, 12u);
  ASSERT_EQ(received.messages.size(), 2u);
  EXPECT_EQ(received.messages[0].data, "good");
  EXPECT_EQ(received.messages[1].data, "good too");
  EXPECT_EQ(received.messages[1].sender_id, "s");
  EXPECT_EQ(received.messages[1].sender_address, "") << "an empty address means the peer's own";
}

TEST(BatchCodec, ABatchWithoutTablesHasOnlyBadEnvelopes) {
  const auto received = decoded<ReceivedBatch>(bytes("0a 02  1a 00"));
  EXPECT_EQ(received.bad_envelope_count, 1u);
  EXPECT_TRUE(received.messages.empty());
}

TEST(BatchCodec, TheSerializerIsPassedOn) {
  const auto received =
      decoded<ReceivedBatch>(bytes("0a 0c  0a 03 't.A'  12 01 'x'  1a 02  28 01"));
  ASSERT_EQ(received.messages.size(), 1u);
  EXPECT_EQ(received.messages[0].serializer_id, 1);
}

TEST(BatchCodec, SenderTablesAfterTheEnvelopesAreFoundAllTheSame) {
  // Fields may come in any order; some writers put the tables last.
  const auto received = decoded<ReceivedBatch>(
      bytes("0a 16  1a 02  20 01  22 08  0a 03 'n:1'  12 01 's'  12 01 'x'  0a 03 't.A'"));
  ASSERT_EQ(received.messages.size(), 1u);
  EXPECT_EQ(text_of(received.messages[0]), "x <- n:1/s t.A()");
}

TEST(BatchCodec, OfTwoSortsInOneFrameTheLastCounts) {
  const std::string batch = bytes("0a 0a  0a 01 'T'  12 01 'x'  1a 02  28 01");
  const std::string goodbye = bytes("22 00");
  (void)decoded<DisconnectRequest>(batch + goodbye);
  for (const std::string& frame : {goodbye + batch, batch + goodbye + batch}) {
    const auto sort = decode_frame(frame);
    EXPECT_TRUE(sort.ok() && std::holds_alternative<MessageBatch>(*sort));
  }
  EXPECT_EQ(decoded<ReceivedBatch>(batch + batch).messages.size(), 2u);
}

// Two of its bytes may be a message of a hundred in memory.
TEST(BatchCodec, AFrameThatIsNoBatchIsReadUpToItsLimit) {
  ConnectRequest request{.member_id = "m", .address = "h:7", .block_list = {""}};
  request.block_list[0].resize(kHandshakeBytesMax - encode(request).size());
  while (encode(request).size() > kHandshakeBytesMax) request.block_list[0].pop_back();
  ASSERT_EQ(encode(request).size(), kHandshakeBytesMax);
  EXPECT_TRUE(decode_frame(encode(request)).ok());
  request.member_id += 'm';
  const auto refused = decode_frame(encode(request));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, core::Errc::resource_exhausted);
  // A handshake, and behind it what is a batch to protobuf alone.
  std::string envelopes = bytes("12 00  0a 80 80 10");
  for (int i = 0; i < 131'072; ++i) envelopes += bytes("1a 00");
  EXPECT_FALSE(decode_frame(envelopes).ok());
}

TEST(BatchCodec, OfEqualHeadersTheLastCounts) {
  WireMessage made = message("x", "t.A", "1");
  made.headers = {{"k", "1"}, {kNoticesHeader, "of the user"}, {"k", "2"}, {"l", ""}};
  made.wants_notices = true;
  const auto batch = decoded<ReceivedBatch>(encode_batch({made}, Dialect::strings));
  EXPECT_EQ(text_of(batch.messages[0]), "x <- / t.A(1) k=2 nexus-notices=1 l=");
}

TEST(BatchCodec, WhatIsNoFrameIsAnError) {
  EXPECT_FALSE(read_frame("").ok()) << "no frame of any sort";
  EXPECT_FALSE(read_frame(bytes("0a")).ok());
  EXPECT_FALSE(read_frame(bytes("0a 05 00")).ok());
  EXPECT_FALSE(read_frame(bytes("07")).ok()) << "no such wire type";
  EXPECT_FALSE(read_frame(bytes("2a 00")).ok()) << "an unknown sort of frame only";
  EXPECT_FALSE(read_frame("GET / HTTP/1.1\r\n\r\n").ok());
}

}  // namespace
}  // namespace nexus::remote
