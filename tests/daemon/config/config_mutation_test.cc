// Whatever bytes a file holds, the loader answers with a configuration or an error. Deterministic:
// a failure names the seed, and the text is printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "daemon/config/load_config.h"
#include "daemon/config/print_config.h"

namespace nexus::daemon {
namespace {

using Random = std::mt19937_64;

constexpr int kSeeds = 4000;

std::size_t below(Random& random, std::size_t end) { return end == 0 ? 0 : random() % end; }

// What YAML and we treat specially; far more harmful than random bytes.
const std::vector<std::string> kPieces = {"\n",
                                          "\t",
                                          " ",
                                          ":",
                                          ": ",
                                          "- ",
                                          "? ",
                                          "[",
                                          "]",
                                          "{",
                                          "}",
                                          ",",
                                          "#",
                                          "&a ",
                                          "*a",
                                          "!",
                                          "!!",
                                          "|",
                                          ">",
                                          "'",
                                          "\"",
                                          "%",
                                          "@",
                                          "`",
                                          "---",
                                          "...",
                                          "<<: ",
                                          "~",
                                          "${",
                                          "${A",
                                          "${A:-}",
                                          "$$",
                                          "$",
                                          "\\",
                                          "\\x",
                                          "|+\n",
                                          ">-\n",
                                          "null",
                                          "\r",
                                          "\r\n",
                                          "0x",
                                          "1e999",
                                          "-1",
                                          "99999999999999999999",
                                          "\x04",
                                          "\xEF\xBB\xBF",
                                          "\xC3",
                                          "\xFF",
                                          "\xE2\x80\xA8",
                                          "%TAG ! x\n",
                                          "%YAML 1.2\n",
                                          "!<a>",
                                          "? |\n",
                                          std::string(1, '\0')};

std::string mutated(std::string text, Random& random) {
  const std::size_t edits = 1 + below(random, 6);
  for (std::size_t i = 0; i < edits; ++i) {
    const std::size_t at = below(random, text.size() + 1);
    switch (below(random, 6)) {
      case 0:
        text.insert(at, kPieces[below(random, kPieces.size())]);
        break;
      case 1:
        text.erase(at, below(random, 20));
        break;
      case 2:
        text.resize(at);
        break;
      case 3:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 4: {
        const std::string part = text.substr(at, below(random, 200));
        text.insert(below(random, text.size() + 1), part);
        break;
      }
      case 5: {
        const std::string piece = kPieces[below(random, kPieces.size())];
        for (std::size_t n = below(random, 40); n > 0; --n) text.insert(at, piece);
        break;
      }
    }
  }
  return text;
}

// Without comments, so that edits hit what matters.
std::string bare(const std::string& text) {
  std::string out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string line = text.substr(begin, end - begin);
    if (line.find('#') == std::string::npos && line != "\n") out += line;
    begin = end;
  }
  return out;
}

TEST(LoadConfig, AnswersWhateverTheFileHolds) {
  std::ifstream file(std::string(NEXUS_SOURCE_DIR) + "/config/node.yaml", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string start = bare(whole);
  ASSERT_FALSE(start.empty());
  const LoadOptions options{.kinds = {"counter"},
                            .environment = [](const std::string&) { return std::string("7"); },
                            .host_name = "h"};
  int valid = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const std::string text = mutated(seed % 4 == 0 ? whole : start, random);
    SCOPED_TRACE("seed " + std::to_string(seed) + ":\n" + text);
    const auto config = load_config_text(text, "f", options);
    if (!config) {
      ASSERT_FALSE(config.error().detail.empty());
      continue;
    }
    ++valid;
    const auto again = load_config_text(print_config(*config), "printed", options);
    ASSERT_TRUE(again.ok()) << again.error().detail;
    ASSERT_EQ(*again, *config);
  }
  // Else the edits are too wild to reach what lies behind the parser.
  EXPECT_GT(valid, kSeeds / 50);
  EXPECT_LT(valid, kSeeds);
}

TEST(LoadConfig, AnswersEveryPrefixOfAFile) {
  std::ifstream file(std::string(NEXUS_SOURCE_DIR) + "/config/node.yaml", std::ios::binary);
  const std::string start =
      bare({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  for (std::size_t bytes = 0; bytes <= start.size(); ++bytes) {
    SCOPED_TRACE("first " + std::to_string(bytes) + " bytes");
    const auto config = load_config_text(start.substr(0, bytes), "f", {.host_name = "h"});
    ASSERT_TRUE(config.ok() || !config.error().detail.empty());
  }
}

}  // namespace
}  // namespace nexus::daemon
