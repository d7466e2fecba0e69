#include "core/base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace nexus::core {
namespace {

Result<int> half_of(int number) {
  if (number % 2 != 0) return Error{Errc::invalid_argument, "odd", "ODD"};
  return number / 2;
}

TEST(Result, HoldsTheValueWhenTheCallSucceeded) {
  const Result<int> result = half_of(8);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result);
  EXPECT_EQ(result.value(), 4);
  EXPECT_EQ(*result, 4);
}

TEST(Result, HoldsTheErrorWhenTheCallFailed) {
  const Result<int> result = half_of(7);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Errc::invalid_argument);
  EXPECT_EQ(result.error().detail, "odd");
  EXPECT_EQ(result.error().reason, "ODD");
}

TEST(Result, CarriesTypesThatAreOnlyMoved) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = std::move(*result);
  EXPECT_EQ(*taken, 5);
}

TEST(Result, AStatusIsAResultWithoutAValue) {
  const Status good = Nothing{};
  const Status bad = Error{Errc::unavailable, "later"};
  EXPECT_TRUE(good.ok());
  EXPECT_FALSE(bad.ok());
}

TEST(ResultDeathTest, TakingWhatIsNotThereIsABug) {
  EXPECT_DEATH((void)half_of(7).value(), "CHECK failed");
  EXPECT_DEATH((void)half_of(8).error(), "CHECK failed");
}

}  // namespace
}  // namespace nexus::core
