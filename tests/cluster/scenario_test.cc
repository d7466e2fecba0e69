// Each script in scenarios/ is a test: its commands give the trace that is written below them. With NEXUS_REWRITE=1 in the environment
// the traces are written anew instead; look at the difference before you keep it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/cluster/scenario/interpreter.h"
#include "tests/cluster/scenario/script.h"

namespace nexus::cluster::scenario {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(NEXUS_SCENARIOS)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// What is wrong with a script: where it fails, or how its trace differs; empty when it holds. `rewritten`: the script as it would hold.
std::string check(std::string_view text, std::string* rewritten = nullptr) {
  const auto script = Script::parse(text);
  if (!script.ok()) return script.error().detail;
  Interpreter interpreter;
  std::string wrong;
  std::vector<std::vector<std::string>> traces;
  for (const Block& block : script->blocks()) {
    auto trace = interpreter.carry_out(block.commands);
    if (!trace.ok()) return "line " + std::to_string(block.line) + ": " + trace.error().detail;
    if (const std::string difference = scenario::difference(block.expected, *trace);
        !difference.empty())
      wrong += "line " + std::to_string(block.line) + ":\n" + difference;
    traces.push_back(std::move(*trace));
  }
  if (rewritten != nullptr) *rewritten = script->rewritten(traces);
  return wrong;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, Holds) {
  const std::filesystem::path path = std::filesystem::path(NEXUS_SCENARIOS) / (GetParam() + ".txt");
  const std::string text = read(path);
  std::string rewritten;
  const std::string wrong = check(text, &rewritten);
  if (std::getenv("NEXUS_REWRITE") != nullptr && !rewritten.empty()) {
    if (rewritten != text) std::ofstream(path, std::ios::binary) << rewritten;
    return;
  }
  EXPECT_EQ(wrong, "") << path.string() << ": - is expected, + is what happened\n" << wrong;
}

INSTANTIATE_TEST_SUITE_P(All, Scenario, testing::ValuesIn(scenarios()),
                         [](const auto& parameter) { return parameter.param; });

constexpr std::string_view kHolds =
    "# What a scenario looks like.\n# In two lines.\n\n"
    "cluster n1 n2\n----\n0.0s n1 n2: view 1 {n1 n2}\n\nrun 1s\n----\nnothing\n";

std::string with(std::string_view what, std::string_view instead) {
  std::string text(kHolds);
  return text.replace(text.find(what), what.size(), instead);
}

TEST(ScenarioInterpreter, WhatHappensAsItIsWrittenHolds) { EXPECT_EQ(check(kHolds), ""); }

TEST(ScenarioInterpreter, AnotherTraceIsShownLineByLine) {
  EXPECT_EQ(check(with("view 1 {n1 n2}", "view 2 {n1 n2}")),
            "line 4:\n- 0.0s n1 n2: view 2 {n1 n2}\n+ 0.0s n1 n2: view 1 {n1 n2}\n");
  EXPECT_EQ(check(with("nothing\n", "nothing\n1.0s n1: frozen\n")),
            "line 8:\n  nothing\n- 1.0s n1: frozen\n");
  EXPECT_EQ(check(with("0.0s n1 n2: view 1 {n1 n2}\n", "")),
            "line 4:\n+ 0.0s n1 n2: view 1 {n1 n2}\n");
}

TEST(ScenarioInterpreter, WhatCannotBeCarriedOutFails) {
  EXPECT_NE(check(with("run 1s", "walk 1s")).find("there is no such command"), std::string::npos);
  EXPECT_NE(check(with("run 1s", "run 1h")), "");
  EXPECT_NE(check(with("run 1s", "crash n9")).find("no such node runs"), std::string::npos);
  EXPECT_NE(check(with("run 1s", "show votes")).find("no kind"), std::string::npos);
  EXPECT_NE(check(with("run 1s", "cut n1 n2")), "");
  EXPECT_NE(check(with("run 1s", "option policy=keep-nobody")), "");
  EXPECT_NE(check(with("run 1s", "drop n1 -> n2")).find("nothing of that"), std::string::npos);
}

TEST(ScenarioInterpreter, WhatIsWaitedForInVainFails) {
  EXPECT_NE(check(with("run 1s", "run until n1 n2 are frozen within 5s")).find("not so in time"),
            std::string::npos);
  EXPECT_NE(check(with("run 1s", "run until n1 agree")).find("not so in time"), std::string::npos);
}

TEST(ScenarioInterpreter, AScriptHasAHeadAndCommandsAndTraces) {
  EXPECT_NE(check(""), "");
  EXPECT_NE(check("# One\n# and two.\n").find("without commands"), std::string::npos);
  EXPECT_NE(check(with("# In two lines.\n", "")).find("two lines of comment"), std::string::npos);
  EXPECT_NE(check(with("----\nnothing", "nothing")).find("without ----"), std::string::npos);
}

TEST(ScenarioInterpreter, RewritingChangesTracesOnly) {
  std::string rewritten;
  EXPECT_NE(check(with("nothing", "something"), &rewritten), "");
  EXPECT_EQ(rewritten, kHolds);
}

TEST(ScenarioInterpreter, ACutOfAKindLeavesOtherKindsAlone) {
  EXPECT_EQ(check("# Keys are lost on the way to n2,\n# and it still hears of the leave.\n\n"
                  "cluster n1 n2 n3\ncut entry all -> n2\nput n1 role db\nleave n3\nrun 300ms\n"
                  "state n1 n2\nmembers n1 n2\n----\n"
                  "0.0s n1 n2 n3: view 1 {n1 n2 n3}\n0.0s n1 n3: learns n1 role=db\n"
                  "0.0s n1 n2 n3: view 2 {n1 n2}, left n3\n0.0s n3: out: it left\n"
                  "n1: n1 role=db\nn2:\nn1: view 2 {n1 n2}\nn2: view 2 {n1 n2}\n"),
            "");
}

}  // namespace
}  // namespace nexus::cluster::scenario
