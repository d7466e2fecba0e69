// The bytes of the runtime's messages, written by hand from the description of the wire: the body as the message of its type, and
// a whole frame. No generated class takes part in what is expected.
#include <gtest/gtest.h>

#include <string>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "protoactor/actor.pb.h"
#include "protoactor/remote.pb.h"
#include "remote/activation_messages.h"
#include "remote/batch_codec.h"
#include "remote/wire_types.h"
#include "tests/remote/wire_bytes.h"
#include "tests/support/test_system.h"

namespace nexus::remote {
namespace {

using core::Pid;

class WireGolden : public testing::Test {
 protected:
  static Pid peer(const std::string& id) { return Pid::of_name("p:1", id); }

  // `message` as WireTypes encodes it must be named and look like this, and be read back.
  template <typename T>
  void expect(T message, const std::string& type_name, const std::string& body) {
    const WireMessage wire = wire_message(types_, core::make_envelope(std::move(message)));
    EXPECT_EQ(wire.type_name, type_name);
    EXPECT_EQ(hex(wire.data), hex(bytes(body)));
    const auto read = types_.decode(type_name, bytes(body));
    ASSERT_NE(read, nullptr) << type_name;
    EXPECT_TRUE(read->is<T>()) << type_name;
  }
  // The frame that brings `message` to the actor `x` of the peer.
  template <typename T>
  std::string frame_of(T message, const Pid& sender = {}) {
    WireMessage wire = wire_message(types_, core::make_envelope(std::move(message)), peer("x"));
    wire.sender = sender;
    return encode_batch({wire}, Dialect::strings);
  }

  test::TestSystem system_{{.address = "h:1"}};
  WireTypes types_{system_->registry()};
};

TEST_F(WireGolden, WatchAndUnwatch) {
  expect(core::Watch{peer("w")}, "actor.Watch", "0a 08  0a 03 'p:1'  12 01 'w'");
  expect(core::Unwatch{peer("w")}, "actor.Unwatch", "0a 08  0a 03 'p:1'  12 01 'w'");
  EXPECT_EQ(hex(frame_of(core::Watch{peer("w")})),
            hex(bytes("0a 1e  0a 0b 'actor.Watch'  12 01 'x'"
                      "  1a 0c  12 0a  0a 08  0a 03 'p:1'  12 01 'w'")));
  EXPECT_EQ(hex(frame_of(core::Unwatch{peer("w")})),
            hex(bytes("0a 20  0a 0d 'actor.Unwatch'  12 01 'x'"
                      "  1a 0c  12 0a  0a 08  0a 03 'p:1'  12 01 'w'")));
}

TEST_F(WireGolden, APidCarriesTheRequestIdInItsThirdField) {
  expect(core::Watch{peer("w").with_request_id(300)}, "actor.Watch",
         "0a 0b  0a 03 'p:1'  12 01 'w'  18 ac02");
}

TEST_F(WireGolden, TerminatedHasItsReasonInTheSecondField) {
  using Why = core::TerminatedReason;
  expect(core::Terminated{peer("a"), Why::stopped}, "actor.Terminated",
         "0a 08  0a 03 'p:1'  12 01 'a'");
  expect(core::Terminated{peer("a"), Why::address_terminated}, "actor.Terminated",
         "0a 08  0a 03 'p:1'  12 01 'a'  10 01");
  expect(core::Terminated{peer("a"), Why::not_found}, "actor.Terminated",
         "0a 08  0a 03 'p:1'  12 01 'a'  10 02");
  EXPECT_EQ(hex(frame_of(core::Terminated{peer("a"), Why::not_found})),
            hex(bytes("0a 25  0a 10 'actor.Terminated'  12 01 'x'"
                      "  1a 0e  12 0c  0a 08  0a 03 'p:1'  12 01 'a'  10 02")));
}

TEST_F(WireGolden, StopPoisonPillAndTouchAreEmpty) {
  expect(core::Stop{}, "actor.Stop", "");
  expect(core::PoisonPill{}, "actor.PoisonPill", "");
  expect(core::Touch{}, "actor.Touch", "");
  EXPECT_EQ(hex(frame_of(core::Stop{})), hex(bytes("0a 11  0a 0a 'actor.Stop'  12 01 'x'  1a 00")));
  EXPECT_EQ(hex(frame_of(core::PoisonPill{})),
            hex(bytes("0a 17  0a 10 'actor.PoisonPill'  12 01 'x'  1a 00")));
  EXPECT_EQ(hex(frame_of(core::Touch{}, peer("s").with_request_id(9))),
            hex(bytes("0a 20  0a 0b 'actor.Touch'  12 01 'x'  22 08  0a 03 'p:1'  12 01 's'"
                      "  1a 04  20 01  40 09")));
}

TEST_F(WireGolden, TouchedAndDeadLetterResponseNameAnActor) {
  expect(core::Touched{peer("a")}, "actor.Touched", "0a 08  0a 03 'p:1'  12 01 'a'");
  expect(core::DeadLetterResponse{peer("a")}, "actor.DeadLetterResponse",
         "0a 08  0a 03 'p:1'  12 01 'a'");
  EXPECT_EQ(hex(frame_of(core::Touched{peer("a")})),
            hex(bytes("0a 20  0a 0d 'actor.Touched'  12 01 'x'"
                      "  1a 0c  12 0a  0a 08  0a 03 'p:1'  12 01 'a'")));
  EXPECT_EQ(hex(frame_of(core::DeadLetterResponse{peer("a")})),
            hex(bytes("0a 2b  0a 18 'actor.DeadLetterResponse'  12 01 'x'"
                      "  1a 0c  12 0a  0a 08  0a 03 'p:1'  12 01 'a'")));
}

TEST_F(WireGolden, ActivationHasNameAndKindAndIsAnsweredWithAPidAndAStatus) {
  expect(ActorPidRequest{"n", "kind"}, "remote.ActorPidRequest", "0a 01 'n'  12 04 'kind'");
  expect(ActorPidRequest{"", "kind"}, "remote.ActorPidRequest", "12 04 'kind'");
  expect(ActorPidResponse{peer("a"), ActivationStatus::ok}, "remote.ActorPidResponse",
         "0a 08  0a 03 'p:1'  12 01 'a'");
  // Numbered as Go does.
  expect(ActorPidResponse{{}, ActivationStatus::name_exists}, "remote.ActorPidResponse", "10 03");
  EXPECT_EQ(hex(frame_of(ActorPidRequest{"n", "k"}, peer("s"))),
            hex(bytes("0a 31  0a 16 'remote.ActorPidRequest'  12 01 'x'"
                      "  22 08  0a 03 'p:1'  12 01 's'"
                      "  1a 0a  12 06  0a 01 'n'  12 01 'k'  20 01")));
  EXPECT_EQ(hex(frame_of(ActorPidResponse{peer("a"), ActivationStatus::ok})),
            hex(bytes("0a 2a  0a 17 'remote.ActorPidResponse'  12 01 'x'"
                      "  1a 0c  12 0a  0a 08  0a 03 'p:1'  12 01 'a'")));
}

// Its own actors a node names by the address that peers know it by.
TEST_F(WireGolden, AnActorOfThisNodeIsWrittenWithItsAddress) {
  const Pid actor = system_.spawn_named(test::steered(test::new_diary()), "a");
  expect(core::Watch{actor}, "actor.Watch", "0a 08  0a 03 'h:1'  12 01 'a'");
  EXPECT_EQ(hex(frame_of(core::Touch{}, actor)),
            hex(bytes("0a 1e  0a 0b 'actor.Touch'  12 01 'x'  22 08  0a 03 'h:1'  12 01 'a'"
                      "  1a 02  20 01")));
}

// What nodes of ours agree on beyond the family.
TEST_F(WireGolden, ANoticeHasItsKindAndWhatFailed) {
  expect(core::Notice{core::Notice::Kind::failed, "boom"}, "nexus.internal.v1.Notice",
         "08 05  12 04 'boom'");
}

TEST_F(WireGolden, APayloadTravelsWithItsTypeAndContentType) {
  core::Payload payload = core::Payload::json("{}");
  payload.type = "a.B";
  expect(std::move(payload), "nexus.v1.Payload",
         "0a 03 'a.B'  12 10 'application/json'  1a 02 '{}'");
}

// What the service answers is tested with whole nodes; that the messages are the family's, here.
template <typename T>
void expect_fields(const T& message, const std::string& body) {
  EXPECT_EQ(hex(message.SerializeAsString()), hex(bytes(body)));
}

TEST(DiagnosticsGolden, ProcessesAreListedByPattern) {
  ::remote::ListProcessesRequest request;
  request.set_pattern("a.*");
  request.set_type(::remote::MatchRegex);
  expect_fields(request, "0a 03 'a.*'  10 02");
  request.set_type(::remote::MatchExactString);
  expect_fields(request, "0a 03 'a.*'  10 01");
  request.set_type(::remote::MatchPartOfString);
  expect_fields(request, "0a 03 'a.*'");
  ::remote::ListProcessesResponse response;
  for (const char* id : {"a", "b"}) {
    ::actor::PID& pid = *response.add_pids();
    pid.set_address("h:1");
    pid.set_id(id);
  }
  expect_fields(response, "0a 08  0a 03 'h:1'  12 01 'a'   0a 08  0a 03 'h:1'  12 01 'b'");
}

TEST(DiagnosticsGolden, OfAProcessTheyAreAString) {
  ::remote::GetProcessDiagnosticsRequest request;
  request.mutable_pid()->set_address("h:1");
  request.mutable_pid()->set_id("a");
  expect_fields(request, "0a 08  0a 03 'h:1'  12 01 'a'");
  ::remote::GetProcessDiagnosticsResponse response;
  response.set_diagnostics_string("ok");
  expect_fields(response, "0a 02 'ok'");
}

TEST(LinkGolden, TheOfferStandsInTheHandshake) {
  const std::string frame = encode(ConnectRequest{
      .member_id = "m", .address = "a:1", .link = LinkOffer{.link = 1, .session = 2}});
  EXPECT_EQ(hex(frame),
            hex(bytes("12 13  12 11  0a 01 'm'  12 03 'a:1'  ca 3e 06  08 01  10 01  18 02")));
  const auto read = decode_frame(frame);
  const auto& connect = std::get<ConnectRequest>(*read);
  ASSERT_TRUE(connect.link.has_value());
  EXPECT_EQ(connect.link->link, 1u);
  EXPECT_EQ(connect.link->session, 2u);
}

TEST(LinkGolden, SoDoesItsAcceptance) {
  const std::string frame = encode(ConnectResponse{
      .member_id = "m",
      .link =
          LinkAccept{.resumed = true, .received = 3, .credit_bytes = 100, .frame_bytes_max = 200}});
  EXPECT_EQ(hex(frame), hex(bytes("1a 11  12 01 'm'  ca 3e 0b  08 01  10 01  18 03  20 64  "
                                  "28 c8 01")));
  const auto read = decode_frame(frame);
  const auto& link = std::get<ConnectResponse>(*read).link;
  ASSERT_TRUE(link.has_value());
  EXPECT_TRUE(link->resumed);
  EXPECT_EQ(link->received, 3u);
  EXPECT_EQ(link->credit_bytes, 100u);
  EXPECT_EQ(link->frame_bytes_max, 200u);
}

TEST(LinkGolden, AnotherVersionOfTheOfferIsNone) {
  const auto read =
      decode_frame(bytes("12 13  12 11  0a 01 'm'  12 03 'a:1'  ca 3e 06  08 02  10 01  18 02"));
  EXPECT_FALSE(std::get<ConnectRequest>(*read).link.has_value());
}

TEST(LinkGolden, AcknowledgementPingAndGoodbye) {
  EXPECT_EQ(hex(encode(LinkAck{3, 100})), hex(bytes("d2 3e 04  08 03  10 64")));
  EXPECT_EQ(hex(encode(LinkPing{})), hex(bytes("da 3e 00")));
  EXPECT_EQ(hex(encode(DisconnectRequest{LinkAck{3, 100}})),
            hex(bytes("22 00  d2 3e 04  08 03  10 64")));
  EXPECT_EQ(std::get<LinkAck>(*decode_frame(encode(LinkAck{3, 100}))).received, 3u);
  EXPECT_TRUE(std::holds_alternative<LinkPing>(*decode_frame(encode(LinkPing{}))));
  const auto goodbye = decode_frame(encode(DisconnectRequest{LinkAck{3, 100}}));
  EXPECT_EQ(std::get<DisconnectRequest>(*goodbye).ack->credit_bytes, 100u);
}

TEST(LinkGolden, ANumberStandsBeforeItsBatch) {
  const auto field = encode_sequence(258);
  const std::string number(field.data(), field.size());
  EXPECT_EQ(hex(number), hex(bytes("c9 3e  02 01 00 00 00 00 00 00")));
  BatchDecoder decoder;
  const auto kind = decoder.decode(number + bytes("0a 00"));
  ASSERT_TRUE(kind.ok());
  EXPECT_EQ(*kind, BatchDecoder::Kind::batch);
  EXPECT_EQ(decoder.sequence(), 258u);
  ASSERT_TRUE(decoder.decode(bytes("0a 00")).ok());
  EXPECT_EQ(decoder.sequence(), 0u);
  EXPECT_FALSE(decoder.decode(number.substr(0, 9)).ok());
}

}  // namespace
}  // namespace nexus::remote
