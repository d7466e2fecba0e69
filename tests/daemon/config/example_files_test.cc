// The files in config/ and docs/config.md agree with the program. NEXUS_SOURCE_DIR is the root of
// the source tree.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>

#include "daemon/config/config_reference.h"
#include "daemon/config/load_config.h"
#include "daemon/config/option_table.h"
#include "daemon/config/print_config.h"
#include "daemon/config/yaml_reader.h"

namespace nexus::daemon {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(std::string(NEXUS_SOURCE_DIR) + "/" + path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

LoadOptions options(Environment environment = [](const std::string&) { return std::nullopt; }) {
  return {.kinds = {"counter", "a \"b\" $c: d"}, .environment = environment, .host_name = "h"};
}

core::Result<NodeConfig> load(const std::string& path) {
  return load_config(std::string(NEXUS_SOURCE_DIR) + "/" + path, options());
}

TEST(ExampleFiles, NodeYamlHasEveryDefault) {
  const auto config = load("config/node.yaml");
  ASSERT_TRUE(config.ok()) << config.error().detail;
  NodeConfig expected;
  expected.node.name = "h";
  EXPECT_EQ(*config, expected);
}

TEST(ExampleFiles, NodeYamlShowsEverySectionAndEveryKey) {
  Problems problems;
  const auto root = read_yaml(contents("config/node.yaml"), problems);
  ASSERT_TRUE(root && problems.empty());
  std::set<std::string> shown;
  const std::function<void(const YamlEntry&, const std::string&)> show =
      [&](const YamlEntry& entry, const std::string& path) {
        shown.insert(path);
        for (const YamlEntry& below : entry.value.entries) show(below, path + "." + below.key);
      };
  for (const YamlEntry& section : root->entries) show(section, section.key);
  for (const SectionSpec& section : sections())
    EXPECT_TRUE(shown.contains(std::string(section.name))) << section.name;
  for (const NodeOption& option : node_options())
    EXPECT_TRUE(shown.contains(std::string(option.spec.path))) << option.spec.path;
}

TEST(ExampleFiles, NodeYamlMentionsEveryKeyOfAKind) {
  const std::string text = contents("config/node.yaml");
  for (const KindOption& option : kind_options())
    EXPECT_NE(text.find("#       " + std::string(option.spec.key()) + ": " +
                        value_text(option, KindConfig{})),
              std::string::npos)
        << option.spec.path;
}

TEST(ExampleFiles, ThreeNodesRunSideBySideOnThisMachine) {
  for (int i = 1; i <= 3; ++i) {
    const auto config = load("config/node" + std::to_string(i) + ".yaml");
    ASSERT_TRUE(config.ok()) << config.error().detail;
    EXPECT_EQ(config->node.name, "n" + std::to_string(i));
    EXPECT_EQ(config->node.listen, (HostPort{"127.0.0.1", static_cast<std::uint16_t>(7700 + i)}));
  }
}

TEST(ExampleFiles, ThreeNodesTakeTheirPortsFromTheEnvironment) {
  for (int i = 1; i <= 3; ++i) {
    const std::string variable = "NEXUS_PORT_" + std::to_string(i);
    const auto config =
        load_config(std::string(NEXUS_SOURCE_DIR) + "/config/node" + std::to_string(i) + ".yaml",
                    options([&](const std::string& name) -> std::optional<std::string> {
                      if (name != variable) return std::nullopt;
                      return "19000";
                    }));
    ASSERT_TRUE(config.ok()) << config.error().detail;
    EXPECT_EQ(config->node.listen.port, 19000);
  }
}

TEST(ConfigReference, IsThePageInDocs) {
  EXPECT_TRUE(config_reference() == contents("docs/config.md"))
      << "docs/config.md is out of date: write it anew with nexusd --config-reference";
}

TEST(ConfigReference, NamesEveryOption) {
  const std::string page = config_reference();
  for (const NodeOption& option : node_options())
    EXPECT_NE(page.find("| `" + std::string(option.spec.path) + "` |"), std::string::npos)
        << option.spec.path;
  for (const KindOption& option : kind_options())
    EXPECT_NE(page.find("| `" + std::string(option.spec.path) + "` |"), std::string::npos)
        << option.spec.path;
}

TEST(PrintConfig, LoadsBackToTheSameConfiguration) {
  const auto config = load_config_text(R"(
node: {name: n7, listen: "[::]:0", advertise: "example.org:80", shutdown_timeout: 90s}
log: {level: "off", format: json}
core: {workers: 3, throughput: 1, spin_us: 0, ask_timeout_default: 1ms, ask_timeout_max: 24h}
remote: {message_bytes_max: 64MiB, batch_bytes_max: 1025, queue_bytes_max: 16GiB, unreachable_after: 100ms,
         blocked_members: [a, "b$$c"], accept_block_lists: true}
security: {insecure: true, tls_certificate: "/etc/a b.pem", tls_key: "k$$", tls_ca: "#c", tls_mutual: false}
kinds:
  counter: {enabled: false, mailbox_user_count_max: 12}
  'a "b" $c: d':
)",
                                       "f", options());
  ASSERT_TRUE(config.ok()) << config.error().detail;
  const std::string printed = print_config(*config);
  const auto again = load_config_text(printed, "printed", options());
  ASSERT_TRUE(again.ok()) << again.error().detail << "\n" << printed;
  EXPECT_EQ(*again, *config) << printed;
}

TEST(PrintConfig, ShowsEveryOptionThatHasADefault) {
  const auto config = load("config/node.yaml");
  ASSERT_TRUE(config.ok());
  const std::string printed = print_config(*config);
  for (const NodeOption& option : node_options())
    EXPECT_NE(printed.find("  " + std::string(option.spec.key()) + ": "), std::string::npos)
        << option.spec.path;
  const auto again = load_config_text(printed, "printed", options());
  ASSERT_TRUE(again.ok()) << again.error().detail;
  EXPECT_EQ(*again, *config);
}

}  // namespace
}  // namespace nexus::daemon
