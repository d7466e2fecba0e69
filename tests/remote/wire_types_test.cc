#include "remote/wire_types.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "nexus/v1/types.pb.h"
#include "protoactor/actor.pb.h"
#include "protoactor/remote.pb.h"
#include "remote/activation_messages.h"
#include "tests/support/test_system.h"
#include "tests/support/wire_message.h"

namespace nexus::remote {

struct Greeting {
  std::string text;
};

}  // namespace nexus::remote

template <>
struct nexus::core::Wire<nexus::remote::Greeting> {
  static constexpr const char* kName = "test.Greeting";
  static bool encode(const nexus::remote::Greeting& greeting, std::string* out) {
    *out = greeting.text;
    return greeting.text != "unspeakable";
  }
  static std::optional<nexus::remote::Greeting> decode(std::string_view bytes) {
    if (bytes.empty()) return std::nullopt;
    return nexus::remote::Greeting{std::string(bytes)};
  }
};

namespace nexus::remote {
namespace {

using core::Payload;

// 0x80 begins a number that never ends.
constexpr const char* kNoProtobuf = "\x08\x80";

class WireTypesTest : public testing::Test {
 protected:
  core::Pid peer(const std::string& id) { return core::Pid::of_name("peer:1", id); }

  WireMessage encoded(const core::EnvelopePtr& envelope) { return wire_message(types_, envelope); }
  // What arrives at a node with the same types when `message` is sent.
  template <typename T>
  core::EnvelopePtr sent(T message) {
    const WireMessage wire = encoded(core::make_envelope(std::move(message)));
    return types_.decode(wire.type_name, wire.data);
  }
  template <typename T>
  std::string name_of(T message) {
    return encoded(core::make_envelope(std::move(message))).type_name;
  }

  test::TestSystem system_{{.address = "here:1"}};
  WireTypes types_{system_->registry()};
};

TEST_F(WireTypesTest, MessagesOfTheRuntimeCarryTheNamesOfTheFamily) {
  EXPECT_EQ(name_of(core::Watch{peer("w")}), "actor.Watch");
  EXPECT_EQ(name_of(core::Unwatch{peer("w")}), "actor.Unwatch");
  EXPECT_EQ(name_of(core::Terminated{peer("w")}), "actor.Terminated");
  EXPECT_EQ(name_of(core::Stop{}), "actor.Stop");
  EXPECT_EQ(name_of(core::PoisonPill{}), "actor.PoisonPill");
  EXPECT_EQ(name_of(core::Touch{}), "actor.Touch");
  EXPECT_EQ(name_of(core::Touched{peer("w")}), "actor.Touched");
  EXPECT_EQ(name_of(core::DeadLetterResponse{peer("w")}), "actor.DeadLetterResponse");
  EXPECT_EQ(name_of(ActorPidRequest{}), "remote.ActorPidRequest");
  EXPECT_EQ(name_of(ActorPidResponse{}), "remote.ActorPidResponse");
  EXPECT_EQ(name_of(core::Notice{core::Notice::Kind::started, {}}), "nexus.internal.v1.Notice");
}

TEST_F(WireTypesTest, PidsInMessagesArriveAsTheyWereSent) {
  const core::Pid who = peer("a/b").with_request_id(9);
  const auto same = [&](const core::Pid& pid) { return pid == who && pid.request_id() == 9; };
  EXPECT_TRUE(same(sent(core::Watch{who})->get<core::Watch>()->watcher));
  EXPECT_TRUE(same(sent(core::Unwatch{who})->get<core::Unwatch>()->watcher));
  EXPECT_TRUE(same(sent(core::Touched{who})->get<core::Touched>()->who));
  EXPECT_TRUE(same(sent(core::DeadLetterResponse{who})->get<core::DeadLetterResponse>()->target));
  EXPECT_TRUE(same(sent(ActorPidResponse{who})->get<ActorPidResponse>()->pid));
}

TEST_F(WireTypesTest, AnActorOfThisNodeArrivesHereAsItsHandle) {
  const core::Pid actor = system_.spawn_named(test::steered(std::make_shared<test::Diary>()), "a");
  const auto envelope = sent(core::Watch{actor});
  EXPECT_TRUE(envelope->get<core::Watch>()->watcher.is_cell());
  EXPECT_EQ(envelope->get<core::Watch>()->watcher, actor);
}

TEST_F(WireTypesTest, EmptyMessagesArriveAsTheyWereSent) {
  EXPECT_TRUE(sent(core::Stop{})->is<core::Stop>());
  EXPECT_TRUE(sent(core::PoisonPill{})->is<core::PoisonPill>());
  EXPECT_TRUE(sent(core::Touch{})->is<core::Touch>());
}

TEST_F(WireTypesTest, TerminatedKeepsItsReason) {
  for (const auto why :
       {core::TerminatedReason::stopped, core::TerminatedReason::address_terminated,
        core::TerminatedReason::not_found}) {
    const auto envelope = sent(core::Terminated{peer("x"), why});
    EXPECT_EQ(envelope->get<core::Terminated>()->who, peer("x"));
    EXPECT_EQ(envelope->get<core::Terminated>()->why, why);
  }
  actor::Terminated unknown;
  unknown.set_why(static_cast<actor::TerminatedReason>(77));
  const auto envelope = types_.decode("actor.Terminated", unknown.SerializeAsString());
  EXPECT_EQ(envelope->get<core::Terminated>()->why, core::TerminatedReason::stopped);
  EXPECT_TRUE(envelope->get<core::Terminated>()->who.empty());
}

TEST_F(WireTypesTest, ActivationKeepsNameKindAndStatus) {
  const auto request = sent(ActorPidRequest{"name", "kind"});
  EXPECT_EQ(request->get<ActorPidRequest>()->name, "name");
  EXPECT_EQ(request->get<ActorPidRequest>()->kind, "kind");
  const auto response = sent(ActorPidResponse{{}, ActivationStatus::name_exists});
  EXPECT_TRUE(response->get<ActorPidResponse>()->pid.empty());
  EXPECT_EQ(response->get<ActorPidResponse>()->status, ActivationStatus::name_exists);
}

TEST_F(WireTypesTest, NoticesKeepKindAndDetail) {
  for (const auto kind :
       {core::Notice::Kind::enqueued, core::Notice::Kind::started, core::Notice::Kind::mailbox_full,
        core::Notice::Kind::bad_payload, core::Notice::Kind::failed}) {
    const auto envelope = sent(core::Notice{kind, "why"});
    EXPECT_EQ(envelope->get<core::Notice>()->kind, kind);
    EXPECT_EQ(envelope->get<core::Notice>()->detail, "why");
  }
}

TEST_F(WireTypesTest, OnlyWatchUnwatchAndStopTravelInTheSystemLane) {
  EXPECT_TRUE(WireTypes::is_system(*core::make_envelope(core::Watch{})));
  EXPECT_TRUE(WireTypes::is_system(*core::make_envelope(core::Unwatch{})));
  EXPECT_TRUE(WireTypes::is_system(*core::make_envelope(core::Stop{})));
  EXPECT_FALSE(WireTypes::is_system(*core::make_envelope(core::PoisonPill{})));
  EXPECT_FALSE(WireTypes::is_system(*core::make_envelope(core::Terminated{})));
  EXPECT_FALSE(WireTypes::is_system(*core::make_envelope(core::Touch{})));
  EXPECT_FALSE(WireTypes::is_system(*core::make_envelope(Payload{})));
}

TEST_F(WireTypesTest, AProtobufTypeOfTheUsersArrivesTyped) {
  types_.add<v1::CounterRequest>();
  v1::CounterRequest request;
  request.set_add(-5);
  const WireMessage wire = encoded(core::make_envelope(request));
  EXPECT_EQ(wire.type_name, "nexus.v1.CounterRequest");
  EXPECT_EQ(wire.data, request.SerializeAsString());
  EXPECT_EQ(types_.decode(wire.type_name, wire.data)->get<v1::CounterRequest>()->add(), -5);
}

TEST_F(WireTypesTest, ATypeWithACodecArrivesTyped) {
  types_.add<Greeting>();
  EXPECT_EQ(name_of(Greeting{"hello"}), "test.Greeting");
  EXPECT_EQ(sent(Greeting{"hello"})->get<Greeting>()->text, "hello");
}

TEST_F(WireTypesTest, AProtobufTypeThatNobodyAddedArrivesAsBytes) {
  v1::CounterRequest request;
  request.set_add(3);
  const auto envelope = sent(request);
  const auto* payload = envelope->get<Payload>();
  ASSERT_NE(payload, nullptr);
  EXPECT_EQ(payload->type, "nexus.v1.CounterRequest");
  EXPECT_EQ(payload->content_type, Payload::kProtobuf);
  EXPECT_EQ(payload->data, request.SerializeAsString());
}

TEST_F(WireTypesTest, APayloadOfProtobufTravelsUnderTheNameOfItsContent) {
  types_.add<v1::CounterRequest>();
  v1::CounterRequest request;
  request.set_add(3);
  const Payload payload{"nexus.v1.CounterRequest", Payload::kProtobuf, request.SerializeAsString()};
  EXPECT_EQ(name_of(payload), "nexus.v1.CounterRequest");
  EXPECT_EQ(sent(payload)->get<v1::CounterRequest>()->add(), 3);
}

TEST_F(WireTypesTest, AnyOtherPayloadTravelsWhole) {
  for (const Payload& payload :
       {Payload::json("{}"), Payload{"some.Type", Payload::kJson, "{\"a\":1}"},
        Payload{"", "application/octet-stream", std::string("\0\xff", 2)},
        Payload{"", Payload::kProtobuf, "bytes of no known type"}, Payload{}}) {
    EXPECT_EQ(name_of(payload), "nexus.v1.Payload");
    const auto envelope = sent(payload);
    const auto* arrived = envelope->get<Payload>();
    ASSERT_NE(arrived, nullptr);
    EXPECT_EQ(arrived->type, payload.type);
    EXPECT_EQ(arrived->content_type, payload.content_type);
    EXPECT_EQ(arrived->data, payload.data);
  }
}

TEST_F(WireTypesTest, APayloadNeverBecomesAMessageOfTheRuntime) {
  for (const char* name :
       {"actor.Stop", "actor.PoisonPill", "actor.Watch", "actor.Terminated",
        "remote.ActorPidRequest", "nexus.internal.v1.Notice", "nexus.v1.Payload"}) {
    const auto envelope = sent(Payload{name, Payload::kProtobuf, ""});
    const auto* arrived = envelope->get<Payload>();
    ASSERT_NE(arrived, nullptr) << name;
    EXPECT_EQ(arrived->type, name);
  }
}

TEST_F(WireTypesTest, BytesThatAreNotWhatTheirNameSaysAreNull) {
  types_.add<v1::CounterRequest>();
  types_.add<Greeting>();
  for (const char* name :
       {"actor.Watch", "actor.Terminated", "actor.Touched", "remote.ActorPidRequest",
        "nexus.v1.CounterRequest", "nexus.v1.Payload"}) {
    EXPECT_EQ(types_.decode(name, kNoProtobuf), nullptr) << name;
  }
  EXPECT_EQ(types_.decode("test.Greeting", ""), nullptr);
}

TEST_F(WireTypesTest, WhatHasNoNameOnTheWireStaysHere) {
  struct Local {
    int value;
  };
  const auto stays = [&](auto message) {
    std::string scratch;
    return !types_.encode(*core::make_envelope(std::move(message)), scratch).has_value();
  };
  EXPECT_TRUE(stays(Local{1}));
  EXPECT_TRUE(stays(core::Started{}));
  EXPECT_TRUE(stays(core::Restart{}));
  EXPECT_TRUE(stays(core::Failure{}));
  EXPECT_TRUE(stays(Greeting{"unspeakable"})) << "its codec refuses";
}

TEST_F(WireTypesTest, RandomBytesUnderAnyNameNeverHarm) {
  const google::protobuf::LogSilencer quiet;
  types_.add<v1::CounterRequest>();
  std::minstd_rand random(11);
  constexpr const char* kNames[] = {"actor.Watch",
                                    "actor.Unwatch",
                                    "actor.Terminated",
                                    "actor.Touched",
                                    "actor.DeadLetterResponse",
                                    "remote.ActorPidRequest",
                                    "remote.ActorPidResponse",
                                    "nexus.internal.v1.Notice",
                                    "nexus.v1.Payload",
                                    "nexus.v1.CounterRequest"};
  for (int i = 0; i < 20'000; ++i) {
    std::string data(random() % 24, '\0');
    for (char& c : data) c = static_cast<char>(random() % 3 == 0 ? random() : random() % 32);
    const auto envelope = types_.decode(kNames[random() % std::size(kNames)], data);
    std::string again;
    if (envelope != nullptr) {
      EXPECT_TRUE(types_.encode(*envelope, again).has_value());
    }
  }
}

}  // namespace
}  // namespace nexus::remote
