#include "core/base/short_text.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace nexus::core {
namespace {

TEST(ShortText, IsTheSameOnlyWhereEachByteIs) {
  std::string text;
  for (std::size_t size = 0; size <= 40; ++size) {
    EXPECT_TRUE(same_text(text, std::string(text))) << size;
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = text;
      other[i] = '\0';
      EXPECT_FALSE(same_text(text, other)) << size << " bytes, other at " << i;
      EXPECT_NE(hash_text(text), hash_text(other)) << size << " bytes, other at " << i;
    }
    text.push_back(static_cast<char>('a' + size % 26));
  }
}

TEST(ShortText, OfOtherSizesDiffersAlsoWhereOneBeginsTheOther) {
  const std::string text = "127.0.0.1:7701/visits";
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(same_text(text, std::string_view(text).substr(0, size)));
  }
  EXPECT_TRUE(same_text({}, ""));
}

TEST(ShortText, NumberedNamesHaveHashesOfTheirOwn) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(hash_text("c" + std::to_string(i)));
  EXPECT_EQ(seen.size(), 10'000u);
}

}  // namespace
}  // namespace nexus::core
