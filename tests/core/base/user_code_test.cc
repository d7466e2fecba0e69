#include "core/base/user_code.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace nexus::core {
namespace {

TEST(UserCode, WhatItThrowsComesBackAsText) {
  EXPECT_EQ(failure_of([] { throw std::runtime_error("ow"); }), "ow");
  EXPECT_EQ(failure_of([] { throw 7; }), "exception that is no std::exception");
}

TEST(UserCode, NothingComesBackWhenItThrowsNothing) {
  int runs = 0;
  EXPECT_EQ(failure_of([&] { ++runs; }), std::nullopt);
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace nexus::core
