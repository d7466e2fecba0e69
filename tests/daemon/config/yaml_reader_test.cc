#include "daemon/config/yaml_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace nexus::daemon {
namespace {

// What is wrong with the text; empty when nothing is.
std::string problems_of(std::string_view text) {
  Problems problems;
  (void)read_yaml(text, problems);
  return problems.empty() ? "" : problems.report("f").detail;
}

std::string repeated(std::string_view part, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += part;
  return text;
}

TEST(ReadYaml, KeepsOrderValuesAndPlaces) {
  Problems problems;
  const auto root = read_yaml("a: 1\nb:\n  c: \"x y\"\n  d: [1, 2]\n  e:\n", problems);
  ASSERT_TRUE(root && problems.empty());
  ASSERT_EQ(root->entries.size(), 2u);
  EXPECT_EQ(root->entries[0].key, "a");
  EXPECT_EQ(root->entries[0].value.scalar, "1");
  const YamlNode& b = root->entries[1].value;
  ASSERT_EQ(b.entries.size(), 3u);
  EXPECT_EQ(b.entries[0].value.scalar, "x y");
  EXPECT_EQ(b.entries[0].key_at, (Position{3, 3}));
  EXPECT_EQ(b.entries[1].value.items.size(), 2u);
  EXPECT_EQ(b.entries[2].value.kind, YamlNode::Kind::null);
}

TEST(ReadYaml, TakesAByteOrderMarkAndWindowsLineEnds) {
  EXPECT_EQ(problems_of("\xEF\xBB\xBF"
                        "a: 1\r\nb: 2\r\n"),
            "");
}

TEST(ReadYaml, Y1_NamesThePlaceOfASyntaxError) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:2:5: not valid YAML",
                      problems_of("a: 1\nb: c: d\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:1:", problems_of("a: \"x"));
  EXPECT_NE(problems_of("a: *nobody\n"), "");
  EXPECT_NE(problems_of("a: [1, 2\n"), "");
  EXPECT_NE(problems_of("a: {b\n"), "");
  EXPECT_NE(problems_of("%YAML 9\n---\na: 1\n"), "");
  EXPECT_NE(problems_of("@"), "");
}

TEST(ReadYaml, Y1_ExplainsTheCommonestSyntaxErrors) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "tab", problems_of("a:\n\tb: 1\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "address in brackets needs quotes",
                      problems_of("a: [::1]:7701\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "variable needs quotes", problems_of("a: {b: ${C}}\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:3:2: not valid YAML: end of map not found (is this",
                      problems_of("a:\n  b: 1\n c: 2\n"));
}

TEST(ReadYaml, Y1_RefusesBytesThatAreNoText) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:2:4: the control character \"\\u0000\"",
                      problems_of(std::string("a: 1\nb: \0\n", 10)));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:1:4: the control character \"\\u0004\"",
                      problems_of("a: \x04\nhidden: 1\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:1:4: this byte is not UTF-8",
                      problems_of("a: \xFF"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "not UTF-8",
                      problems_of("\xFF\xFE"
                                  "a: 1"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "carriage return", problems_of("a: 1\rb: 2\n"));
}

TEST(ReadYaml, Y1_RefusesDocumentsThatAreNone) {
  for (const std::string text :
       {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "~", "null\n"})
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "holds no document", problems_of(text));
}

TEST(ReadYaml, Y1_RefusesASecondDocument) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:2:1: a second document",
                      problems_of("a: 1\n---\nb: 2\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "a second document", problems_of("a: 1\n...\nb: 2\n"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "a second document", problems_of("{}\n---\n"));
}

TEST(ReadYaml, Y1_AcceptsTheDeepestNestingAndRefusesOneMore) {
  const auto lists = [](std::size_t depth) { return repeated("[", depth) + repeated("]", depth); };
  EXPECT_EQ(problems_of(lists(kYamlDepthMax)), "");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:1:33: maps and lists are nested deeper than 32",
                      problems_of(lists(kYamlDepthMax + 1)));
  for (const std::string part : {"[", "{a: ", "- ", "? ", "{", "[{"})
    EXPECT_NE(problems_of(repeated(part, 10'000)), "") << part;
}

TEST(ReadYaml, Y1_AcceptsTheMostValuesAndRefusesOneMore) {
  const auto list = [](std::size_t count) { return "[" + repeated("1,", count) + "]"; };
  EXPECT_EQ(problems_of(list(kYamlNodeCountMax - 1)), "");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "more than 20000 values",
                      problems_of(list(kYamlNodeCountMax)));
}

TEST(ReadYaml, Y1_AcceptsTheLargestTextAndRefusesOneByteMore) {
  const std::string text = "a: 1\n#";
  EXPECT_EQ(problems_of(text + std::string(kYamlBytesMax - text.size(), 'x')), "");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "larger than 1048576 bytes",
                      problems_of(text + std::string(kYamlBytesMax - text.size() + 1, 'x')));
}

TEST(ReadYaml, Y2_RefusesAnchorsAliasesAndTags) {
  for (const std::string text :
       {"a: &x 1\n", "a: &x\n", "a: &x [1]\n", "a: &x {b: 1}\n", "&x a: 1\n", "a: &x [*x, *x]\n"})
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "anchors and aliases", problems_of(text)) << text;
  for (const std::string text :
       {"a: !!str 1\n", "!mine a: 1\n", "a: !x [1]\n", "a: !!binary aGk=\n"})
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "tag", problems_of(text)) << text;
}

TEST(ReadYaml, Y2_ABombOfAliasesNeverUnfolds) {
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + "," + last + "]\n";
  }
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "f:1:", problems_of(bomb));
}

TEST(ReadYaml, Y3_NamesBothPlacesOfARepeatedKey) {
  Problems problems;
  const auto root = read_yaml("a: 1\nb:\n  c: 1\n  \"c\": 2\na: 2\n", problems);
  ASSERT_TRUE(root);
  EXPECT_EQ(problems.report("f").detail,
            "f:4:3: b.c: this key is already set at line 3, column 3; keep one of them\n"
            "f:5:1: a: this key is already set at line 1, column 1; keep one of them");
  EXPECT_EQ(root->entries.size(), 2u);
  EXPECT_EQ(root->entries[0].value.scalar, "1");
}

TEST(ReadYaml, Y3_FindsRepeatedKeysInsideLists) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "a.1.b: this key is already set",
                      problems_of("a: [x, {b: 1, b: 2}]\n"));
}

TEST(ReadYaml, RefusesKeysThatAreNoWords) {
  for (const std::string text :
       {"? [a]\n: b\n", "{[a]: b}\n", "? {a: b}\n: c\n", "~: 1\n", ": 1\n"})
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "a key must be a word", problems_of(text)) << text;
}

}  // namespace
}  // namespace nexus::daemon
