#include "tests/cluster/scenario/script.h"

#include <algorithm>
#include <sstream>
#include <utility>

namespace nexus::cluster::scenario {
namespace {

constexpr std::string_view kDivider = "----";
constexpr std::size_t kHeadLines = 2;

core::Error error_at(std::size_t line, std::string_view what) {
  return {.code = core::Errc::invalid_argument,
          .detail = "line " + std::to_string(line) + ": " + std::string(what)};
}

bool is_comment(const std::string& line) { return line.starts_with('#'); }

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void append(std::string& text, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) text += line + '\n';
}

}  // namespace

core::Result<Script> Script::parse(std::string_view text) {
  const std::vector<std::string> lines = lines_of(text);
  const auto head = std::find_if_not(lines.begin(), lines.end(), is_comment) - lines.begin();
  if (static_cast<std::size_t>(head) < kHeadLines)
    return error_at(1, "a script begins with two lines of comment that say which decision it pins");

  Script script;
  for (std::size_t i = 0;;) {
    std::vector<std::string>& between = script.between_.emplace_back();
    while (i < lines.size() && (lines[i].empty() || is_comment(lines[i])))
      between.push_back(lines[i++]);
    if (i == lines.size()) break;

    Block block{.line = i + 1};
    while (i < lines.size() && !lines[i].empty() && lines[i] != kDivider)
      block.commands.push_back(lines[i++]);
    if (i == lines.size() || lines[i] != kDivider)
      return error_at(block.line, "commands without ---- below them");
    if (block.commands.empty()) return error_at(block.line, "---- without commands above it");
    for (++i; i < lines.size() && !lines[i].empty(); ++i) block.expected.push_back(lines[i]);
    script.blocks_.push_back(std::move(block));
  }
  if (script.blocks_.empty()) return error_at(lines.size(), "a script without commands");
  return script;
}

std::string Script::rewritten(const std::vector<std::vector<std::string>>& expected) const {
  std::string text;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    append(text, between_[i]);
    append(text, blocks_[i].commands);
    append(text, {std::string(kDivider)});
    append(text, expected[i]);
  }
  append(text, between_.back());
  return text;
}

std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual) {
  if (expected == actual) return {};
  // common[e][a]: how many lines the rest of both has in common, in order.
  std::vector<std::vector<std::size_t>> common(expected.size() + 1,
                                               std::vector<std::size_t>(actual.size() + 1));
  for (std::size_t e = expected.size(); e-- > 0;) {
    for (std::size_t a = actual.size(); a-- > 0;) {
      common[e][a] = expected[e] == actual[a] ? common[e + 1][a + 1] + 1
                                              : std::max(common[e + 1][a], common[e][a + 1]);
    }
  }
  std::string text;
  std::size_t e = 0;
  std::size_t a = 0;
  while (e < expected.size() || a < actual.size()) {
    if (e < expected.size() && a < actual.size() && expected[e] == actual[a]) {
      text += "  " + expected[e++] + '\n';
      ++a;
    } else if (a == actual.size() ||
               (e < expected.size() && common[e + 1][a] >= common[e][a + 1])) {
      text += "- " + expected[e++] + '\n';
    } else {
      text += "+ " + actual[a++] + '\n';
    }
  }
  return text;
}

}  // namespace nexus::cluster::scenario
