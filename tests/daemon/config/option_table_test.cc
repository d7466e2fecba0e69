#include "daemon/config/option_table.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

namespace nexus::daemon {
namespace {

const NodeOption& option(std::string_view path) {
  for (const NodeOption& candidate : node_options())
    if (candidate.spec.path == path) return candidate;
  ADD_FAILURE() << "no option " << path;
  return node_options().front();
}

// The error of storing `text`; empty when it is taken.
std::string refusal(std::string_view path, std::string_view text) {
  NodeConfig config;
  const auto status = assign(option(path), text, config);
  EXPECT_TRUE(status.ok() || config == NodeConfig{}) << "a refused value must change nothing";
  return status ? "" : status.error().detail;
}

TEST(OptionTable, EveryPathIsUniqueAndBelongsToASection) {
  std::set<std::string_view> names;
  for (const SectionSpec& section : sections()) EXPECT_TRUE(names.insert(section.name).second);
  std::set<std::string_view> paths;
  for (const NodeOption& o : node_options()) {
    EXPECT_TRUE(paths.insert(o.spec.path).second) << o.spec.path;
    EXPECT_TRUE(names.contains(o.spec.section())) << o.spec.path;
  }
  for (const KindOption& o : kind_options()) EXPECT_EQ(o.spec.section(), "kinds");
}

TEST(OptionTable, EveryOptionIsDocumented) {
  for (const NodeOption& o : node_options()) EXPECT_FALSE(o.spec.doc.empty()) << o.spec.path;
  for (const KindOption& o : kind_options()) EXPECT_FALSE(o.spec.doc.empty()) << o.spec.path;
}

TEST(OptionTable, EveryRangeFitsItsTypeAndEveryCountNamesItsUnit) {
  const auto check = [](const OptionSpec& spec) {
    const bool ranged = spec.type == OptionType::count || spec.type == OptionType::bytes ||
                        spec.type == OptionType::duration;
    EXPECT_EQ(spec.min < spec.max, ranged) << spec.path;
    if (spec.type == OptionType::count) {
      EXPECT_LE(spec.max, std::numeric_limits<std::uint32_t>::max()) << spec.path;
      EXPECT_FALSE(spec.unit.empty()) << spec.path;
    }
  };
  for (const NodeOption& o : node_options()) check(o.spec);
  for (const KindOption& o : kind_options()) check(o.spec);
}

TEST(OptionTable, EveryDefaultIsAllowed) {
  for (const NodeOption& o : node_options()) {
    NodeConfig config;
    const auto status = assign(o, value_text(o, config), config);
    EXPECT_TRUE(status.ok()) << o.spec.path;
    EXPECT_EQ(config, NodeConfig{}) << o.spec.path;
  }
  for (const KindOption& o : kind_options()) {
    KindConfig config;
    EXPECT_TRUE(assign(o, value_text(o, config), config).ok()) << o.spec.path;
    EXPECT_EQ(config, KindConfig{}) << o.spec.path;
  }
}

TEST(OptionTable, EveryRangeTakesItsLimitsAndNothingBeyond) {
  const auto text = [](OptionType type, std::uint64_t n) {
    return std::to_string(n) + (type == OptionType::duration ? "ms" : "");
  };
  for (const NodeOption& o : node_options()) {
    if (o.spec.max == 0) continue;
    NodeConfig config;
    EXPECT_TRUE(assign(o, text(o.spec.type, o.spec.min), config).ok()) << o.spec.path;
    EXPECT_TRUE(assign(o, text(o.spec.type, o.spec.max), config).ok()) << o.spec.path;
    EXPECT_FALSE(assign(o, text(o.spec.type, o.spec.max + 1), config).ok()) << o.spec.path;
    if (o.spec.min == 0) continue;
    EXPECT_FALSE(assign(o, text(o.spec.type, o.spec.min - 1), config).ok()) << o.spec.path;
  }
}

TEST(OptionTable, RefusalsShowWhatIsAllowed) {
  EXPECT_EQ(refusal("core.workers", "1025"), "1025 is not in 0..1024");
  EXPECT_EQ(refusal("core.workers", "many"), "\"many\" is not a whole number; allowed: 0..1024");
  EXPECT_EQ(refusal("core.workers", "4294967297"), "4294967297 is not in 0..1024");
  EXPECT_EQ(refusal("node.shutdown_timeout", "500ms"), "500ms is not in 1s..10m");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "allowed: 1KiB..64MiB",
                      refusal("remote.message_bytes_max", "4MB"));
  EXPECT_EQ(refusal("security.insecure", "yes"), "\"yes\" is not one of false, true");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "did you mean \"true\"?",
                      refusal("security.insecure", "True"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "did you mean \"debug\"?",
                      refusal("log.level", "debgu"));
  EXPECT_EQ(refusal("log.format", "xml"), "\"xml\" is not one of text, json");
}

TEST(OptionTable, NamesAreShortAndPlain) {
  EXPECT_EQ(refusal("node.name", "n1.example-2_x"), "");
  EXPECT_EQ(refusal("node.name", std::string(64, 'n')), "");
  for (const std::string& name : {std::string(65, 'n'), std::string("a b"), std::string("a/b"),
                                  std::string("\xC3\xA9"), std::string("a\n")})
    EXPECT_NE(refusal("node.name", name), "") << name;
}

TEST(OptionTable, OnlySomeTextsMayBeEmpty) {
  EXPECT_EQ(refusal("node.name", ""), "");
  EXPECT_EQ(refusal("node.advertise", ""), "");
  EXPECT_NE(refusal("node.listen", ""), "");
  EXPECT_NE(refusal("core.workers", ""), "");
  EXPECT_NE(refusal("log.level", ""), "");
}

}  // namespace
}  // namespace nexus::daemon
