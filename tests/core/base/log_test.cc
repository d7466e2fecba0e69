#include "core/base/log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace nexus::core {
namespace {

class Lines {
 public:
  Log log(LogFormat format, LogLevel level = LogLevel::trace, std::string node = "n1") {
    return Log({.level = level, .format = format, .node = std::move(node)},
               [this](std::string_view line) { lines_.emplace_back(line); });
  }
  // Everything after the timestamp and its blank.
  std::string last_text() const { return lines_.empty() ? "" : lines_.back().substr(25); }
  // Everything from the event on.
  std::string last_json() const {
    return lines_.empty() ? "" : lines_.back().substr(lines_.back().find("\"event\""));
  }
  const std::vector<std::string>& all() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

TEST(Log, WritesOneTextLineARecord) {
  Lines lines;
  lines.log(LogFormat::text).info("node started", {{"workers", 4}, {"why", "first start"}});
  EXPECT_EQ(lines.last_text(), "info  node started workers=4 why=\"first start\" node=n1");
}

// Each digit as 9, so that times compare.
std::string shape(std::string text) {
  for (char& c : text)
    if (c >= '0' && c <= '9') c = '9';
  return text;
}

TEST(Log, BeginsEachLineWithAUtcTimeInMilliseconds) {
  Lines lines;
  lines.log(LogFormat::text).info("x");
  EXPECT_EQ(shape(lines.all().at(0)), "9999-99-99T99:99:99.999Z info  x node=n9");
}

TEST(Log, WritesOneJsonObjectARecord) {
  Lines lines;
  lines.log(LogFormat::json)
      .warn("link lost", {{"peer", "127.0.0.1:7702"}, {"tries", 3}, {"up", false}, {"load", 0.25}});
  EXPECT_EQ(shape(lines.all().at(0).substr(0, 32)), R"({"ts":"9999-99-99T99:99:99.999Z")");
  EXPECT_EQ(lines.all().at(0).substr(32),
            R"(,"level":"warn","event":"link lost","node":"n1",)"
            R"("fields":{"peer":"127.0.0.1:7702","tries":3,"up":false,"load":0.25}})");
}

TEST(Log, JsonWithoutFieldsOrNodeKeepsItsShape) {
  Lines lines;
  lines.log(LogFormat::json, LogLevel::trace, "").info("x");
  EXPECT_EQ(lines.last_json(), R"("event":"x","node":"","fields":{}})");
}

TEST(Log, L1_ValuesNeverBreakATextLine) {
  Lines lines;
  lines.log(LogFormat::text).info("a\nb", {{"k=\n", "x\ny \"z\" \x1B[31m"}, {"empty", ""}});
  EXPECT_EQ(lines.last_text(),
            "info  a\\nb k__=\"x\\ny \\\"z\\\" \\u001b[31m\" empty=\"\" node=n1");
}

TEST(Log, L1_JsonEscapesControlsAndReplacesWhatIsNotUtf8) {
  Lines lines;
  const std::string_view with_zero("a\0b", 3);
  lines.log(LogFormat::json).info("e\"\\", {{"k\n", with_zero}, {"bad", "\xFF\xC3"}});
  EXPECT_EQ(lines.last_json(),
            R"("event":"e\"\\","node":"n1","fields":{"k\n":"a\u0000b","bad":"\ufffd\ufffd"}})");
}

TEST(Log, NumbersAreWrittenInFull) {
  Lines lines;
  lines.log(LogFormat::json)
      .info("x", {{"low", std::numeric_limits<std::int64_t>::min()},
                  {"high", std::numeric_limits<std::uint64_t>::max()},
                  {"tenth", 0.1},
                  {"tiny", 1e-300}});
  EXPECT_EQ(lines.last_json(), R"("event":"x","node":"n1","fields":{"low":-9223372036854775808,)"
                               R"("high":18446744073709551615,"tenth":0.1,"tiny":1e-300}})");
}

TEST(Log, NumbersThatJsonLacksAreStrings) {
  Lines lines;
  lines.log(LogFormat::json)
      .info("x", {{"a", std::numeric_limits<double>::infinity()}, {"b", std::nan("")}});
  EXPECT_EQ(lines.last_json(), R"("event":"x","node":"n1","fields":{"a":"inf","b":"nan"}})");
}

TEST(Log, ANullStringIsWrittenAsSuch) {
  Lines lines;
  const char* none = nullptr;
  lines.log(LogFormat::text).info("x", {{"k", none}});
  EXPECT_EQ(lines.last_text(), "info  x k=(null) node=n1");
}

TEST(Log, BracesAreNoFormat) {
  Lines lines;
  lines.log(LogFormat::text).info("{} {0} %v", {{"k", "{}%n"}});
  EXPECT_EQ(lines.last_text(), "info  {} {0} %v k={}%n node=n1");
}

TEST(Log, WritesOnlyRecordsOfItsLevelAndAbove) {
  Lines lines;
  const Log log = lines.log(LogFormat::text, LogLevel::warn);
  log.info("no");
  log.warn("yes");
  log.error("yes");
  EXPECT_EQ(lines.all().size(), 2u);
  EXPECT_FALSE(log.enabled(LogLevel::info));
  EXPECT_TRUE(log.enabled(LogLevel::warn));
}

TEST(Log, OffWritesNothing) {
  Lines lines;
  const Log log = lines.log(LogFormat::text, LogLevel::off);
  log.error("no");
  log.write(LogLevel::off, "no");
  lines.log(LogFormat::text).write(LogLevel::off, "no");
  EXPECT_TRUE(lines.all().empty());
  EXPECT_FALSE(log.enabled(LogLevel::off));
}

TEST(Log, ADefaultLogDiscardsEverything) {
  const Log log;
  log.error("nobody hears");
  EXPECT_FALSE(log.enabled(LogLevel::error));
}

TEST(Log, L2_LinesOfThreadsDoNotMix) {
  constexpr int kThreads = 4;
  constexpr int kRecords = 500;
  Lines lines;
  const Log log = lines.log(LogFormat::text, LogLevel::trace, "");
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([log] {
      for (int i = 0; i < kRecords; ++i) log.info("x", {{"k", std::string(200, 'a')}});
    });
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(lines.all().size(), static_cast<std::size_t>(kThreads * kRecords));
  for (const std::string& line : lines.all())
    ASSERT_EQ(line.substr(25), "info  x k=" + std::string(200, 'a'));
}

TEST(Log, L3_ASinkThatThrowsTakesNobodyDown) {
  int calls = 0;
  const Log log({}, [&](std::string_view) {
    ++calls;
    if (calls == 1) throw std::runtime_error("disk full");
    if (calls == 2) throw std::bad_alloc();
  });
  log.info("first");
  log.info("second");
  log.info("third");
  EXPECT_EQ(calls, 3);
}

TEST(Log, WritesToStandardErrorWithoutASink) {
  testing::internal::CaptureStderr();
  Log({.node = "n1"}).info("hello");
  const std::string text = testing::internal::GetCapturedStderr();
  ASSERT_GT(text.size(), 25u);
  EXPECT_EQ(text.substr(25), "info  hello node=n1\n");
}

TEST(Log, TwoLogsWriteToTwoPlaces) {
  Lines one;
  Lines two;
  const Log first = one.log(LogFormat::text, LogLevel::info, "a");
  const Log second = two.log(LogFormat::json, LogLevel::info, "b");
  first.info("x");
  second.info("y");
  EXPECT_EQ(one.last_text(), "info  x node=a");
  EXPECT_EQ(two.last_json(), R"("event":"y","node":"b","fields":{}})");
}

}  // namespace
}  // namespace nexus::core
