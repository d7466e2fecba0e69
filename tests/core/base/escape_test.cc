#include "core/base/escape.h"

#include <gtest/gtest.h>

#include <string>

namespace nexus::core {
namespace {

using namespace std::string_literals;

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

TEST(Utf8SequenceBytes, AcceptsTheFirstAndLastCharacterOfEachLength) {
  EXPECT_EQ(utf8_sequence_bytes("\0"s), 1u);
  EXPECT_EQ(utf8_sequence_bytes("\x7F"), 1u);
  EXPECT_EQ(utf8_sequence_bytes("\xC2\x80"), 2u);
  EXPECT_EQ(utf8_sequence_bytes("\xDF\xBF"), 2u);
  EXPECT_EQ(utf8_sequence_bytes("\xE0\xA0\x80"), 3u);
  EXPECT_EQ(utf8_sequence_bytes("\xED\x9F\xBF"), 3u);
  EXPECT_EQ(utf8_sequence_bytes("\xEF\xBF\xBF"), 3u);
  EXPECT_EQ(utf8_sequence_bytes("\xF0\x90\x80\x80"), 4u);
  EXPECT_EQ(utf8_sequence_bytes("\xF4\x8F\xBF\xBF"), 4u);
}

TEST(Utf8SequenceBytes, RefusesWhatIsNotWellFormed) {
  EXPECT_EQ(utf8_sequence_bytes(""), 0u);
  EXPECT_EQ(utf8_sequence_bytes("\x80"), 0u) << "continuation first";
  EXPECT_EQ(utf8_sequence_bytes("\xC0\x80"), 0u) << "overlong";
  EXPECT_EQ(utf8_sequence_bytes("\xE0\x9F\xBF"), 0u) << "overlong";
  EXPECT_EQ(utf8_sequence_bytes("\xF0\x8F\xBF\xBF"), 0u) << "overlong";
  EXPECT_EQ(utf8_sequence_bytes("\xED\xA0\x80"), 0u) << "surrogate";
  EXPECT_EQ(utf8_sequence_bytes("\xF4\x90\x80\x80"), 0u) << "above U+10FFFF";
  EXPECT_EQ(utf8_sequence_bytes("\xE2\x82"), 0u) << "cut off";
  EXPECT_EQ(utf8_sequence_bytes("\xF5\x80\x80\x80"), 0u);
}

TEST(AppendEscaped, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(escaped("a b/c 1 \xC3\xA9 \xF0\x9F\x98\x80"), "a b/c 1 \xC3\xA9 \xF0\x9F\x98\x80");
}

TEST(AppendEscaped, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(escaped("\"\\\n\r\t"), "\\\"\\\\\\n\\r\\t");
  EXPECT_EQ(escaped("\0\x01\x1B\x7F"s), "\\u0000\\u0001\\u001b\\u007f");
  EXPECT_EQ(escaped("\xC2\x9B"), "\\u009b") << "a terminal takes it for an escape sequence";
}

TEST(AppendEscaped, ReplacesEachByteThatIsNotUtf8) {
  EXPECT_EQ(escaped("a\xFF\xE2\x82z"), "a\\ufffd\\ufffd\\ufffdz");
}

TEST(Quoted, CutsLongTextBetweenCharacters) {
  EXPECT_EQ(quoted("abcdef", 6), "\"abcdef\"");
  EXPECT_EQ(quoted("abcdefg", 6), "\"abcdef...\"");
  EXPECT_EQ(quoted("a\xC3\xA9z", 2), "\"a...\"");
}

}  // namespace
}  // namespace nexus::core
