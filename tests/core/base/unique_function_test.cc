#include "core/base/unique_function.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace nexus::core {
namespace {

TEST(UniqueFunction, OwnsWhatItsCallableOwns) {
  auto owned = std::make_unique<int>(7);
  UniqueFunction<int(int)> add = [owned = std::move(owned)](int more) { return *owned + more; };
  UniqueFunction<int(int)> moved = std::move(add);
  EXPECT_FALSE(add);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved(3), 10);
}

TEST(UniqueFunction, DestroysItsCallableWhenItIsReplaced) {
  auto witness = std::make_shared<int>();
  UniqueFunction<void()> function = [witness] {};
  EXPECT_EQ(witness.use_count(), 2);
  function = {};
  EXPECT_EQ(witness.use_count(), 1);
}

TEST(UniqueFunction, PassesArgumentsThatAreOnlyMoved) {
  UniqueFunction<int(std::unique_ptr<int>)> take = [](std::unique_ptr<int> number) {
    return *number;
  };
  EXPECT_EQ(take(std::make_unique<int>(9)), 9);
}

TEST(UniqueFunctionDeathTest, CallingAnEmptyOneIsABug) {
  UniqueFunction<void()> empty;
  EXPECT_DEATH(empty(), "CHECK failed");
}

}  // namespace
}  // namespace nexus::core
