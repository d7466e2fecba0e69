#include "cluster/view/member_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace nexus::cluster {
namespace {

constexpr const char* kText = "00112233445566778899aabbccddeeff";

TEST(MemberId, PrintsAs32LowerCaseHexDigits) {
  const std::string text = MemberId::random().to_string();
  EXPECT_EQ(text.size(), 32u);
  EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos) << text;
}

TEST(MemberId, ParsesWhatItPrints) {
  for (int i = 0; i < 1'000; ++i) {
    const MemberId id = MemberId::random();
    const auto parsed = MemberId::parse(id.to_string());
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, id);
  }
  EXPECT_EQ(MemberId::parse(kText)->to_string(), kText);
}

TEST(MemberId, NothingElseParses) {
  const std::string good = kText;
  EXPECT_FALSE(MemberId::parse(""));
  EXPECT_FALSE(MemberId::parse(good.substr(1)));
  EXPECT_FALSE(MemberId::parse(good + "0"));
  EXPECT_FALSE(MemberId::parse("00112233445566778899AABBCCDDEEFF")) << "upper case";
  EXPECT_FALSE(MemberId::parse("00112233-4455-6677-8899-aabbccdd")) << "dashes";
  // Each byte value in each place: only the 16 digits are taken.
  for (std::size_t place = 0; place < good.size(); ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = good;
      text[place] = static_cast<char>(byte);
      const bool digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
      EXPECT_EQ(MemberId::parse(text).has_value(), digit) << "byte " << byte << " at " << place;
    }
  }
}

TEST(MemberId, ARandomOneNeverComesTwice) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(MemberId::random().to_string()).second);
}

TEST(MemberId, EachBitOfARandomOneIsSetHalfOfTheTime) {
  constexpr int kCount = 4'000;
  int set[32][4] = {};
  for (int i = 0; i < kCount; ++i) {
    const std::string text = MemberId::random().to_string();
    for (std::size_t digit = 0; digit < 32; ++digit) {
      const char c = text[digit];
      const int value = c <= '9' ? c - '0' : c - 'a' + 10;
      for (int bit = 0; bit < 4; ++bit) set[digit][bit] += (value >> bit) & 1;
    }
  }
  // Ten standard deviations.
  for (const auto& digit : set) {
    for (const int count : digit) EXPECT_NEAR(count, kCount / 2, 320);
  }
}

TEST(MemberId, OrdersAsItsTextDoes) {
  for (int i = 0; i < 1'000; ++i) {
    const MemberId a = MemberId::random();
    const MemberId b = MemberId::random();
    EXPECT_EQ(a < b, a.to_string() < b.to_string());
  }
}

}  // namespace
}  // namespace nexus::cluster
