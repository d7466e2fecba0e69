#include "daemon/cli/json_text.h"

#include <gtest/gtest.h>

#include "daemon/cli/base64.h"

namespace nexus::cli {
namespace {

std::string fault_of(std::string_view text) {
  const auto json = compact_json(text);
  return json ? "" : json.error().detail;
}

TEST(CompactJson, DropsBlanksBetweenTokensAndKeepsThoseInStrings) {
  EXPECT_EQ(compact_json(" { \"a b\" : [ 1 , -2.5e+3 ,\ttrue ] , \"c\":{} }\n").value(),
            "{\"a b\":[1,-2.5e+3,true],\"c\":{}}");
}

TEST(CompactJson, TakesEveryKindOfValueAtTheTop) {
  for (const char* text :
       {"0", "-0.5", "1E9", "\"x\"", "\"\\u00e4\\n\"", "null", "false", "[]", "{}"}) {
    EXPECT_EQ(compact_json(text).value(), text);
  }
}

TEST(CompactJson, SaysAtWhichCharacterTheTextStopsBeingJson) {
  EXPECT_EQ(fault_of("{add:5}"), "not JSON at character 2: expected a name in double quotes");
  EXPECT_EQ(fault_of("{\"a\":1,}"), "not JSON at character 8: expected a name in double quotes");
  EXPECT_EQ(fault_of("[1 2]"), "not JSON at character 4: expected ',' or ']'");
  EXPECT_EQ(fault_of("1 1"), "not JSON at character 3: the text goes on after its value");
  EXPECT_EQ(fault_of("\"open"), "not JSON at character 6: a string is not closed");
}

TEST(CompactJson, RefusesWhatOnlyLooksLikeJson) {
  for (const char* text : {"",   " ",    "hello",   "'a'",         "01",      ".5",       "1.",
                           "1e", "+1",   "NaN",     "tru",         "{\"a\"}", "{\"a\":}", "[",
                           "]",  "[1,]", "\"\\x\"", "\"\\u12g4\"", "\"\n\"",  "{1:2}"}) {
    EXPECT_NE(fault_of(text), "") << "taken as JSON: " << text;
  }
}

TEST(CompactJson, NestsAsDeepAsItsLimitAndNoDeeper) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(fault_of(nested(kJsonDepthMax + 1)), "");
  EXPECT_NE(fault_of(nested(kJsonDepthMax + 2)), "");
  EXPECT_NE(fault_of(std::string(1'000'000, '[')), "");
}

TEST(QuoteJson, EscapesWhatMustBeAndLeavesOtherCharactersAlone) {
  EXPECT_EQ(quote_json("a\"b\\c\n\t\x01 \xC3\xA4"), "\"a\\\"b\\\\c\\n\\t\\u0001 \xC3\xA4\"");
}

TEST(QuoteJson, ReplacesBytesThatAreNotUtf8) {
  for (const char* bytes : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
    EXPECT_EQ(quote_json(bytes).find(bytes), std::string::npos);
    EXPECT_TRUE(compact_json(quote_json(bytes)).ok());
  }
}

TEST(JsonObject, WritesItsKeysInOrder) {
  JsonObject object;
  object.put("text", "x").put("count", std::uint64_t{3}).put("flag", true).put_json("raw", "[1]");
  object.put("map", std::map<std::string, std::string>{{"a", "b"}});
  EXPECT_EQ(object.text(), R"({"text":"x","count":3,"flag":true,"raw":[1],"map":{"a":"b"}})");
  EXPECT_EQ(JsonObject().text(), "{}");
}

TEST(Base64, PadsToFourCharacters) {
  // RFC 4648, section 10.
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xFF\xFE\xFD"), "//79");
}

}  // namespace
}  // namespace nexus::cli
