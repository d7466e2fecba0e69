#include "tests/sim/fault_plan.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace nexus::sim {
namespace {

const char* name_of(Fault::Kind kind) {
  static constexpr std::array<const char*, 10> kNames{"crash", "kill",   "start", "leave", "put",
                                                      "pause", "starve", "slow",  "drift", "rule"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string seconds(SimTime time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f s", static_cast<double>(time.count()) / 1e9);
  return text.data();
}

// Sets of hundreds are no use to a reader.
std::string list_of(const std::vector<NodeIndex>& nodes) {
  constexpr std::size_t kShown = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(nodes.size(), kShown); ++i) {
    text += (i == 0 ? "" : ",") + std::to_string(nodes[i]);
  }
  if (nodes.size() > kShown) text += ".. (" + std::to_string(nodes.size()) + ")";
  return text;
}

}  // namespace

SimTime FaultPlan::end() const {
  SimTime end{};
  for (const Fault& fault : faults) end = std::max({end, fault.at, fault.until});
  return end;
}

std::string to_string(const Fault& fault) {
  std::string text = seconds(fault.at);
  if (fault.until > fault.at) text += " to " + seconds(fault.until);
  text += std::string(": ") + name_of(fault.kind) + " " + list_of(fault.nodes);
  if (fault.kind == Fault::Kind::rule) {
    text += " -> " + list_of(fault.to) + " loses " + std::to_string(fault.loss * 100 / 65'536) +
            " %, delays " + std::to_string(fault.delay.count() / 1000) + " us";
  }
  if (fault.amount != 0) text += " by " + std::to_string(fault.amount);
  return text;
}

}  // namespace nexus::sim
