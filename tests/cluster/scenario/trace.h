// Trace: what happened, a line each: "2.1s n1 n2: view 2 {n1 n2}". What several nodes do alike at about the same time is one line, and so
// is what one of them says to several. Pure; owner only.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace nexus::cluster::scenario {

class Trace {
 public:
  // By this node, so long after the beginning; to another one when that is named.
  void add(core::Duration at, const std::string& node, const std::string& text,
           const std::string& receiver = {});
  // About no node, and without a time.
  void add(const std::string& text) { lines_.push_back({.text = text}); }

  // All since the last call; names ascend.
  [[nodiscard]] std::vector<std::string> take();

 private:
  struct Line {
    std::int64_t tenths = 0;
    std::set<std::string> nodes{};
    std::set<std::string> receivers{};
    std::string text;
  };

  // Makes one line of two where `alike` says so and `merge` puts the later one into the earlier one, unless one of its nodes does
  // something else in between: what a node does stays in order.
  template <typename Alike, typename Merge>
  void merge_lines(const Alike& alike, const Merge& merge);

  std::vector<Line> lines_;
};

}  // namespace nexus::cluster::scenario
