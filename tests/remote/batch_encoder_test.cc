// BatchEncoder: which bytes it writes, how it counts them, and what it knows again.
#include "remote/batch_encoder.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/actor/messages.h"
#include "tests/remote/wire_bytes.h"
#include "tests/support/test_system.h"

namespace nexus::remote {
namespace {

using core::Pid;

class BatchEncoderTest : public testing::Test {
 protected:
  bool add(const Pid& target, const Pid& sender, std::string_view data = "",
           std::string_view type = "T", std::size_t bytes_max = BatchEncoder::kBytesMax) {
    return encoder_.try_add({.type_name = type, .target = target, .sender = sender}, data,
                            bytes_max);
  }
  std::string finished() { return std::string(encoder_.finish()); }

  const Pid target_ = Pid::of_name("p:1", "x");
  const Pid sender_ = Pid::of_name("n:1", "s");
  BatchEncoder encoder_;
};

TEST_F(BatchEncoderTest, AnEmptyBatchIsAFrameToo) {
  encoder_.begin(Dialect::strings);
  EXPECT_EQ(encoder_.bytes(), 2u);
  EXPECT_EQ(finished(), bytes("0a 00"));
}

TEST_F(BatchEncoderTest, W1_TableEntriesComeRightBeforeTheFirstEnvelopeThatNeedsThem) {
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(add(target_, sender_, "1"));
  EXPECT_TRUE(add(Pid::of_name("p:1", "y"), sender_, "2"));
  EXPECT_TRUE(add(target_, sender_, "3", "U"));
  EXPECT_EQ(finished(),
            bytes("0a 2f"
                  "  0a 01 'T'  12 01 'x'  22 08  0a 03 'n:1'  12 01 's'  1a 05  12 01 '1'  20 01"
                  "  12 01 'y'  1a 07  12 01 '2'  18 01  20 01"
                  "  0a 01 'U'  1a 07  08 01  12 01 '3'  20 01"));
  EXPECT_EQ(encoder_.count(), 3u);
}

TEST_F(BatchEncoderTest, PidsOfTheOldDialectAreMessagesWithoutTheirEmptyFields) {
  encoder_.begin(Dialect::pids);
  EXPECT_TRUE(add(target_, {}));
  EXPECT_TRUE(add(Pid::of_name("", "y"), Pid::of_name("", "s")));
  EXPECT_TRUE(add(Pid::of_name("p:1", ""), {}));
  EXPECT_EQ(finished(), bytes("0a 2a"
                              "  0a 01 'T'  12 08  0a 03 'p:1'  12 01 'x'  1a 00"
                              "  12 03  12 01 'y'  22 03  12 01 's'  1a 04  18 01  20 01"
                              "  12 05  0a 03 'p:1'  1a 02  18 02"));
}

TEST_F(BatchEncoderTest, ATargetWithoutANameIsAnEmptyEntry) {
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(add({}, {}));
  EXPECT_EQ(finished(), bytes("0a 07  0a 01 'T'  12 00  1a 00"));
}

TEST_F(BatchEncoderTest, HeadersAreWrittenInTheirOrder) {
  const core::Headers headers = {{"k", "v"}, {"", ""}};
  const std::array<HeaderView, 1> more = {HeaderView{"k", "w"}};
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(encoder_.try_add(
      {.type_name = "T", .target = target_, .sender = {}, .headers = headers, .more_headers = more},
      ""));
  EXPECT_EQ(finished(), bytes("0a 20  0a 01 'T'  12 01 'x'  1a 18  32 16"
                              "  0a 06  0a 01 'k'  12 01 'v'  0a 04  0a 00  12 00"
                              "  0a 06  0a 01 'k'  12 01 'w'"));
}

TEST_F(BatchEncoderTest, RequestIdsGoToTheEnvelope) {
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(add(target_.with_request_id(300), sender_.with_request_id(0xffff'ffff)));
  EXPECT_TRUE(add(target_.with_request_id(1), sender_));
  EXPECT_EQ(finished(), bytes("0a 23  0a 01 'T'  12 01 'x'  22 08  0a 03 'n:1'  12 01 's'"
                              "  1a 0b  20 01  38 ac02  40 ffffffff0f"
                              "  1a 04  20 01  38 01"));
}

TEST_F(BatchEncoderTest, DataIsWrittenInPlace) {
  encoder_.begin(Dialect::strings);
  const BatchEncoder::Message parts{
      .type_name = "T", .target = target_.with_request_id(7), .sender = {}};
  const auto write = [](char* place) { std::string_view("hello").copy(place, 5); };
  EXPECT_TRUE(encoder_.try_add(parts, 5, BatchEncoder::kBytesMax, write));
  EXPECT_EQ(finished(), bytes("0a 11  0a 01 'T'  12 01 'x'  1a 09  12 05 'hello'  38 07"));
}

TEST_F(BatchEncoderTest, W2_BytesAreThoseOfTheFrameAtEachMoment) {
  // Past the sizes at which a length takes one more byte, of data, of the envelope and of the frame.
  for (const std::size_t step : {1u, 13u, 126u, 127u, 128u, 16'383u, 16'384u}) {
    encoder_.begin(Dialect::strings);
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(add(target_, i % 3 == 0 ? sender_ : Pid(), std::string(step, 'd')));
      const std::size_t expected = encoder_.bytes();
      ASSERT_EQ(encoder_.finish().size(), expected) << step << " x " << i;
    }
  }
}

TEST_F(BatchEncoderTest, AMessageThatWouldExceedTheLimitLeavesNoTrace) {
  encoder_.begin(Dialect::pids);
  EXPECT_TRUE(add(target_, sender_, "1"));
  const std::string before = finished();
  const Pid other_target = Pid::of_name("p:1", "other");
  const Pid other_sender = Pid::of_name("n:1", "other");
  ASSERT_TRUE(add(other_target, other_sender, "22", "Other"));
  const std::string after = finished();

  encoder_.begin(Dialect::pids);
  EXPECT_TRUE(add(target_, sender_, "1"));
  EXPECT_FALSE(add(other_target, other_sender, "22", "Other", after.size() - 1));
  EXPECT_EQ(finished(), before);
  EXPECT_EQ(encoder_.count(), 1u);
  // All three entries are new again: nothing remembers them.
  EXPECT_TRUE(add(other_target, other_sender, "22", "Other", after.size()));
  EXPECT_EQ(finished(), after);
}

TEST_F(BatchEncoderTest, ARefusedMessageTakesBackOnlyItsOwnEntries) {
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(add(target_, sender_, "1"));
  EXPECT_FALSE(add(target_, Pid::of_name("n:1", "r"), "2", "T", encoder_.bytes()));
  EXPECT_FALSE(add(Pid::of_name("p:1", "y"), sender_, "2", "T", encoder_.bytes()));
  EXPECT_FALSE(add(target_, sender_, "2", "U", encoder_.bytes()));
  EXPECT_TRUE(add(target_, sender_, "3"));
  EXPECT_EQ(finished(),
            bytes("0a 1e"
                  "  0a 01 'T'  12 01 'x'  22 08  0a 03 'n:1'  12 01 's'  1a 05  12 01 '1'  20 01"
                  "  1a 05  12 01 '3'  20 01"));
}

TEST_F(BatchEncoderTest, W4_TheNextFrameKnowsNothingOfTheOneBefore) {
  encoder_.begin(Dialect::strings);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(add(Pid::of_name("p:1", "t" + std::to_string(i)), sender_, "1"));
  }
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(add(Pid::of_name("p:1", "t7"), sender_, "1"));
  EXPECT_EQ(
      finished(),
      bytes(
          "0a 18  0a 01 'T'  12 02 't7'  22 08  0a 03 'n:1'  12 01 's'  1a 05  12 01 '1'  20 01"));
}

TEST_F(BatchEncoderTest, AFrameThatWasTakenKeepsItsBytes) {
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(add(target_, {}, "1"));
  const std::string expected = finished();
  FrameBytes taken = encoder_.take();
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(add(target_, {}, "2"));
  EXPECT_EQ(taken.view(), expected);
  FrameBytes moved = std::move(taken);
  EXPECT_EQ(moved.view(), expected);
  EXPECT_EQ(encoder_.finish().size(), expected.size());
}

TEST_F(BatchEncoderTest, W1_RecordsOfTheSameTextAreOneEntry) {
  encoder_.begin(Dialect::strings);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(add(Pid::of_name("p:1", "x"), Pid::of_name("n:1", "s")));
  EXPECT_EQ(finished(), bytes("0a 1c  0a 01 'T'  12 01 'x'  22 08  0a 03 'n:1'  12 01 's'"
                              "  1a 02  20 01  1a 02  20 01  1a 02  20 01"));
}

TEST_F(BatchEncoderTest, W1_TheAddressTellsRecordsApartWhereItIsWritten) {
  const Pid here = Pid::of_name("a:1", "x");
  const Pid there = Pid::of_name("b:1", "x");
  encoder_.begin(Dialect::strings);
  EXPECT_TRUE(add(here, here));
  EXPECT_TRUE(add(there, there));
  EXPECT_EQ(finished(), bytes("0a 22  0a 01 'T'  12 01 'x'"
                              "  22 08  0a 03 'a:1'  12 01 'x'  1a 02  20 01"
                              "  22 08  0a 03 'b:1'  12 01 'x'  1a 02  20 02"));
  encoder_.begin(Dialect::pids);
  EXPECT_TRUE(add(here, {}));
  EXPECT_TRUE(add(there, {}));
  EXPECT_EQ(finished(), bytes("0a 1d  0a 01 'T'  12 08  0a 03 'a:1'  12 01 'x'  1a 00"
                              "  12 08  0a 03 'b:1'  12 01 'x'  1a 02  18 01"));
}

// Address and id run together the same way.
TEST_F(BatchEncoderTest, W1_WhereTheAddressEndsCounts) {
  encoder_.begin(Dialect::pids);
  EXPECT_TRUE(add(Pid::of_name("ab", "c"), {}));
  EXPECT_TRUE(add(Pid::of_name("a", "bc"), {}));
  EXPECT_EQ(finished(), bytes("0a 1b  0a 01 'T'  12 07  0a 02 'ab'  12 01 'c'  1a 00"
                              "  12 07  0a 01 'a'  12 02 'bc'  1a 02  18 01"));
}

// The allocator may give the next record the place of the one that is gone.
TEST_F(BatchEncoderTest, W3_PidsMayGoBeforeTheFrameIsFinished) {
  encoder_.begin(Dialect::strings);
  for (const char* id : {"aaaa", "bbbb", "cccc"}) {
    const auto type = std::make_unique<std::string>("type." + std::string(id));
    EXPECT_TRUE(add(Pid::of_name("p:1", id), Pid::of_name("n:1", id), "", *type));
  }
  EXPECT_EQ(finished(), bytes("0a 6e"
                              "  0a 09 'type.aaaa'  12 04 'aaaa'  22 0b  0a 03 'n:1'  12 04 'aaaa'"
                              "  1a 02  20 01"
                              "  0a 09 'type.bbbb'  12 04 'bbbb'  22 0b  0a 03 'n:1'  12 04 'bbbb'"
                              "  1a 06  08 01  18 01  20 02"
                              "  0a 09 'type.cccc'  12 04 'cccc'  22 0b  0a 03 'n:1'  12 04 'cccc'"
                              "  1a 06  08 02  18 02  20 03"));
}

TEST_F(BatchEncoderTest, W1_HandlesAreKnownByTheActorAndWrittenByName) {
  test::TestSystem system({.address = "h:1"});
  const Pid actor = system.spawn_named(test::steered(test::new_diary()), "a");
  const Pid guardian = system->guardian_pid();
  const Pid future =
      system->futures().open(system->clock().now() + std::chrono::hours(1), [](core::Answer) {});
  encoder_.begin(Dialect::strings);
  for (int i = 0; i < 2; ++i) {
    for (const Pid* sender : {&actor, &guardian, &future}) EXPECT_TRUE(add(target_, *sender));
  }
  const std::string guardian_pid =
      bytes("0a 03 'h:1'  12") + static_cast<char>(guardian.id().size()) + guardian.id();
  const std::string future_pid =
      bytes("0a 03 'h:1'  12") + static_cast<char>(future.id().size()) + future.id();
  const std::string number = bytes("40") + static_cast<char>(future.request_id());
  ASSERT_LT(future.request_id(), 128u);
  const std::string body =
      bytes("0a 01 'T'  12 01 'x'  22 08  0a 03 'h:1'  12 01 'a'  1a 02  20 01") + bytes("22") +
      static_cast<char>(guardian_pid.size()) + guardian_pid + bytes("1a 02  20 02") + bytes("22") +
      static_cast<char>(future_pid.size()) + future_pid + bytes("1a 04  20 03") + number +
      bytes("1a 02  20 01  1a 02  20 02  1a 04  20 03") + number;
  EXPECT_EQ(finished(), bytes("0a") + static_cast<char>(body.size()) + body);
  EXPECT_TRUE(system->futures().cancel(future));
}

TEST_F(BatchEncoderTest, TenThousandTargetsKeepTheirPlaces) {
  std::vector<Pid> targets;
  for (int i = 0; i < 10'000; ++i) {
    targets.push_back(Pid::of_name("p:1", "t" + std::to_string(i)));
  }
  for (int round = 0; round < 3; ++round) {
    encoder_.begin(Dialect::strings);
    for (const Pid& target : targets) ASSERT_TRUE(add(target, {}));
    const std::size_t bytes_before = encoder_.bytes();
    for (std::size_t i = targets.size(); i-- > 0;) {
      // Each is one envelope of an index, and no entry: at most tag, length, tag and two bytes.
      const std::size_t before = encoder_.bytes();
      ASSERT_TRUE(add(targets[i], {}));
      ASSERT_LE(encoder_.bytes() - before, 6u) << i;
    }
    EXPECT_LT(bytes_before, encoder_.bytes());
  }
}

}  // namespace
}  // namespace nexus::remote
