// Problems: everything wrong with one configuration, collected so that an operator mends it in one
// go. Owned by one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace nexus::daemon {

// Where something stands in a text; both count from 1, columns in bytes. Line 0: nowhere in
// particular.
struct Position {
  int line = 0;
  int column = 0;

  auto operator<=>(const Position&) const = default;
};

// What is wrong with the value of one key.
struct KeyProblem {
  std::string path;
  std::string what;
};

// "line 3, column 5".
std::string to_string(Position position);

class Problems {
 public:
  static constexpr std::size_t kShownMax = 20;

  // `path` is the key, for example core.workers; empty when the text as a whole is meant.
  void add(Position at, std::string path, std::string what);

  bool empty() const { return problems_.empty(); }
  // Including those that report() leaves out.
  std::size_t count() const { return problems_.size(); }

  // Invalid_argument; the detail has one line a problem, ordered by position, `source:line:column:
  // path: what`, and says how many more there are than kShownMax. Only when not empty().
  core::Error report(std::string_view source) const;

 private:
  struct Problem {
    Position at;
    std::string path;
    std::string what;
  };
  // As added. A text brings at most a few a value, and has at most kYamlNodeCountMax values.
  std::vector<Problem> problems_;
};

}  // namespace nexus::daemon
