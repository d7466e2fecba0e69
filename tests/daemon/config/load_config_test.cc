#include "daemon/config/load_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace nexus::daemon {
namespace {

using namespace std::chrono_literals;

LoadOptions options(std::map<std::string, std::string> variables = {}) {
  return {.kinds = {"counter", "echo"},
          .environment = [variables](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            if (found == variables.end()) return std::nullopt;
            return found->second;
          },
          .host_name = "test-host"};
}

NodeConfig loaded(std::string_view text, std::map<std::string, std::string> variables = {}) {
  const auto config = load_config_text(text, "f", options(std::move(variables)));
  EXPECT_TRUE(config.ok()) << config.error().detail;
  return config ? *config : NodeConfig{};
}

// All problems, one a line; empty when the text is valid.
std::string problems_of(std::string_view text, std::map<std::string, std::string> variables = {}) {
  const auto config = load_config_text(text, "f", options(std::move(variables)));
  if (config) return "";
  EXPECT_EQ(config.error().code, core::Errc::invalid_argument);
  return config.error().detail;
}

TEST(LoadConfig, AnEmptyMapGivesTheDefaultsAndTheHostName) {
  NodeConfig expected;
  expected.node.name = "test-host";
  EXPECT_EQ(loaded("{}"), expected);
}

TEST(LoadConfig, EverySectionMayBeLeftOutOrEmpty) {
  NodeConfig expected;
  expected.node.name = "test-host";
  for (const std::string name : {"node", "log", "core", "remote", "cluster", "security", "kinds"}) {
    EXPECT_EQ(loaded(name + ":\n"), expected);
    EXPECT_EQ(loaded(name + ": {}\n"), expected);
  }
}

TEST(LoadConfig, ReadsAValueOfEveryType) {
  const NodeConfig config = loaded(R"(
node: {name: n7, listen: "[::1]:0", advertise: "example.org:80", shutdown_timeout: 2m}
log: {level: debug, format: json}
core: {workers: 3, ask_timeout_default: 250ms}
remote: {message_bytes_max: 8MiB, batch_bytes_max: 8388608}
security: {insecure: true}
kinds:
  counter: {enabled: false, mailbox_user_count_max: 12}
  echo:
)");
  EXPECT_EQ(config.node.name, "n7");
  EXPECT_EQ(config.node.listen, (HostPort{"::1", 0}));
  EXPECT_EQ(config.node.advertise, (HostPort{"example.org", 80}));
  EXPECT_EQ(config.node.shutdown_timeout, 2min);
  EXPECT_EQ(config.log.level, core::LogLevel::debug);
  EXPECT_EQ(config.log.format, core::LogFormat::json);
  EXPECT_EQ(config.core.workers, 3u);
  EXPECT_EQ(config.core.throughput, 300u) << "a key beside those set keeps its default";
  EXPECT_EQ(config.core.ask_timeout_default, 250ms);
  EXPECT_EQ(config.remote.message_bytes_max, 8u << 20);
  EXPECT_TRUE(config.security.insecure);
  EXPECT_EQ(config.kinds.at("counter"), (KindConfig{false, 12}));
  EXPECT_EQ(config.kinds.at("echo"), KindConfig{});
}

TEST(LoadConfig, QuotesAroundANumberDoNotMatter) {
  EXPECT_EQ(loaded("core: {workers: \"4\"}").core.workers, 4u);
}

TEST(LoadConfig, AnUnknownKeyNamesTheNearestKnownOne) {
  EXPECT_EQ(problems_of("node:\n  lisen: x\n"),
            "f:2:3: node.lisen: unknown key (did you mean \"listen\"?)");
}

TEST(LoadConfig, AnUnknownSectionNamesTheNearestKnownOne) {
  EXPECT_EQ(problems_of("nodes: {}\n"), "f:1:1: nodes: unknown section (did you mean \"node\"?)");
}

TEST(LoadConfig, AnUnknownKeyThatResemblesNothingListsWhatIsKnown) {
  EXPECT_EQ(problems_of("log:\n  colour: on\n"),
            "f:2:3: log.colour: unknown key; known here: level, format");
}

TEST(LoadConfig, AKeyInTheWrongSectionNamesTheRightOne) {
  EXPECT_EQ(problems_of("core:\n  listen: x\n"),
            "f:2:3: core.listen: unknown key (did you mean \"node.listen\"?)");
  EXPECT_EQ(problems_of("reconnect_min: 1s\n"),
            "f:1:1: reconnect_min: unknown section (did you mean \"remote.reconnect_min\"?)");
}

TEST(LoadConfig, SeedsAreAListOfAddresses) {
  const auto config =
      load_config_text("cluster:\n  seeds: [10.0.0.5:7701, \"[::1]:7702\"]\n", "f", {});
  ASSERT_TRUE(config.ok()) << config.error().detail;
  ASSERT_EQ(config->cluster.seeds.size(), 2u);
  EXPECT_EQ(config->cluster.seeds[1].to_string(), "[::1]:7702");
  EXPECT_EQ(problems_of("cluster:\n  seed: []\n"),
            "f:2:3: cluster.seed: unknown key (did you mean \"seeds\"?)");
  EXPECT_THAT(problems_of("cluster:\n  seeds: [10.0.0.5]\n"), testing::HasSubstr("10.0.0.5"));
  EXPECT_THAT(problems_of("cluster:\n  seeds: [10.0.0.5:0]\n"), testing::HasSubstr("has no port"));
}

TEST(LoadConfig, C10_AStaticQuorumIsSetWithItsPolicyOnly) {
  EXPECT_THAT(problems_of("cluster:\n  static_quorum: 3\n"), testing::HasSubstr("has no effect"));
  EXPECT_THAT(problems_of("cluster:\n  partition_policy: static-quorum\n"),
              testing::HasSubstr("needs cluster.static_quorum"));
  EXPECT_TRUE(load_config_text("cluster: {partition_policy: static-quorum, static_quorum: 3, "
                               "seeds: [\"10.0.0.5:7701\"]}\n",
                               "f", {})
                  .ok());
  EXPECT_THAT(problems_of("cluster: {partition_policy: keep-majorty}\n"),
              testing::HasSubstr("did you mean \"keep-majority\"?"));
}

TEST(LoadConfig, C11_SeedsThatAreFoundNeedANumberOfNodes) {
  for (const char* seeds : {"seeds_dns: [\"nodes.example:7701\"]", "seeds_file: /etc/seeds"}) {
    const std::string section = std::string("cluster:\n  ") + seeds + "\n";
    EXPECT_THAT(problems_of(section),
                testing::HasSubstr("needs cluster.bootstrap_expect of at least 2"));
    EXPECT_THAT(problems_of(section + "  bootstrap_expect: 1\n"),
                testing::HasSubstr("needs cluster.bootstrap_expect of at least 2"));
    EXPECT_TRUE(load_config_text(section + "  bootstrap_expect: 2\n", "f", {}).ok());
  }
}

TEST(LoadConfig, C14_ANodeThatExpectsOthersKnowsWhomToAsk) {
  const std::string policy = "cluster:\n  partition_policy: static-quorum\n  static_quorum: ";
  EXPECT_EQ(problems_of("cluster:\n  bootstrap_expect: 2\n"),
            "f:2:3: cluster.bootstrap_expect: needs cluster.seeds: this node alone founds no "
            "cluster of more, and knows nobody to ask");
  EXPECT_THAT(problems_of(policy + "2\n"),
              testing::HasSubstr("cluster.static_quorum: needs cluster.seeds"));
  EXPECT_TRUE(load_config_text("cluster:\n  bootstrap_expect: 1\n", "f", {}).ok());
  EXPECT_TRUE(load_config_text(policy + "1\n", "f", {}).ok());
  const std::string seeds = "  seeds: [\"10.0.0.5:7701\"]\n";
  EXPECT_TRUE(load_config_text(policy + "1024\n" + seeds, "f", {}).ok());
  // No founding waits for more nodes than can be expected.
  EXPECT_THAT(problems_of(policy + "1025\n" + seeds), testing::HasSubstr("1025 is not in 0..1024"));
}

TEST(LoadConfig, C12_ThePathOfASocketIsShort) {
  const std::string path(108, 'x');
  EXPECT_THAT(problems_of("node:\n  admin_socket: " + path + "\n"),
              testing::HasSubstr("has at most 107 bytes, and this one has 108"));
  EXPECT_TRUE(load_config_text("node: {admin_socket: " + path.substr(1) + "}\n", "f", {}).ok());
}

TEST(LoadConfig, AMapInASectionHasItsOwnKeys) {
  const NodeConfig config = loaded(R"(
cluster:
  compat:
    protoactor:
      listen: 127.0.0.1:6330
      hosts: ["127.0.0.1:6330", "other:6331"]
      refresh: 500ms
)");
  EXPECT_EQ(config.cluster.protoactor.listen, (HostPort{"127.0.0.1", 6330}));
  EXPECT_EQ(config.cluster.protoactor.hosts,
            (std::vector<HostPort>{{"127.0.0.1", 6330}, {"other", 6331}}));
  EXPECT_EQ(config.cluster.protoactor.refresh, 500ms);
  for (const std::string text : {"cluster: {compat: }\n", "cluster: {compat: {protoactor: {}}}\n"})
    EXPECT_FALSE(loaded(text).cluster.protoactor.is_on()) << text;
}

TEST(LoadConfig, AMapInASectionNamesWhatIsWrongInIt) {
  EXPECT_EQ(problems_of("cluster:\n  compat: yes\n"),
            "f:2:3: cluster.compat: expected a map of keys; found text");
  EXPECT_EQ(problems_of("cluster:\n  compat:\n    protoacter: {}\n"),
            "f:3:5: cluster.compat.protoacter: unknown key (did you mean \"protoactor\"?)");
  EXPECT_EQ(problems_of("cluster:\n  compat:\n    protoactor:\n      listn: a:1\n"),
            "f:4:7: cluster.compat.protoactor.listn: unknown key (did you mean \"listen\"?)");
  EXPECT_EQ(problems_of("cluster:\n  conpat: {}\n"),
            "f:2:3: cluster.conpat: unknown key (did you mean \"compat\"?)");
}

TEST(LoadConfig, C13_MembershipAmongProtoactorNodesIsAllOrNothing) {
  const auto problems = [](const std::string& keys) {
    return problems_of("cluster: {compat: {protoactor: {" + keys + "}}}\n");
  };
  EXPECT_EQ(problems("listen: \"a:1\", hosts: [\"b:1\"], refresh: 1s"), "");
  EXPECT_THAT(problems("listen: \"a:1\""),
              testing::HasSubstr("needs cluster.compat.protoactor.hosts"));
  EXPECT_THAT(problems("hosts: [\"b:1\"]"),
              testing::HasSubstr("hosts: has no effect without cluster.compat.protoactor.listen"));
  EXPECT_THAT(problems("refresh: 3s"), testing::HasSubstr("refresh: has no effect without"));
  EXPECT_THAT(problems("listen: \"a:0\", hosts: [\"b:1\"]"),
              testing::HasSubstr("listen: needs a port other than 0"));
  EXPECT_THAT(problems("listen: \"a:1\", hosts: [\"b:0\"]"), testing::HasSubstr("has no port"));
  EXPECT_THAT(
      problems_of(
          "remote: {peer_count_max: 1, hearsay_peer_count_max: 0}\n"
          "cluster: {compat: {protoactor: {listen: \"a:1\", hosts: [\"a:1\", \"b:1\"]}}}\n"),
      testing::HasSubstr("2 hosts are more than remote.peer_count_max (1)"));
}

TEST(LoadConfig, AnUnknownKindNamesTheNearestKnownOne) {
  EXPECT_EQ(problems_of("kinds:\n  countr: {}\n"),
            "f:2:3: kinds.countr: unknown kind (did you mean \"counter\"?)");
  EXPECT_EQ(problems_of("kinds:\n  chat: {}\n"),
            "f:2:3: kinds.chat: unknown kind; known here: counter, echo");
}

TEST(LoadConfig, AKindHasItsOwnKeys) {
  EXPECT_EQ(problems_of("kinds:\n  echo:\n    enable: true\n"),
            "f:3:5: kinds.echo.enable: unknown key (did you mean \"enabled\"?)");
  EXPECT_EQ(problems_of("kinds: {echo: {mailbox_user_count_max: 100000001}}"),
            "f:1:16: kinds.echo.mailbox_user_count_max: 100000001 is not in 0..100000000");
}

TEST(LoadConfig, ARepeatedKeyNamesBothPlaces) {
  EXPECT_EQ(problems_of("core:\n  workers: 1\n  throughput: 5\n  workers: 2\n"),
            "f:4:3: core.workers: this key is already set at line 2, column 3; keep one of them");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:2:1: core: this key is already set at line 1",
                      problems_of("core: {}\ncore: {}\n"));
}

TEST(LoadConfig, AWrongShapeSaysWhatWasExpectedAndFound) {
  EXPECT_EQ(problems_of("core: 5\n"), "f:1:1: core: expected a map of keys; found text");
  EXPECT_EQ(problems_of("core: [a]\n"), "f:1:1: core: expected a map of keys; found a list");
  EXPECT_EQ(problems_of("core: {workers: [1]}\n"),
            "f:1:8: core.workers: expected a whole number in 0..1024; found a list");
  EXPECT_EQ(problems_of("log: {level: {a: b}}\n"),
            "f:1:7: log.level: expected one of trace, debug, info, warn, error, off; found a map");
  EXPECT_EQ(problems_of("kinds: {echo: true}\n"),
            "f:1:9: kinds.echo: expected a map of keys; found text");
  EXPECT_EQ(problems_of("core:\n  workers:\n"),
            "f:2:3: core.workers: has no value; expected a whole number in 0..1024");
  EXPECT_EQ(problems_of("node: {name: ~}\n"),
            "f:1:8: node.name: has no value; expected a name of 1..64 letters, digits, '.', '_' or "
            "'-', or empty");
}

TEST(LoadConfig, TheRootMustBeAMap) {
  EXPECT_EQ(problems_of("- a\n"),
            "f:1:1: expected a map with the sections node, log, core, remote, cluster, security, "
            "kinds; found a list");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "found text", problems_of("hello\n"));
}

TEST(LoadConfig, WhatIsNoYamlDocumentIsAnErrorWithoutAnException) {
  EXPECT_EQ(problems_of(""), "f: holds no document; an empty configuration is written {}");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "not valid YAML", problems_of("node: [\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "second document", problems_of("{}\n---\n{}\n"));
}

TEST(LoadConfig, AllProblemsAreReportedInTheOrderOfTheText) {
  EXPECT_EQ(
      problems_of("log:\n  level: loud\ncore:\n  workers: -1\n  workers: 2\n  thoughput: 1\n"),
      "f:2:3: log.level: \"loud\" is not one of trace, debug, info, warn, error, off\n"
      "f:4:3: core.workers: \"-1\" is not a whole number; allowed: 0..1024\n"
      "f:5:3: core.workers: this key is already set at line 4, column 3; keep one of them\n"
      "f:6:3: core.thoughput: unknown key (did you mean \"throughput\"?)");
}

TEST(LoadConfig, OfManyProblemsTheFirstTwentyAreShownAndTheRestCounted) {
  std::string text = "log:\n";
  for (int i = 0; i < 25; ++i) text += "  zz" + std::to_string(1000 + i) + ": 1\n";
  const std::string problems = problems_of(text);
  EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 20);
  EXPECT_TRUE(problems.ends_with("\nf: and 5 more")) << problems;
}

TEST(LoadConfig, WhatTheFileSaysCannotSpoilTheMessage) {
  const std::string problems = problems_of("\"a\\nf:1:1: b\\u001B[31m\": 1\n");
  EXPECT_EQ(problems.find('\n'), std::string::npos);
  EXPECT_EQ(problems.find('\x1B'), std::string::npos);
  EXPECT_LT(problems_of(std::string(500'000, 'k') + ": 1\n").size(), 1000u);
  EXPECT_LT(problems_of("core: {workers: " + std::string(60'000, 'v') + "}\n").size(), 1000u);
}

TEST(LoadConfig, VariablesArePutIntoValues) {
  const NodeConfig config = loaded(
      "node: {name: \"n${ID}\", listen: \"127.0.0.1:${PORT:-7709}\"}\n"
      "core: {workers: \"${WORKERS:?how many}\"}\n"
      "kinds: {echo: {enabled: \"${ECHO:-false}\"}}\n",
      {{"ID", "3"}, {"WORKERS", "8"}});
  EXPECT_EQ(config.node.name, "n3");
  EXPECT_EQ(config.node.listen.port, 7709);
  EXPECT_EQ(config.core.workers, 8u);
  EXPECT_FALSE(config.kinds.at("echo").enabled);
}

TEST(LoadConfig, AMissingVariableIsNamed) {
  EXPECT_EQ(problems_of("core:\n  workers: ${WORKERS}\n"),
            "f:2:3: core.workers: variable ${WORKERS} is not set; set it, or give a default: "
            "${WORKERS:-value}");
  EXPECT_EQ(problems_of("core:\n  workers: ${WORKERS:?say how many}\n"),
            "f:2:3: core.workers: variable ${WORKERS} is not set: \"say how many\"");
}

TEST(LoadConfig, AVariableWhoseValueIsOutOfRangeIsNamed) {
  EXPECT_EQ(problems_of("core:\n  workers: ${WORKERS}\n", {{"WORKERS", "5000"}}),
            "f:2:3: core.workers: 5000 is not in 0..1024 (from ${WORKERS})");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "(from ${A}, ${B})",
                      problems_of("core:\n  workers: ${A}${B}\n", {{"A", "x"}, {"B", "y"}}));
}

TEST(LoadConfig, AVariableCannotAddKeys) {
  EXPECT_NE(problems_of("node: {name: \"${N}\"}\n", {{"N", "a\nsecurity: {insecure: true}"}}), "");
}

TEST(LoadConfig, ADollarSignStandsForItselfWhenDoubled) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "\"a$b\" is not a valid name",
                      problems_of("node: {name: a$$b}\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "write ${NAME}", problems_of("node: {name: a$b}\n"));
}

TEST(LoadConfig, C1_C2_LowerBoundsStayBelowUpperOnes) {
  EXPECT_EQ(problems_of("core: {ask_timeout_default: 10m}\n"),
            "f:1:8: core.ask_timeout_default: 10m is above core.ask_timeout_max (5m)");
  EXPECT_EQ(problems_of("core: {ask_timeout_max: 1s}\n"),
            "f:1:8: core.ask_timeout_max: 1s is below core.ask_timeout_default (5s)");
  EXPECT_EQ(problems_of("remote:\n  reconnect_max: 1s\n  reconnect_min: 2s\n"),
            "f:3:3: remote.reconnect_min: 2s is above remote.reconnect_max (1s)");
  EXPECT_EQ(problems_of("remote: {reconnect_min: 2s, reconnect_max: 2s}\n"), "");
  EXPECT_EQ(problems_of("remote:\n  pressure_high_percent: 85\n"),
            "f:2:3: remote.pressure_high_percent: pressure must be high (85 percent) before it is "
            "critical (85 percent)");
  EXPECT_EQ(problems_of("remote: {pressure_high_percent: 98, pressure_critical_percent: 99}\n"),
            "");
}

TEST(LoadConfig, C6_APeerHasTheTimeToAnswerAPing) {
  EXPECT_EQ(problems_of("remote: {ping_interval: 2500ms}\n"), "");
  EXPECT_EQ(problems_of("remote: {ping_interval: 3s}\n"),
            "f:1:10: remote.ping_interval: remote.ping_timeout (5s) is less than twice "
            "remote.ping_interval (3s); a peer must have the time to answer");
}

TEST(LoadConfig, C9_TheEndOfAllThatAPeerWatchesMayWait) {
  EXPECT_EQ(problems_of("remote: {inbound_watch_count_max: 200000}\n"), "");
  EXPECT_EQ(problems_of("remote: {inbound_watch_count_max: 200001}\n"),
            "f:1:10: remote.inbound_watch_count_max: 200001 is above "
            "remote.queue_reserve_count_max (200000); the end of all those actors must be able to "
            "wait");
}

TEST(LoadConfig, C3_AMessageFitsIntoAQueue) {
  EXPECT_EQ(problems_of("remote: {batch_bytes_max: 5MiB}\n"), "");
  EXPECT_EQ(problems_of("remote: {queue_bytes_max: 1MiB}\n"),
            "f:1:10: remote.queue_bytes_max: 1MiB is below remote.message_bytes_max (4MiB); the "
            "largest message could never wait");
}

TEST(LoadConfig, C4_ListeningBeyondThisMachineNeedsConsent) {
  for (const std::string host : {"10.0.0.1", "example.org", "\"[fe80::1]\""}) {
    const std::string address = host.front() == '"' ? "\"[fe80::1]:1\"" : host + ":1";
    const std::string problems = problems_of("node:\n  listen: " + address + "\n");
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:2:3: node.listen:", problems);
    EXPECT_PRED_FORMAT2(testing::IsSubstring,
                        "listen on 127.0.0.1, or accept this with security.insecure: true",
                        problems);
    EXPECT_EQ(problems_of("node: {listen: " + address + "}\nsecurity: {insecure: true}\n"), "");
  }
  for (const std::string address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "\"[::1]:1\""})
    EXPECT_EQ(problems_of("node: {listen: " + address + "}\n"), "") << address;
}

TEST(LoadConfig, C5_ListeningOnEveryInterfaceNeedsAnAddressForOthers) {
  for (const std::string address : {"0.0.0.0:1", "\"[::]:1\""}) {
    const std::string insecure = "security: {insecure: true}\n";
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "set node.advertise",
                        problems_of(insecure + "node: {listen: " + address + "}\n"));
    EXPECT_EQ(problems_of(insecure + "node: {listen: " + address + ", advertise: \"a.org:1\"}\n"),
              "");
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "node.advertise: ",
                        problems_of(insecure + "node: {advertise: " + address + "}\n"));
  }
}

TEST(LoadConfig, C4_WithTlsNoConsentIsNeeded) {
  EXPECT_EQ(problems_of("node: {listen: 10.0.0.1:1}\n"
                        "security: {tls_certificate: c, tls_key: k, tls_ca: a}\n"),
            "");
}

TEST(LoadConfig, C7_NoMoreMembersAreBlockedThanMayBe) {
  EXPECT_EQ(problems_of("remote: {blocked_members: [a, b], blocked_count_max: 2}\n"), "");
  EXPECT_EQ(problems_of("remote: {blocked_members: [a, b], blocked_count_max: 1}\n"),
            "f:1:10: remote.blocked_members: 2 members are more than remote.blocked_count_max (1)");
}

TEST(LoadConfig, C8_TlsTakesItsThreeFilesOrNone) {
  const std::string words =
      ": TLS takes a certificate, its key and the certificates of the authorities";
  EXPECT_EQ(problems_of("security: {tls_certificate: c, tls_key: k}\n"),
            "f:1:12: security.tls_certificate: needs security.tls_ca" + words);
  EXPECT_EQ(problems_of("security:\n  tls_ca: a\n  tls_key: k\n"),
            "f:3:3: security.tls_key: needs security.tls_certificate" + words);
  EXPECT_EQ(problems_of("security: {tls_mutual: false}\n"),
            "f:1:12: security.tls_mutual: has no effect without security.tls_certificate");
  EXPECT_EQ(problems_of("security: {tls_peer_name: n}\n"),
            "f:1:12: security.tls_peer_name: has no effect without security.tls_certificate");
}

TEST(LoadConfig, AListIsWrittenAsOneAndItsItemsMayHaveVariables) {
  const auto loaded = load_config_text("remote: {blocked_members: [a, \"${N}\"]}\n", "f",
                                       options({{"N", "b@c:1"}}));
  ASSERT_TRUE(loaded.ok()) << loaded.error().detail;
  EXPECT_EQ(loaded->remote.blocked_members, (std::vector<std::string>{"a", "b@c:1"}));
  for (const std::string bad : {"a", "{a: b}", "[[a]]", "[a, \"\"]", "[\"a,b\"]", "[a b]", "[~]"}) {
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:1:10: remote.blocked_members: ",
                        problems_of("remote: {blocked_members: " + bad + "}\n"))
        << bad;
  }
}

TEST(LoadConfig, WhatIsFoundWithFurtherLookingHasThePlaceOfItsKey) {
  LoadOptions further = options({});
  int look_count = 0;
  further.look_further = [&](const NodeConfig& config) {
    ++look_count;
    EXPECT_EQ(config.log.level, core::LogLevel::debug);
    return std::vector<KeyProblem>{{"log.level", "too much"}, {"node.name", "not set"}};
  };
  const auto loaded = load_config_text("log:\n  level: debug\n", "f", further);
  ASSERT_FALSE(loaded.ok());
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:2:3: log.level: too much", loaded.error().detail);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "node.name: not set", loaded.error().detail);
  EXPECT_FALSE(load_config_text("log: {level: loud}\n", "f", further).ok());
  EXPECT_EQ(look_count, 1) << "nobody looks further at what is wrong already";
}

TEST(LoadConfig, ARuleIsNotCheckedWithAValueThatCouldNotBeRead) {
  EXPECT_EQ(problems_of("core: {ask_timeout_default: 10m, ask_timeout_max: long}\n"),
            "f:1:34: core.ask_timeout_max: \"long\" is not a whole number with a unit (ms, s, m or "
            "h), for example 500ms; allowed: 1ms..24h");
  EXPECT_EQ(problems_of("node: {listen: 10.0.0.1:1}\nsecurity: {insecure: yes}\n"),
            "f:2:12: security.insecure: \"yes\" is not one of false, true");
}

TEST(AdvertisedAddress, IsTheListenAddressUnlessOneIsGiven) {
  NodeSection node;
  node.listen = {"127.0.0.1", 0};
  EXPECT_EQ(advertised_address(node, 4711), (HostPort{"127.0.0.1", 4711}));
  node.advertise = {"example.org", 0};
  EXPECT_EQ(advertised_address(node, 4711), (HostPort{"example.org", 4711}));
  node.advertise.port = 80;
  EXPECT_EQ(advertised_address(node, 4711), (HostPort{"example.org", 80}));
}

class LoadConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/nexus-load-config-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    (void)::unlink(path("file").c_str());
    (void)::rmdir(directory_.c_str());
  }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string write(std::string_view text) const {
    std::ofstream(path("file"), std::ios::binary) << text;
    return path("file");
  }
  static core::Error error_of(const std::string& path) {
    const auto config = load_config(path, options());
    return config ? core::Error{} : config.error();
  }

  std::string directory_;
};

TEST_F(LoadConfigFile, ReadsAFile) {
  const auto config = load_config(write("core: {workers: 2}\n"), options());
  ASSERT_TRUE(config.ok()) << config.error().detail;
  EXPECT_EQ(config->core.workers, 2u);
}

TEST_F(LoadConfigFile, NamesTheFileInEveryProblem) {
  const std::string file = write("core: {wokers: 2}\n");
  EXPECT_EQ(error_of(file).detail,
            file + ":1:8: core.wokers: unknown key (did you mean \"workers\"?)");
}

TEST_F(LoadConfigFile, ReportsAMissingFile) {
  const core::Error error = error_of(path("none"));
  EXPECT_EQ(error.code, core::Errc::not_found);
  EXPECT_EQ(error.detail, path("none") + ": cannot be read: No such file or directory");
  EXPECT_EQ(error_of(write("x") + "/below").code, core::Errc::not_found);
}

TEST_F(LoadConfigFile, ReportsADirectoryAPipeAndADevice) {
  EXPECT_EQ(error_of(directory_).code, core::Errc::failed_precondition);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "is a directory", error_of(directory_).detail);
  ASSERT_EQ(::mkfifo(path("file").c_str(), 0600), 0);
  EXPECT_EQ(error_of(path("file")).code, core::Errc::failed_precondition);
  EXPECT_EQ(error_of("/dev/zero").code, core::Errc::failed_precondition);
}

TEST_F(LoadConfigFile, ReportsAFileThatMayNotBeRead) {
  const std::string file = write("{}");
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  // Root may read everything, so it steps down for the moment.
  const uid_t user = ::geteuid();
  if (user == 0 && ::seteuid(65534) != 0) GTEST_SKIP() << "this user may read everything";
  const core::Error error = error_of(file);
  ASSERT_EQ(::seteuid(user), 0);
  EXPECT_EQ(error.code, core::Errc::permission_denied);
  EXPECT_EQ(error.detail, file + ": cannot be read: Permission denied");
}

TEST_F(LoadConfigFile, ReportsAFileThatIsTooLarge) {
  const core::Error error = error_of(write(std::string(1024 * 1024 + 1, '#')));
  EXPECT_EQ(error.code, core::Errc::invalid_argument);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "larger than 1048576 bytes", error.detail);
}

TEST_F(LoadConfigFile, ReportsANameThatIsNone) {
  EXPECT_EQ(error_of("").code, core::Errc::invalid_argument);
  EXPECT_EQ(error_of(std::string("a\0b", 3)).code, core::Errc::invalid_argument);
  EXPECT_EQ(error_of(std::string(5000, 'x')).code, core::Errc::unavailable);
}

TEST(LoadConfig, WithoutAHostNameGivenTheNodeIsNamedAfterItsHost) {
  const auto config = load_config_text("{}", "f", {});
  ASSERT_TRUE(config.ok());
  EXPECT_FALSE(config->node.name.empty());
}

}  // namespace
}  // namespace nexus::daemon
