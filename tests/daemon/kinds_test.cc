#include "daemon/kinds.h"

#include <gtest/gtest.h>

#include "core/actor/context.h"
#include "nexus/v1/types.pb.h"

namespace nexus::daemon {
namespace {

Kinds counting() {
  Kinds kinds;
  kinds.add("counting", core::props_of([](core::Context&) {}), "counts")
      .accepts<v1::CounterRequest>();
  return kinds;
}

core::Payload json(std::string type, std::string text) {
  return {std::move(type), core::Payload::kJson, std::move(text)};
}

TEST(Kinds, JsonWithoutATypeIsTheFirstAcceptedOne) {
  const auto props = counting().find("counting")->make_props(0);
  const auto read = props->read_payload(json("", R"({"add":7})"));
  ASSERT_TRUE(read.ok()) << read.error().detail;
  EXPECT_EQ((*read)->get<v1::CounterRequest>()->add(), 7);
}

TEST(Kinds, ProtobufBytesAreReadByTheirName) {
  v1::CounterRequest request;
  request.set_add(-3);
  const auto props = counting().find("counting")->make_props(0);
  const auto read = props->read_payload(
      {"nexus.v1.CounterRequest", core::Payload::kProtobuf, request.SerializeAsString()});
  ASSERT_TRUE(read.ok());
  EXPECT_EQ((*read)->get<v1::CounterRequest>()->add(), -3);
}

TEST(Kinds, WhatAKindDoesNotTakeIsAnErrorThatSaysWhatItTakes) {
  const auto props = counting().find("counting")->make_props(0);
  for (const core::Payload& payload :
       {json("nexus.v1.CounterReply", "{}"), json("", "nonsense"),
        core::Payload{"nexus.v1.CounterRequest", core::Payload::kProtobuf, "\xff"},
        core::Payload{"", "text/plain", "hello"}}) {
    const auto read = props->read_payload(payload);
    ASSERT_FALSE(read.ok()) << payload.content_type << " " << payload.data;
    EXPECT_EQ(read.error().reason, "INVALID_PAYLOAD");
  }
  EXPECT_NE(
      props->read_payload(json("other.Type", "{}")).error().detail.find("nexus.v1.CounterRequest"),
      std::string::npos);
}

TEST(Kinds, TheAnswerIsWrittenInTheFormatOfTheRequest) {
  v1::CounterReply reply;
  reply.set_value(9);
  const auto props = counting().find("counting")->make_props(0);
  const auto as_json = props->write_payload(*core::make_envelope(reply), core::Payload::kJson);
  ASSERT_TRUE(as_json.ok());
  EXPECT_EQ(as_json->data, R"({"value":"9"})");
  EXPECT_EQ(as_json->type, "nexus.v1.CounterReply");
  const auto as_bytes = props->write_payload(*core::make_envelope(reply), core::Payload::kProtobuf);
  ASSERT_TRUE(as_bytes.ok());
  EXPECT_EQ(as_bytes->data, reply.SerializeAsString());
}

TEST(Kinds, AnAnswerThatCannotLeaveTheProcessIsAnError) {
  struct Local {};
  const auto props = counting().find("counting")->make_props(0);
  EXPECT_FALSE(props->write_payload(*core::make_envelope(Local{}), core::Payload::kJson).ok());
}

TEST(Kinds, AKindThatAcceptsNothingGetsPayloadsAsTheyAre) {
  Kinds kinds;
  const Kind& kind = kinds.add("raw", core::props_of([](core::Context&) {}), "");
  EXPECT_FALSE(kind.make_props(0)->read_payload);
}

TEST(Kinds, TheConfiguredMailboxLimitWins) {
  EXPECT_EQ(counting().find("counting")->make_props(17)->mailbox_user_count_max, 17u);
  EXPECT_EQ(counting().find("counting")->make_props(0)->mailbox_user_count_max, 0u);
}

TEST(Kinds, AUsersKindReplacesOneOfTheSameName) {
  Kinds kinds = counting();
  kinds.add("counting", core::props_of([](core::Context&) {}), "mine");
  EXPECT_EQ(kinds.names(), std::vector<std::string>{"counting"});
  EXPECT_EQ(kinds.find("counting")->description(), "mine");
}

}  // namespace
}  // namespace nexus::daemon
