#include "tests/cluster/scenario/trace.h"

#include <utility>

namespace nexus::cluster::scenario {

void Trace::add(core::Duration at, const std::string& node, const std::string& text) {
  const std::int64_t tenths = at / std::chrono::milliseconds(100);
  // Not past a line of its own: what a node does stays in order.
  for (auto line = lines_.rbegin(); line != lines_.rend() && line->tenths == tenths; ++line) {
    if (line->nodes.contains(node)) break;
    if (line->text == text && !line->nodes.empty()) {
      line->nodes.insert(node);
      return;
    }
  }
  lines_.push_back({.tenths = tenths, .nodes = {node}, .text = text});
}

std::vector<std::string> Trace::take() {
  std::vector<std::string> texts;
  for (const Line& line : std::exchange(lines_, {})) {
    std::string text;
    if (!line.nodes.empty()) {
      text = std::to_string(line.tenths / 10) + '.' + std::to_string(line.tenths % 10) + 's';
      for (const std::string& node : line.nodes) text += ' ' + node;
      text += ": ";
    }
    texts.push_back(text + line.text);
  }
  return texts;
}

}  // namespace nexus::cluster::scenario
