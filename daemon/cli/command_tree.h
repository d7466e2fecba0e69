// CommandTree: a program's commands and options as data, in the order of its help.
#pragma once

#include <string>
#include <vector>

namespace nexus::cli {

struct OptionNode {
  // As typed: --json, -h.
  std::vector<std::string> names{};
  std::string description{};
  bool takes_value = false;
  // The values it accepts; empty when any.
  std::vector<std::string> choices{};
};

struct PositionalNode {
  std::string name{};
  std::vector<std::string> choices{};
};

struct CommandNode {
  std::string name{};
  std::string description{};
  std::vector<OptionNode> options{};
  std::vector<PositionalNode> positionals{};
};

struct CommandTree {
  std::string program{};
  // Valid before and after the command.
  std::vector<OptionNode> options{};
  std::vector<CommandNode> commands{};
};

}  // namespace nexus::cli
