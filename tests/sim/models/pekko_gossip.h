// PekkoGossip: the state that members of the Pekko model gossip: statuses, who reaches whom, and who has seen just this.
//
//   all calls   pekko_model.cc
//
// Pekko orders versions by vector clocks. Here each part only grows, so that the content itself says which of two states is newer, or
// that neither is: the same answers without the clocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "tests/sim/process.h"

namespace nexus::sim {

struct PekkoGossip {
  // In the order in which a member passes through them.
  enum class Status : std::uint8_t { absent, joining, up, leaving, exiting, down, removed };
  struct Member {
    std::uint32_t run = 0;
    Status status = Status::absent;

    bool operator==(const Member&) const = default;
    auto operator<=>(const Member&) const = default;
  };
  // What an observer said last of a subject; odd: unreachable.
  using Records = std::map<std::pair<NodeIndex, NodeIndex>, std::uint32_t>;

  std::vector<Member> members;
  Records records;
  std::vector<std::uint8_t> seen;

  // Equal for equal members and records.
  std::uint64_t content() const {
    std::uint64_t sum = 0;
    for (NodeIndex node = 0; node < members.size(); ++node) {
      if (members[node].status == Status::absent) continue;
      sum += mix64(std::uint64_t{node} << 32 | members[node].run,
                   static_cast<std::uint64_t>(members[node].status));
    }
    for (const auto& [pair, version] : records) {
      sum += mix64(std::uint64_t{pair.first} << 32 | pair.second, version);
    }
    return sum;
  }

  bool is_in(NodeIndex node) const {
    const Status status = members[node].status;
    return status != Status::absent && status != Status::removed;
  }
  bool is_unreachable(NodeIndex subject) const {
    return std::any_of(records.begin(), records.end(), [subject](const auto& record) {
      return record.first.second == subject && record.second % 2 == 1;
    });
  }
  void forget_records_of(NodeIndex node) {
    std::erase_if(records, [node](const auto& record) {
      return record.first.first == node || record.first.second == node;
    });
  }
  void saw_alone(NodeIndex node) {
    std::fill(seen.begin(), seen.end(), std::uint8_t{0});
    seen[node] = 1;
  }
  std::uint32_t member_count() const {
    std::uint32_t count = 0;
    for (NodeIndex node = 0; node < members.size(); ++node) count += is_in(node) ? 1 : 0;
    return count;
  }

  // Members and records of both.
  static PekkoGossip merged(const PekkoGossip& one, const PekkoGossip& other) {
    PekkoGossip result = one;
    for (NodeIndex node = 0; node < one.members.size(); ++node) {
      result.members[node] = std::max(one.members[node], other.members[node]);
    }
    for (const auto& [pair, version] : other.records) {
      std::uint32_t& known = result.records[pair];
      known = std::max(known, version);
    }
    std::erase_if(result.records, [&result](const auto& record) {
      return !result.is_in(record.first.first) || !result.is_in(record.first.second);
    });
    return result;
  }
};

}  // namespace nexus::sim
