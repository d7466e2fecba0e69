#include "tests/cluster/scenario/trace.h"

#include <algorithm>
#include <utility>

namespace nexus::cluster::scenario {

void Trace::add(core::Duration at, const std::string& node, const std::string& text,
                const std::string& receiver) {
  Line line{.tenths = at / std::chrono::milliseconds(100), .nodes = {node}, .text = text};
  if (!receiver.empty()) line.receivers.insert(receiver);
  lines_.push_back(std::move(line));
}

template <typename Alike, typename Merge>
void Trace::merge_lines(const Alike& alike, const Merge& merge) {
  std::vector<Line> merged;
  const auto earlier = [&](const Line& line) -> Line* {
    for (auto into = merged.rbegin(); into != merged.rend(); ++into) {
      if (into->tenths != line.tenths || into->nodes.empty()) return nullptr;
      if (into->text == line.text && alike(*into, line)) return &*into;
      const bool shares_node = std::any_of(line.nodes.begin(), line.nodes.end(),
                                           [&](const auto& n) { return into->nodes.contains(n); });
      if (shares_node) return nullptr;
    }
    return nullptr;
  };
  for (Line& line : lines_) {
    if (Line* const into = line.nodes.empty() ? nullptr : earlier(line)) {
      merge(*into, line);
    } else {
      merged.push_back(std::move(line));
    }
  }
  lines_ = std::move(merged);
}

std::vector<std::string> Trace::take() {
  merge_lines(
      [](const Line& a, const Line& b) {
        return a.nodes == b.nodes && !a.receivers.empty() && !b.receivers.empty();
      },
      [](Line& into, Line& line) { into.receivers.merge(line.receivers); });
  merge_lines([](const Line& a, const Line& b) { return a.receivers == b.receivers; },
              [](Line& into, Line& line) { into.nodes.merge(line.nodes); });
  std::vector<std::string> texts;
  for (const Line& line : std::exchange(lines_, {})) {
    std::string text;
    if (!line.nodes.empty()) {
      text = std::to_string(line.tenths / 10) + '.' + std::to_string(line.tenths % 10) + 's';
      for (const std::string& node : line.nodes) text += ' ' + node;
      if (!line.receivers.empty()) text += " to";
      for (const std::string& receiver : line.receivers) text += ' ' + receiver;
      text += ": ";
    }
    texts.push_back(text + line.text);
  }
  return texts;
}

}  // namespace nexus::cluster::scenario
