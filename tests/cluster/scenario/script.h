// Script: a scenario as a text file: commands, and below them what is expected to come of them. The form is that of etcd's raft tests
// (github.com/cockroachdb/datadriven):
//
//   # Two lines at least that say
//   # which decision it pins.
//
//   cluster n1 n2 n3
//   run 1s
//   ----
//   n1 n2 n3: view 1 {n1 n2 n3}
//
// Pure; owner only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace nexus::cluster::scenario {

// Commands that are carried out together, and what is expected of all of them.
struct Block {
  // Of its first command, from 1.
  std::size_t line = 0;
  std::vector<std::string> commands{};
  std::vector<std::string> expected{};
};

class Script {
 public:
  // The error names the line.
  [[nodiscard]] static core::Result<Script> parse(std::string_view text);

  const std::vector<Block>& blocks() const { return blocks_; }
  // The text with these as what is expected of each block, everything else as it was.
  std::string rewritten(const std::vector<std::vector<std::string>>& expected) const;

 private:
  // Comments and empty lines before each block, and after the last one.
  std::vector<std::vector<std::string>> between_;
  std::vector<Block> blocks_;
};

// Line by line: what is in both after two spaces, what is only expected after "- ", what has only happened after "+ ". Empty when equal.
std::string difference(const std::vector<std::string>& expected,
                       const std::vector<std::string>& actual);

}  // namespace nexus::cluster::scenario
