// Trace: what happened, a line each: "2.1s n1 n2: view 2 {n1 n2}". What several nodes do alike at about the same time is one line. Pure;
// owner only.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace nexus::cluster::scenario {

class Trace {
 public:
  // By this node, so long after the beginning.
  void add(core::Duration at, const std::string& node, const std::string& text);
  // About no node, and without a time.
  void add(const std::string& text) { lines_.push_back({.text = text}); }

  // All since the last call; names ascend.
  [[nodiscard]] std::vector<std::string> take();

 private:
  struct Line {
    std::int64_t tenths = 0;
    std::set<std::string> nodes{};
    std::string text;
  };

  std::vector<Line> lines_;
};

}  // namespace nexus::cluster::scenario
