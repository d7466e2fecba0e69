#include "cluster/compat/node_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nexus::cluster {
namespace {

// As a Go node of 2026 wrote it.
constexpr const char* kOfGo =
    R"({"id":"VJ3rWXP6kN8iTz5eyGm3mB","address":"127.0.0.1","auto_manage_port":6330,"port":8090,)"
    R"("kinds":["prototopic"],"cluster_name":"nexus"})"
    "\n";

std::string refusal(std::string_view json) {
  const auto read = parse_node_health(json);
  if (read.ok()) return "";
  EXPECT_EQ(read.error().code, core::Errc::invalid_argument);
  return read.error().detail;
}

TEST(NodeHealth, ReadsWhatAGoNodeWrites) {
  const auto read = parse_node_health(kOfGo);
  ASSERT_TRUE(read.ok()) << read.error().detail;
  EXPECT_EQ(*read, (NodeHealth{.id = "VJ3rWXP6kN8iTz5eyGm3mB",
                               .host = "127.0.0.1",
                               .port = 8090,
                               .health_port = 6330,
                               .kinds = {"prototopic"},
                               .cluster = "nexus"}));
}

TEST(NodeHealth, WritesTheNamesOfGoAndAnEmptyListOfKinds) {
  const NodeHealth health = {
      .id = "0a", .host = "10.0.0.1", .port = 7701, .health_port = 6330, .cluster = "c"};
  EXPECT_EQ(to_json(health),
            R"({"id":"0a","address":"10.0.0.1","auto_manage_port":6330,"port":7701,"kinds":[],)"
            R"("cluster_name":"c"})");
  EXPECT_EQ(*parse_node_health(to_json(health)), health);
}

TEST(NodeHealth, KindsThatAreNullOrMissingAreNone) {
  for (const char* json : {R"({"id":"a","address":"h","port":1,"kinds":null})",
                           R"({"id":"a","address":"h","port":1})"}) {
    const auto read = parse_node_health(json);
    ASSERT_TRUE(read.ok()) << json;
    EXPECT_TRUE(read->kinds.empty());
  }
}

TEST(NodeHealth, MoreNamesThanItKnowsDoNotMatter) {
  EXPECT_EQ(refusal(R"({"id":"a","address":"h","port":1,"memory":{"free":[1,2]}})"), "");
}

TEST(NodeHealth, AnIpv6AddressGetsBrackets) {
  EXPECT_EQ(parse_node_health(R"({"id":"a","address":"::1","port":1})")->host, "[::1]");
  EXPECT_EQ(parse_node_health(R"({"id":"a","address":"[::1]","port":1})")->host, "[::1]");
}

TEST(NodeHealth, WhatIsNoneIsRefusedWithTheReason) {
  EXPECT_THAT(refusal(R"({"address":"h","port":1})"), testing::HasSubstr("no member id"));
  EXPECT_THAT(refusal(R"({"id":"a b","address":"h","port":1})"),
              testing::HasSubstr("\"a b\" is no member id"));
  EXPECT_THAT(refusal(R"({"id":"a","address":"","port":1})"),
              testing::HasSubstr("\"\" is no host"));
  EXPECT_THAT(refusal(R"({"id":"a","address":"h/x","port":1})"), testing::HasSubstr("is no host"));
  EXPECT_THAT(refusal("{\"id\":\"a\",\"address\":\"" + std::string(256, 'h') + "\",\"port\":1}"),
              testing::HasSubstr("is no host"));
  for (const char* port : {"0", "-1", "65536"}) {
    EXPECT_THAT(refusal(R"({"id":"a","address":"h","port":)" + std::string(port) + "}"),
                testing::HasSubstr("is no port"));
  }
  EXPECT_THAT(refusal(R"({"id":"a","address":"h","port":"x"})"),
              testing::HasSubstr("no such JSON"));
  std::string kinds = "\"k\"";
  for (std::size_t i = 0; i < kKindCountMax; ++i) kinds += ",\"k\"";
  EXPECT_THAT(refusal(R"({"id":"a","address":"h","port":1,"kinds":[)" + kinds + "]}"),
              testing::HasSubstr("more than 1024"));
}

TEST(NodeHealth, GarbageIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("42"), std::string("{"),
        std::string("<html>"), std::string("{\"id\":\"a\"} x"), std::string("\0\xff\xfe", 3),
        std::string(100'000, '[')}) {
    EXPECT_NE(refusal(text), "") << text.substr(0, 20);
  }
}

}  // namespace
}  // namespace nexus::cluster
