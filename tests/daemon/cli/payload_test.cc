#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "daemon/cli/payload_source.h"
#include "daemon/cli/reply_text.h"
#include "nexus/v1/types.pb.h"

namespace nexus::cli {
namespace {

using testing::HasSubstr;

TEST(PayloadSource, JsonIsSentCompactWithTheTypeThatWasNamed) {
  const auto payload = json_payload(" {\"add\": 5} ", "nexus.v1.CounterRequest", "the payload");
  ASSERT_TRUE(payload.ok());
  EXPECT_EQ(payload.value.data, "{\"add\":5}");
  EXPECT_EQ(payload.value.content_type, "application/json");
  EXPECT_EQ(payload.value.type, "nexus.v1.CounterRequest");
}

TEST(PayloadSource, SaysWhichOfThePayloadsIsNotJson) {
  const auto payloads = read_payloads({.payloads = {"1", "oops"}});
  ASSERT_FALSE(payloads.ok());
  EXPECT_EQ(payloads.failure->reason, "NOT_JSON");
  EXPECT_THAT(payloads.failure->message, HasSubstr("payload 2 is not JSON at character 1"));
  EXPECT_EQ(exit_code(*payloads.failure), kExitUsage);
}

TEST(PayloadSource, AFileIsSentAsItIs) {
  const std::string path = testing::TempDir() + "/nexusctl_payload_test";
  std::ofstream(path, std::ios::binary) << std::string("\0\xFFx", 3);
  const auto bytes = read_payloads({.file = path});
  const auto typed = read_payloads({.type = "a.B", .file = path});
  const auto named = read_payloads({.file = path, .content_type = "text/plain"});
  std::remove(path.c_str());
  ASSERT_TRUE(bytes.ok() && typed.ok() && named.ok());
  EXPECT_EQ(bytes.value.at(0).data, std::string("\0\xFFx", 3));
  EXPECT_EQ(bytes.value.at(0).content_type, "application/octet-stream");
  EXPECT_EQ(typed.value.at(0).content_type, "application/x-protobuf");
  EXPECT_EQ(named.value.at(0).content_type, "text/plain");
}

TEST(PayloadSource, AFileThatIsNotThereIsNamed) {
  const auto payloads = read_payloads({.file = "/nonexistent/file"});
  ASSERT_FALSE(payloads.ok());
  EXPECT_THAT(payloads.failure->message, HasSubstr("cannot open /nonexistent/file: No such file"));
  EXPECT_NE(read_payloads({.file = "/tmp"}).failure, std::nullopt) << "a folder is not a message";
}

TEST(ReplyText, JsonIsShownAsItCame) {
  const Payload reply{.content_type = "application/json", .data = "{\"value\": 5}"};
  EXPECT_EQ(reply_text(reply), "{\"value\": 5}\n");
  EXPECT_EQ(reply_json(reply),
            "{\"type\":\"\",\"content_type\":\"application/json\",\"message\":{\"value\":5}}\n");
}

TEST(ReplyText, AKnownProtobufTypeIsShownAsJson) {
  v1::CounterReply message;
  message.set_value(7);
  const Payload reply{.type = "nexus.v1.CounterReply",
                      .content_type = "application/x-protobuf",
                      .data = message.SerializeAsString()};
  EXPECT_EQ(reply_text(reply), "{\"value\":\"7\"}\n");
}

TEST(ReplyText, AnUnknownProtobufTypeIsShownInBase64) {
  const Payload reply{.type = "a.B", .content_type = "application/x-protobuf", .data = "foo"};
  EXPECT_EQ(reply_text(reply), "a.B Zm9v\n");
  EXPECT_EQ(
      reply_json(reply),
      "{\"type\":\"a.B\",\"content_type\":\"application/x-protobuf\",\"data_base64\":\"Zm9v\"}\n");
}

TEST(ReplyText, WhatOnlyClaimsToBeJsonCannotBreakTheLine) {
  const Payload reply{.content_type = "application/json", .data = "not\njson"};
  EXPECT_THAT(reply_json(reply), HasSubstr("data_base64"));
}

}  // namespace
}  // namespace nexus::cli
