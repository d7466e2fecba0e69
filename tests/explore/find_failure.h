// Looks for a schedule that fails, instead of failing: for tests of the explorer itself.
//
//   all calls   a test
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tests/explore/schedules.h"

namespace nexus::test {

struct Failure {
  std::uint64_t seed;
  std::string message;
};
// The first one.
std::optional<Failure> find_failure(const std::function<void()>& body, Rounds rounds = {});

}  // namespace nexus::test
