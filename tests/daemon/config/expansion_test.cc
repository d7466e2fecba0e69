#include "daemon/config/expansion.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace nexus::daemon {
namespace {

std::optional<std::string> environment(const std::string& name) {
  static const std::map<std::string, std::string> variables = {
      {"PORT", "7702"}, {"_A1", "x"}, {"EMPTY", ""}, {"NESTED", "${PORT} $$ }"}};
  const auto found = variables.find(name);
  if (found == variables.end()) return std::nullopt;
  return found->second;
}

std::string expanded(std::string_view text) {
  const auto result = expand(text, environment);
  return result ? result->text : "error: " + result.error().detail;
}

TEST(Expand, PutsVariablesIn) {
  EXPECT_EQ(expanded(""), "");
  EXPECT_EQ(expanded("plain"), "plain");
  EXPECT_EQ(expanded("${PORT}"), "7702");
  EXPECT_EQ(expanded("127.0.0.1:${PORT}/${_A1}"), "127.0.0.1:7702/x");
  EXPECT_EQ(expanded("${EMPTY}"), "");
}

TEST(Expand, E3_TakesTheDefaultOfAVariableThatIsNotSetOrEmpty) {
  EXPECT_EQ(expanded("${NONE:-7701}"), "7701");
  EXPECT_EQ(expanded("${EMPTY:-7701}"), "7701");
  EXPECT_EQ(expanded("${PORT:-7701}"), "7702");
  EXPECT_EQ(expanded("${NONE:-}"), "");
  EXPECT_EQ(expanded("${NONE:-a:-b$c}"), "a:-b$c");
}

TEST(Expand, E3_NamesAVariableThatIsNotSet) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "${NONE} is not set", expanded("a${NONE}b"));
}

TEST(Expand, E3_ShowsTheMessageThatTheFileGives) {
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "${NONE} is not set: \"ask ops\"",
                      expanded("${NONE:?ask ops}"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "${EMPTY} is not set", expanded("${EMPTY:?ask ops}"));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "${NONE} is not set", expanded("${NONE:?}"));
  EXPECT_EQ(expanded("${PORT:?ask ops}"), "7702");
}

TEST(Expand, TwoDollarsAreOne) {
  EXPECT_EQ(expanded("$$"), "$");
  EXPECT_EQ(expanded("$${PORT}"), "${PORT}");
  EXPECT_EQ(expanded("$$$${PORT}$$"), "$${PORT}$");
  EXPECT_EQ(expanded("$$${PORT}"), "$7702");
}

TEST(Expand, E2_DoesNotExpandWhatAVariableHolds) {
  EXPECT_EQ(expanded("${NESTED}"), "${PORT} $$ }");
}

TEST(Expand, E4_RefusesADollarThatBeginsNothing) {
  for (const std::string text :
       {"$", "a$", "$PORT", "$(PORT)", "$$$", "${", "${PORT", "${}", "${1A}", "${A B}", "${A-b}",
        "${A:b}", "${A:}", "${A:+b}", "${:-b}", "${NONE:-${PORT}}"})
    EXPECT_FALSE(expand(text, environment).ok()) << text;
}

TEST(Expand, E5_RefusesAResultThatIsTooLong) {
  const Environment huge = [](const std::string&) { return std::string(65536, 'x'); };
  EXPECT_TRUE(expand("${A}", huge).ok());
  EXPECT_FALSE(expand("${A}y", huge).ok());
  EXPECT_FALSE(expand(std::string(65537, 'x'), huge).ok());
}

TEST(Expand, TellsWhichVariablesWereRead) {
  const auto result = expand("${PORT}${NONE:-x}", environment);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->variables, (std::vector<std::string>{"PORT", "NONE"}));
}

TEST(Expand, WithoutAnEnvironmentNoVariableIsSet) {
  EXPECT_EQ(expand("${PORT:-1}", {}).value().text, "1");
  EXPECT_FALSE(expand("${PORT}", {}).ok());
}

TEST(EscapeVariables, IsUndoneByExpand) {
  for (const std::string text : {"", "$", "$$", "${PORT}", "a$b$$c"})
    EXPECT_EQ(expanded(escape_variables(text)), text);
}

TEST(ProcessEnvironment, ReadsTheEnvironmentOfThisProcess) {
  ::setenv("NEXUS_EXPANSION_TEST", "yes", 1);
  EXPECT_EQ(process_environment()("NEXUS_EXPANSION_TEST"), "yes");
  ::unsetenv("NEXUS_EXPANSION_TEST");
  EXPECT_EQ(process_environment()("NEXUS_EXPANSION_TEST"), std::nullopt);
}

}  // namespace
}  // namespace nexus::daemon
