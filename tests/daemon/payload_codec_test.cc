#include "daemon/payload_codec.h"

#include <gtest/gtest.h>

#include "nexus/v1/types.pb.h"

namespace nexus::daemon {
namespace {

const std::string kRequest = "nexus.v1.CounterRequest";

TEST(PayloadCodec, JsonBecomesTheMessageAndComesBack) {
  const auto bytes = json_to_protobuf(kRequest, R"({"add": 5})");
  ASSERT_TRUE(bytes.ok()) << bytes.error().detail;
  v1::CounterRequest request;
  ASSERT_TRUE(request.ParseFromString(*bytes));
  EXPECT_EQ(request.add(), 5);
  const auto json = protobuf_to_json(kRequest, *bytes);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*json, R"({"add":"5"})");
}

TEST(PayloadCodec, DefaultsAreWrittenToo) {
  EXPECT_EQ(*protobuf_to_json(kRequest, ""), R"({"add":"0"})");
}

TEST(PayloadCodec, AnUnknownFieldIsAnErrorThatNamesIt) {
  const auto bytes = json_to_protobuf(kRequest, R"({"ad": 5})");
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error().code, core::Errc::invalid_argument);
  EXPECT_NE(bytes.error().detail.find("ad"), std::string::npos) << bytes.error().detail;
}

TEST(PayloadCodec, TextThatIsNoJsonIsAnError) {
  for (const char* text : {"", "{", "nonsense", "[1]", "{\"add\": \"x\"}", "{\"add\": 1e99}"}) {
    EXPECT_FALSE(json_to_protobuf(kRequest, text).ok()) << text;
  }
}

TEST(PayloadCodec, BytesThatAreNoMessageAreAnError) {
  EXPECT_FALSE(protobuf_to_json(kRequest, "\xff\xff\xff").ok());
}

TEST(PayloadCodec, ATypeThatIsNotCompiledInIsAnErrorThatNamesIt) {
  EXPECT_FALSE(knows_protobuf("no.such.Type"));
  const auto bytes = json_to_protobuf("no.such.Type", "{}");
  ASSERT_FALSE(bytes.ok());
  EXPECT_NE(bytes.error().detail.find("no.such.Type"), std::string::npos);
}

}  // namespace
}  // namespace nexus::daemon
