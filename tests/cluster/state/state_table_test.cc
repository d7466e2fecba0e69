#include "cluster/state/state_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "cluster/random.h"
#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

const MemberId kAnna(1, 1);
const MemberId kBen(2, 2);

std::optional<std::string> value_of(const StateTable& table, const MemberId& owner,
                                    std::string_view key) {
  for (const StateEntry& entry : table.of(owner)) {
    if (entry.key == key) return entry.value;
  }
  return std::nullopt;
}

TEST(StateTable, T1_TheNewerWriteStaysWhateverTheOrder) {
  StateTable table({});
  EXPECT_TRUE(table.merge({.owner = kAnna, .key = "k", .sequence = 2, .value = "new"}));
  EXPECT_FALSE(table.merge({.owner = kAnna, .key = "k", .sequence = 1, .value = "old"}));
  EXPECT_FALSE(table.merge({.owner = kAnna, .key = "k", .sequence = 2, .value = "new"}));
  EXPECT_EQ(value_of(table, kAnna, "k"), "new");
}

// T2, and that merging is commutative, associative and idempotent: any order, and any repetition, of the same writes.
TEST(StateTable, T2_TheSameWritesInAnyOrderGiveTheSameDigest) {
  Random random(1);
  std::vector<StateEntry> writes;
  for (std::uint64_t i = 0; i < 200; ++i) {
    writes.push_back({.owner = MemberId(random.below(20) + 1, 0),
                      .key = "k" + std::to_string(random.below(5)),
                      .sequence = random.below(10) + 1,
                      .value = {}});
    // One writer: equal owner, key and sequence mean an equal value.
    writes.back().value = writes.back().key + std::to_string(writes.back().sequence);
  }
  StateTable first({});
  for (const StateEntry& write : writes) first.merge(write);
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = writes.size(); i > 1; --i)
      std::swap(writes[i - 1], writes[random.below(i)]);
    StateTable other({});
    for (const StateEntry& write : writes) other.merge(write);
    for (std::size_t i = 0; i < 50; ++i) other.merge(writes[random.below(writes.size())]);
    EXPECT_EQ(other.digest(), first.digest());
    EXPECT_EQ(other.bucket_digests(), first.bucket_digests());
    EXPECT_EQ(other.all(), first.all());
  }
}

TEST(StateTable, WhatOneHasAndTheOtherHasNotIsFoundByItsBuckets) {
  StateTable one({});
  StateTable other({});
  for (std::uint64_t i = 1; i <= 50; ++i) {
    const StateEntry entry{.owner = MemberId(i, i), .key = "k", .sequence = 1, .value = "v"};
    one.merge(entry);
    other.merge(entry);
  }
  one.merge({.owner = kAnna, .key = "only one has it", .sequence = 1, .value = "v"});
  other.merge({.owner = kBen, .key = "k", .sequence = 2, .value = "newer"});
  const auto mine = one.bucket_digests();
  const auto theirs = other.bucket_digests();
  std::uint32_t differing = 0;
  for (std::size_t b = 0; b < kStateBuckets; ++b)
    differing |= mine[b] != theirs[b] ? std::uint32_t{1} << b : 0;
  const std::vector<StateVersion> versions = other.versions_in(differing);
  EXPECT_LT(versions.size(), 25u) << "most buckets are equal and not compared";
  for (const StateEntry& entry : one.newer_than(versions, differing)) other.merge(entry);
  for (const StateEntry& entry : other.find(one.older_than(versions))) one.merge(entry);
  EXPECT_EQ(one.digest(), other.digest());
  EXPECT_EQ(value_of(one, kBen, "k"), "newer");
  EXPECT_EQ(value_of(other, kAnna, "only one has it"), "v");
}

TEST(StateTable, T3_AMemberHasNoMoreThanItsShare) {
  StateTable table({.keys_max = 2, .key_bytes_max = 8, .bytes_max = 20});
  EXPECT_TRUE(table.put(kAnna, "a", "12345678").ok());
  EXPECT_FALSE(table.put(kAnna, "too long a key", "").ok());
  EXPECT_FALSE(table.put(kAnna, "", "").ok());
  const auto too_much = table.put(kAnna, "b", "123456789012");
  ASSERT_FALSE(too_much.ok());
  EXPECT_EQ(too_much.error().code, core::Errc::resource_exhausted);
  EXPECT_TRUE(table.put(kAnna, "a", "1234567890123456789").ok())
      << "the old value makes room for the new one";
  EXPECT_TRUE(table.put(kAnna, "a", "").ok());
  EXPECT_TRUE(table.put(kAnna, "b", "").ok());
  EXPECT_FALSE(table.put(kAnna, "c", "").ok()) << "too many keys";
  EXPECT_TRUE(table.put(kBen, "c", "").ok()) << "another member has its own share";
  EXPECT_FALSE(table.merge({.owner = kAnna, .key = "d", .sequence = 1, .value = ""}));
  EXPECT_EQ(table.dropped_count(), 1u);
}

// Nodes send keys as text, and a link ends with the first message whose text is none.
TEST(StateTable, AKeyIsText) {
  StateTable table({});
  EXPECT_TRUE(table.put(kAnna, "größe", "\xff").ok()) << "a value is any bytes";
  const auto refused = table.put(kAnna,
                                 "gr\xf6\xdf"
                                 "e",
                                 "1");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, core::Errc::invalid_argument);
  EXPECT_EQ(refused.error().detail, "a state key must be UTF-8");
}

// As two members do that compare their tables again and again.
TEST(StateTable, T4_TablesThatDifferByMoreThanOneMessageBecomeEqualPartByPart) {
  const StateTable::Options options{.message_bytes_max = 1000};
  StateTable full(options);
  StateTable lags(options);
  for (std::uint64_t i = 1; i <= 200; ++i) {
    full.merge(
        {.owner = MemberId(i, i), .key = "k", .sequence = 1, .value = std::string(100, 'v')});
  }
  for (const StateEntry& entry : full.first_part()) lags.merge(entry);
  int rounds = 0;
  while (lags.digest() != full.digest() && rounds < 100) {
    ++rounds;
    std::uint32_t differing = 0;
    for (std::size_t b = 0; b < kStateBuckets; ++b)
      differing |= full.bucket_digests()[b] != lags.bucket_digests()[b] ? std::uint32_t{1} << b : 0;
    differing = lags.part_of(differing);
    const std::vector<StateEntry> part = full.newer_than(lags.versions_in(differing), differing);
    std::size_t bytes = 0;
    for (const StateEntry& entry : part) bytes += entry.key.size() + entry.value.size();
    EXPECT_LE(bytes, 1000u);
    for (const StateEntry& entry : part) lags.merge(entry);
    std::vector<StateVersion> all;
    for (const StateEntry& entry : full.all())
      all.push_back({.owner = entry.owner, .key = entry.key, .sequence = entry.sequence});
    bytes = 0;
    for (const StateEntry& entry : full.find(all)) bytes += entry.key.size() + entry.value.size();
    EXPECT_LE(bytes, 1000u);
  }
  EXPECT_EQ(lags.digest(), full.digest()) << "after " << rounds << " rounds";
  EXPECT_GT(rounds, 20);
}

TEST(StateTable, AMemberThatIsGoneLeavesNothingBehind) {
  StateTable table({});
  const std::uint64_t empty = table.digest();
  ASSERT_TRUE(table.put(kAnna, "a", "1").ok());
  ASSERT_TRUE(table.put(kAnna, "b", "2").ok());
  table.forget(kAnna);
  EXPECT_EQ(table.digest(), empty);
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_FALSE(value_of(table, kAnna, "a"));
}

}  // namespace
}  // namespace nexus::cluster
