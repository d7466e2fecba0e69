#include "core/process/name_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

// Cells with names; their actors live in the system's own table, too, which does not matter here.
class Names : public testing::Test {
 protected:
  static constexpr int kCount = 500;

  void SetUp() override {
    for (int i = 0; i < kCount; ++i) {
      pids_.push_back(system_.spawn_named(props_of([](Context&) {}), name(i)));
    }
  }
  // Names that differ in their last character belong together, so that these fill few lines far beyond what one holds.
  static std::string name(int i) {
    return "n" + std::to_string(i % 7) + static_cast<char>('0' + i / 7);
  }
  static NameHash hash(int i) { return NameHash(name(i)); }
  ActorCell* cell(int i) { return pids_[static_cast<std::size_t>(i)].cell(); }

  test::TestSystem system_;
  std::vector<Pid> pids_;
  NameTable table_;
};

TEST_F(Names, FindsWhatWasAddedAndNotRemoved) {
  std::mt19937 random(7);
  std::set<int> present;
  for (int round = 0; round < 5'000; ++round) {
    const int i = static_cast<int>(random() % kCount);
    if (present.contains(i)) {
      table_.remove(cell(i)->index(), hash(i));
      present.erase(i);
    } else {
      table_.add(system_->cells(), cell(i)->index(), hash(i));
      present.insert(i);
    }
    const int probe = static_cast<int>(random() % kCount);
    EXPECT_EQ(table_.find(system_->cells(), name(probe), hash(probe)),
              present.contains(probe) ? cell(probe) : nullptr);
  }
  std::set<std::uint32_t> seen;
  table_.for_each([&](std::uint32_t index) { seen.insert(index); });
  EXPECT_EQ(seen.size(), present.size());
  for (int i = 0; i < kCount; ++i) {
    EXPECT_EQ(table_.find(system_->cells(), name(i), hash(i)) != nullptr, present.contains(i)) << i;
  }
}

TEST_F(Names, ASearchIsShortAndShortAgainWhenNamesAreGone) {
  for (int i = 0; i < kCount; ++i) table_.add(system_->cells(), cell(i)->index(), hash(i));
  std::size_t longest = 0;
  for (int i = 0; i < kCount; ++i) longest = std::max(longest, table_.search_length(hash(i)));
  // Seven families of 72 names each fill at least six lines of the 64.
  EXPECT_GE(longest, 6u);
  EXPECT_LE(longest, 32u);
  for (int i = 0; i < kCount; ++i) table_.remove(cell(i)->index(), hash(i));
  for (int i = 0; i < kCount; ++i) EXPECT_EQ(table_.search_length(hash(i)), 1u) << i;
}

TEST_F(Names, NumberedNamesMostlyShareALine) {
  std::vector<Pid> children;
  std::size_t lines = 0;
  constexpr int kChildren = 10'000;
  for (int i = 0; i < kChildren; ++i) {
    children.push_back(system_.spawn_named(props_of([](Context&) {}), "child" + std::to_string(i)));
    const NameHash hash("child" + std::to_string(i));
    table_.add(system_->cells(), children.back().cell()->index(), hash);
  }
  for (int i = 0; i < kChildren; ++i) {
    lines += table_.search_length(NameHash("child" + std::to_string(i)));
  }
  EXPECT_LE(lines, 3u * kChildren);
}

TEST_F(Names, RemovingWhatIsNotThereChangesNothing) {
  table_.remove(cell(1)->index(), hash(1));
  table_.add(system_->cells(), cell(1)->index(), hash(1));
  table_.remove(cell(8)->index(), hash(8));
  EXPECT_EQ(table_.find(system_->cells(), name(1), hash(1)), cell(1));
}

}  // namespace
}  // namespace nexus::core
