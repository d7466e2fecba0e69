#include "daemon/config/units.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace nexus::daemon {
namespace {

using namespace std::chrono_literals;

TEST(ParseCount, ReadsDigitsOnly) {
  EXPECT_EQ(parse_count("0").value(), 0u);
  EXPECT_EQ(parse_count("007").value(), 7u);
  EXPECT_EQ(parse_count("18446744073709551615").value(), std::numeric_limits<std::uint64_t>::max());
  for (const std::string text : {"", " 1", "1 ", "+1", "-1", "0x10", "1e3", "1.0", "1_000", "1,000",
                                 "one", "18446744073709551616", "\xD9\xA1"})
    EXPECT_FALSE(parse_count(text).ok()) << text;
}

TEST(ParseDuration, ReadsAWholeNumberAndAUnit) {
  EXPECT_EQ(parse_duration("0ms").value(), 0ms);
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("5s").value(), 5s);
  EXPECT_EQ(parse_duration("10m").value(), 10min);
  EXPECT_EQ(parse_duration("24h").value(), 24h);
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const std::string text : {"", "5", "s", "ms", "1.5s", "-1s", "5 s", "5S", "5sec", "1m30s",
                                 "5us", "99999999999999999999s", "9223372036854775807s"})
    EXPECT_FALSE(parse_duration(text).ok()) << text;
}

TEST(ParseBytes, ReadsAWholeNumberWithOrWithoutAPowerOf1024) {
  EXPECT_EQ(parse_bytes("3500000").value(), 3'500'000u);
  EXPECT_EQ(parse_bytes("512KiB").value(), 512u * 1024);
  EXPECT_EQ(parse_bytes("4MiB").value(), 4u * 1024 * 1024);
  EXPECT_EQ(parse_bytes("16GiB").value(), 16ull << 30);
}

TEST(ParseBytes, RefusesEverythingElse) {
  for (const std::string text : {"", "KiB", "4MB", "4M", "4 MiB", "4mib", "-1", "0.5MiB", "1TiB",
                                 "9223372036854775808", "99999999999GiB"})
    EXPECT_FALSE(parse_bytes(text).ok()) << text;
}

TEST(Format, UsesTheLargestUnitThatNeedsNoFraction) {
  EXPECT_EQ(format_duration(0ms), "0ms");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(60min), "1h");
  EXPECT_EQ(format_bytes(0), "0");
  EXPECT_EQ(format_bytes(3'500'000), "3500000");
  EXPECT_EQ(format_bytes(1536), "1536");
  EXPECT_EQ(format_bytes(2048), "2KiB");
  EXPECT_EQ(format_bytes(1ull << 30), "1GiB");
}

TEST(Format, ReadsBackToTheSameValue) {
  for (std::int64_t n = 1; n < 10'000'000'000; n = n * 3 + 1) {
    EXPECT_EQ(parse_duration(format_duration(std::chrono::milliseconds(n))).value().count(), n);
    EXPECT_EQ(parse_bytes(format_bytes(static_cast<std::uint64_t>(n))).value(),
              static_cast<std::uint64_t>(n));
  }
}

}  // namespace
}  // namespace nexus::daemon
