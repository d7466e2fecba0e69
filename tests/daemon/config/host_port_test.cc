#include "daemon/config/host_port.h"

#include <gtest/gtest.h>

#include <string>

namespace nexus::daemon {
namespace {

TEST(ParseHostPort, ReadsNamesAndBothKindsOfAddresses) {
  EXPECT_EQ(parse_host_port("127.0.0.1:7701").value(), (HostPort{"127.0.0.1", 7701}));
  EXPECT_EQ(parse_host_port("[::1]:0").value(), (HostPort{"::1", 0}));
  EXPECT_EQ(parse_host_port("node-1.example.org:65535").value(),
            (HostPort{"node-1.example.org", 65535}));
  EXPECT_EQ(parse_host_port("my_service:1").value(), (HostPort{"my_service", 1}));
}

TEST(ParseHostPort, RefusesWhatIsNoAddress) {
  const std::string long_label(64, 'a');
  const std::string long_name = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(63, 'd');
  for (const std::string& text : {std::string(""),
                                  std::string("localhost"),
                                  std::string("7701"),
                                  std::string(":7701"),
                                  std::string("localhost:"),
                                  std::string("localhost:65536"),
                                  std::string("localhost:-1"),
                                  std::string("localhost: 1"),
                                  std::string("localhost:http"),
                                  std::string("localhost:99999999999999999999"),
                                  std::string("::1:7701"),
                                  std::string("[::1]"),
                                  std::string("[::1]7701"),
                                  std::string("[::1:7701"),
                                  std::string("[localhost]:1"),
                                  std::string("[127.0.0.1]:1"),
                                  std::string("[]:1"),
                                  std::string("256.0.0.1:1"),
                                  std::string("1.2.3:1"),
                                  std::string("0:1"),
                                  std::string("a b:1"),
                                  std::string("a..b:1"),
                                  std::string(".a:1"),
                                  std::string("a/b:1"),
                                  std::string("http://a:1"),
                                  std::string("[::1\0]:1", 9),
                                  std::string("a\0b:1", 5),
                                  long_label + ":1",
                                  long_name + ":1"})
    EXPECT_FALSE(parse_host_port(text).ok()) << text;
}

TEST(ParseHostPort, SaysHowToWriteIt) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "\"[::1]:7701\"",
                      parse_host_port("::1:7701").error().detail);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "no host", parse_host_port(":7701").error().detail);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "0..65535", parse_host_port("a:70000").error().detail);
}

TEST(HostPort, WritesBracketsWhereIpv6NeedsThem) {
  EXPECT_EQ((HostPort{"::1", 7701}).to_string(), "[::1]:7701");
  EXPECT_EQ((HostPort{"localhost", 0}).to_string(), "localhost:0");
  EXPECT_EQ(HostPort{}.to_string(), "");
}

TEST(IsLoopback, KnowsWhatNeverLeavesTheMachine) {
  for (const std::string host : {"127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1",
                                 "::ffff:127.0.0.1", "localhost", "LocalHost"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const std::string host : {"", "0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "::2", "fe80::1",
                                 "::ffff:10.0.0.1", "localhost.example.org", "127.example.org"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

TEST(IsWildcard, KnowsEveryWayToWriteEveryInterface) {
  for (const std::string host : {"0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"})
    EXPECT_TRUE(is_wildcard(host)) << host;
  for (const std::string host : {"", "127.0.0.1", "::1", "0.0.0.1", "localhost"})
    EXPECT_FALSE(is_wildcard(host)) << host;
}

}  // namespace
}  // namespace nexus::daemon
